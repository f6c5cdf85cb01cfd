"""Run an audit: draw the scenes, make the attacks, judge their attempts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from threadpoolctl import threadpool_limits

from linkage.audit.attack import Effort, Progress, silent
from linkage.audit.finding import Finding, Judge, Judged, Setting, find
from linkage.audit.plan import Step
from linkage.audit.samples import Held, Project, draw, meet
from linkage.audit.scene import Scene, Truth

#: Makes the scene of a setting.
Draw = Callable[[Setting], tuple[Scene, Truth]]


@dataclass(frozen=True)
class Stage:
    """Where an audit takes its scenes from, and how hard it tries."""

    draw: Draw
    seed: int = 0
    threads: int = 1
    enough: float = 0.9


def own_file(held: Held, project: Project, seed: int, people: int) -> Draw:
    """Take both the file and the attacker's list from an agency's own records."""
    return lambda setting: draw(held, project, setting, seed, people)


def other_list(held: Held, listed: Held, project: Project, seed: int) -> Draw:
    """Take all records for the file, and other ones for the attacker's list."""
    return lambda setting: meet(held, listed, project, setting, seed)


def run_steps(
    steps: Sequence[Step], stage: Stage, progress: Progress = silent
) -> Iterator[Finding]:
    """Make every step, and yield what it found.

    Numerical libraries are held to one thread each, and attacks run their attempts side by side:
    so the same seed gives the same findings whatever the number of threads.
    """
    scenes: dict[Setting, tuple[Scene, Truth]] = {}
    with threadpool_limits(1):
        for done, step in enumerate(steps, 1):
            if step.setting not in scenes:
                scenes = {step.setting: stage.draw(step.setting)}
            yield from _made(step, *scenes[step.setting], stage)
            progress("attacks", done, len(steps))


def _made(step: Step, scene: Scene, truth: Truth, stage: Stage) -> list[Finding]:
    judge = Judge(scene.view, truth, scene.known)
    effort = Effort(stage.seed, step.restarts, stage.threads)
    start = time.perf_counter()
    attempts = step.attack.attempts(scene, effort, silent)
    known = (judge.judge(one) for one in attempts if judge.knows(one.what))
    judged = list(_until_enough(known, stage.enough))
    seconds = time.perf_counter() - start
    found = find(step.attack.name, step.attack.needs, step.setting, judged, judge, seconds)
    return [replace(one, without_key=not step.needs_key) for one in found]


def _until_enough(judged: Iterable[Judged], enough: float) -> Iterator[Judged]:
    """Stop once so many people are named: further attempts would tell nothing new."""
    for one in judged:
        yield one
        if one.attempt.what == "people" and one.share >= enough:
            return
