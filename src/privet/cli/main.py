"""Entry point `privet`: the group, which loads a command's module when it is named."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from privet.claims import noting
from privet.cli.errors import report
from privet.cli.options import traceback_option

_HOMES = {
    **{name: f"{name}:command" for name in ("compare", "train", "predict", "schema", "dataset")},
    "query": "query:command",
    "perturb": "perturb:command",
    "local": "perturb:local",
    "budget": "budget:command",
    "policy": "policy:command",
    "request": "requests:command",
    **{name: f"approvals:{name}" for name in ("approve", "deny", "revoke")},
    "ledger": "ledger:command",
    "key": "keys:command",
    "report": "documents:report",
    "verify-receipt": "documents:verify_receipt",
    "demo": "demo:command",
    "doctor": "doctor:command",
}
COMMANDS = tuple(_HOMES)
"""In the order in which a new user meets them."""

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Privet(click.Group):
    """A group that imports its commands late and turns every failure into one message."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in their own order, not the alphabet's."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of the command, or say that there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = _HOMES[cmd_name].partition(":")
        command = getattr(import_module(f"privet.cli.{module}"), name)
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a name that is nearly right is answered with the right one."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            from difflib import get_close_matches

            close = get_close_matches(name, COMMANDS, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            ctx.fail(f"There is no command '{name}'.{hint} Commands: {', '.join(COMMANDS)}.")
        return super().resolve_command(ctx, args)

    def main(  # type: ignore[override]  # click overloads on standalone_mode; we always exit
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: Any,
    ) -> NoReturn:
        """Run and exit: 0 done, 1 a bug, 2 what was asked cannot be done, 130 interrupted."""
        words = list(sys.argv[1:] if args is None else args)
        extra["standalone_mode"] = False
        with noting() as runs:
            try:
                outcome = super().main(args=words, prog_name=prog_name or "privet", **extra)
                sys.stdout.flush()
            except BaseException as error:
                sys.exit(report(error, words, runs))
        sys.exit(outcome if isinstance(outcome, int) else 0)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from privet.cli.doctor import own_version

        click.echo(f"privet {own_version()}")
        ctx.exit()


@click.group("privet", cls=Privet, context_settings=SETTINGS)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
              help="Print the version and exit.")
@traceback_option
def cli() -> None:
    """Write a model once; choose who may see the data.

    Every command writes a table for people, or JSON with --json. It ends with exit code 0 only
    when it did what was asked; 'privet COMMAND --help' says more of each.

    \b
    A first run, without any file of your own:
      privet demo

    \b
    With your own file:
      privet schema draft patients.csv --target outcome > patients.toml
      (in patients.toml, put in bounds that you know from the field, then bounds_from = "domain")
      privet compare patients.csv --schema patients.toml
      privet train patients.csv --schema patients.toml --epsilon 1 --out model.safetensors
      privet predict model.safetensors new-patients.csv
    """


_STOPPED = (128 + signal.SIGINT, 128 + signal.SIGTERM)


def _terminated(*_: object) -> NoReturn:
    # An exception, so that half-written files are removed on the way out.
    raise SystemExit(128 + signal.SIGTERM)


def main() -> NoReturn:
    """Run the command line; never returns."""
    signal.signal(signal.SIGTERM, _terminated)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an old terminal shows "?" for what it lacks
    try:
        cli.main()
    except SystemExit as ended:
        if ended.code not in _STOPPED:
            raise
        # Nothing is left to unwind, but compiled code may still be computing in its threads, and
        # an interpreter that is torn down under them can crash.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(ended.code))
