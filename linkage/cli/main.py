"""The command `linkage`: finds commands by name, and turns errors into messages and exit codes."""

from __future__ import annotations

import importlib
import io
import json
import signal
import sys
import traceback
import warnings
from itertools import pairwise
from typing import Any, NoReturn

import click

from linkage import __version__
from linkage.errors import LinkageError

_AGENCY, _LINKER = (f"linkage.cli.{role}" for role in ("agency", "linker"))
_COMMANDS = {
    "keygen": _AGENCY,
    "schema": _AGENCY,
    "profile": "linkage.cli.profile",
    "encode": "linkage.cli.encode",
    "audit": "linkage.cli.audit",
    "resolve": _AGENCY,
    "inspect": _LINKER,
    "link": "linkage.cli.link",
    "explain": "linkage.cli.explain",
    "export": "linkage.cli.export",
    "certify": "linkage.cli.certify",
    "pathways": "linkage.cli.pathways",
    "evaluate": "linkage.cli.evaluate",
    "synth": "linkage.cli.synth",
    "demo": "linkage.cli.demo",
}


class _Commands(click.Group):
    """Loads a command's module when the command is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(_COMMANDS[name]), name)
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(context, args)
        except click.UsageError as error:
            close = [name for name in _COMMANDS if name.startswith(args[0][:3])]
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise click.UsageError(f"{error.message}{hint}", context) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="linkage")
def linkage() -> None:
    """Link records of the same people across agencies, without showing them to each other.

    \b
    Agency   keygen, schema, profile, encode, audit,    holds key and raw records
             resolve
    Linker   inspect, link, explain, export, certify,   sees encodings, and years and
             pathways                                   types of events that are passed along
    Engineer evaluate, synth, demo                      works with synthetic data

    \b
    Example: linkage demo my-first-linkage
    """


def main() -> NoReturn:
    """Run the command line; ends the process with the exit code of the contract."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _stop)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and give its exit code; messages go to standard error."""
    fail = _fail_in_json if "json" in _log_formats(arguments) else _fail_in_text
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("default", category=UserWarning, module=r"linkage\b")
        warnings.showwarning = _show_warning
        try:
            linkage.main(arguments, prog_name="linkage", standalone_mode=False)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.ctx.get_help() if error.ctx else "")
            return 2
        except click.ClickException as error:
            return fail(_explain_usage(error), 2)
        except (click.Abort, KeyboardInterrupt):
            return fail("interrupted; nothing was left behind", 130)
        except _Stopped as error:
            return fail("stopped; nothing was left behind", 128 + error.number)
        except LinkageError as error:
            return fail(str(error), error.exit_code)
        except Exception as error:  # a traceback is a defect, and may show raw values
            return fail(_explain(error), 1)
    return 0


class _Stopped(BaseException):
    """The system asked the process to end; drafts are removed on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _stop(number: int, frame: object) -> None:
    raise _Stopped(number)


def _log_formats(arguments: list[str]) -> list[str]:
    joined = [one.removeprefix("--log-format=") for one in arguments if "--log-format=" in one]
    return joined + [b for a, b in pairwise(arguments) if a == "--log-format"]


def _explain_usage(error: click.ClickException) -> str:
    message = error.format_message().replace("\n", " ")
    context = getattr(error, "ctx", None)
    return f"{message}\nsee: {context.command_path} --help" if context else message


def _explain(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}"
    if isinstance(error, MemoryError):
        return "out of memory: raise --memory-limit, link fewer rows at a time, or cap large blocks"
    if isinstance(error, ModuleNotFoundError) and str(error.name).startswith("linkage."):
        return f"this installation is without {error.name}; run the command at an agency"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"a defect in linkage ({type(error).__name__} in {last.name}, line {last.lineno}); "
        "please report it with the command that you ran"
    )


def _fail_in_text(message: str, code: int) -> int:
    click.echo(f"error: {message}", err=True)
    return code


def _fail_in_json(message: str, code: int) -> int:
    click.echo(json.dumps({"error": True, "message": message, "exit_code": code}), err=True)
    return code


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"warning: {message}", err=True)
