"""The command `linkage`: finds commands by name, and turns errors into messages and exit codes."""

from __future__ import annotations

import importlib
import sys
import traceback
import warnings
from typing import Any, NoReturn

import click

from linkage import __version__
from linkage.errors import LinkageError

_AGENCY, _LINKER, _ENGINEER = (f"linkage.cli.{role}" for role in ("agency", "linker", "engineer"))
_COMMANDS = {
    "keygen": _AGENCY,
    "schema": _AGENCY,
    "encode": _AGENCY,
    "resolve": _AGENCY,
    "inspect": _LINKER,
    "link": _LINKER,
    "evaluate": _ENGINEER,
    "synth": _ENGINEER,
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
    Agency   keygen, schema, encode, resolve    holds the key and the raw records
    Linker   inspect, link                      sees encodings only
    Engineer evaluate, synth, demo              works with synthetic data

    \b
    Example: linkage demo my-first-linkage
    """


def main() -> NoReturn:
    """Run the command line; ends the process with the exit code of the contract."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and give its exit code; messages go to standard error."""
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
            error.show()
            return 2
        except (click.Abort, KeyboardInterrupt):
            return _fail("interrupted; nothing was left behind", 130)
        except LinkageError as error:
            return _fail(str(error), error.exit_code)
        except Exception as error:  # a traceback is a defect, and may show raw values
            return _fail(_explain(error), 1)
    return 0


def _explain(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}"
    if isinstance(error, MemoryError):
        return "out of memory; link fewer rows at a time, or on a larger machine"
    if isinstance(error, ModuleNotFoundError) and str(error.name).startswith("linkage."):
        return f"this installation is without {error.name}; run the command at an agency"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"a defect in linkage ({type(error).__name__} in {last.name}, line {last.lineno}); "
        "please report it with the command that you ran"
    )


def _fail(message: str, code: int) -> int:
    click.echo(f"error: {message}", err=True)
    return code


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"warning: {message}", err=True)
