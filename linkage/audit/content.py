"""The content of an audit as plain JSON values: what is printed, written and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from linkage import __version__
from linkage.audit.finding import Finding
from linkage.audit.plan import Scope
from linkage.audit.words import advice, sentence, situation

FORMAT_VERSION = 1


def audit_content(
    facts: dict[str, Any], scope: Scope, findings: Sequence[Finding], seconds: float
) -> dict[str, Any]:
    """Put an audit together; `facts` say of what it is. Nothing in it is a person's value."""
    counted = [one for one in findings if one.counts]
    worst = max(counted, key=lambda one: one.named, default=None)
    return {
        "format_version": FORMAT_VERSION,
        "software": f"linkage {__version__}",
        **facts,
        "scope": asdict(scope),
        "seconds": round(seconds, 1),
        "attempts": sum(one.attempts for one in counted),
        "most_named": worst.named if worst else 0.0,
        "worst": sentence(worst) if worst else "",
        "findings": [_told(one) for one in findings],
    }


def _told(finding: Finding) -> dict[str, Any]:
    return finding.content() | {
        "situation": situation(finding.setting),
        "counts": finding.counts,
        "sentence": sentence(finding),
        "advice": advice(finding),
    }
