"""How a failure is told: one message on stderr, an exit code, and no traceback unless asked.

Exit codes: 1 for a bug of ours, 2 for what cannot be done as asked, 3 for a receipt that shows
less than one with content would (`receipts.WITHHELD`), 130 when interrupted.
"""

from __future__ import annotations

import errno
import json
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from privet.claims import Spending
from privet.cli.wording import as_options, in_prose
from privet.errors import Cancelled, PrivetError

BUG, REFUSED, INTERRUPTED = 1, 2, 130


def report(error: BaseException, words: Sequence[str], runs: Sequence[Spending] = ()) -> int:
    """Tell the failure of a command line of these words, and return the exit code.

    What was reserved for `runs` is told with it, since a failure does not give it back. The
    message of an unexpected exception is never shown: a library may have put a private cell into
    it. `--traceback` shows it to whoever asks.
    """
    told = [reserved(run) for run in runs if _recorded(run)]
    if isinstance(error, SystemExit) and not told:
        return error.code if isinstance(error.code, int) else BUG
    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        _silence(sys.stdout)
        return BUG
    options = _options(words)
    if "--traceback" in options:
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, click.Abort) and isinstance(error.__cause__, EOFError):
        error = error.__cause__  # click takes any for Ctrl-D, but we ask nothing: a broken file
    code, facts = explain(error, finished=any(run.receipt for run in runs))
    if told:
        facts["reservations"] = told
        facts["message"] = "\n".join([facts["message"], *(_told(each) for each in told)])
    if "--json" in options:
        text = json.dumps({"error": facts | {"exit_code": code}}, ensure_ascii=False)
    else:
        text = "Error: " + printable(facts["message"])
    click.echo(text, err=True)
    return code


def explain(error: BaseException, *, finished: bool = False) -> tuple[int, dict[str, Any]]:
    """Return exit code and facts (kind, message, and for our own errors their parts).

    Args:
        finished: the run itself had ended, so that its file may have been written, whole.
    """
    kind = type(error).__name__
    files = "its file is written whole, or is not there" if finished else "no file was written"
    if isinstance(error, (KeyboardInterrupt, click.Abort, Cancelled)):
        return INTERRUPTED, {"kind": "Interrupted", "message": f"interrupted; {files}."}
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else BUG
        return code, {"kind": "Stopped", "message": f"stopped; {files}."}
    if isinstance(error, PrivetError):
        value = error.value
        shown = value if isinstance(value, (str, int, bool, type(None))) else repr(value)
        problem, bound = in_prose(error.problem), error.bound and in_prose(error.bound)
        remedy = error.remedy and as_options(error.remedy)
        message = _message(error, problem, bound or "", remedy or "")
        parts = {"problem": problem, "value": shown, "bound": bound, "remedy": remedy}
        return REFUSED, {"kind": kind, "message": message, **parts}
    if isinstance(error, click.ClickException):
        message = error.format_message()
        context = getattr(error, "ctx", None)
        if context is not None:
            message += f"\n  help: {context.command_path} --help"
        return REFUSED, {"kind": kind, "message": message}
    if isinstance(error, MemoryError):
        return BUG, {"kind": kind, "message": "not enough memory for this."}
    return BUG, {"kind": kind, "message": _unexpected(error, files)}


def reserved(run: Spending) -> dict[str, Any]:
    """What was set aside for a run of registered data, and what became of it."""
    held = run.reservation
    state: str = "unknown" if held is None else run.ending or "open"
    if run.receipt is not None:
        state = "committed"
    entry = held.entry.rpartition("/")[2] if held else ""
    return {
        "entry": int(entry) if entry else None,
        "data_set": run.request.data_set,
        "action": run.request.action,
        "claim": run.request.guarantee.headline(),
        "spends": held is None or held.spends,
        "state": state,
    }


_STATES = {
    "committed": "The run finished and is recorded, so it stays spent",
    "forfeited": "It stays spent, since rows may have been read",
    "released": "It was given back, since no row had been read",
    "open": "It is not settled, and counts as spent",
}


def _recorded(run: Spending) -> bool:
    """True if a ledger has, or may have, an entry of the reservation."""
    if run.reservation is None:
        return run.request.data_set is not None and run.ending != "refused"
    return bool(run.reservation.entry)


def _told(facts: dict[str, Any]) -> str:
    name = shlex.quote(str(facts["data_set"]))
    claim, entry = facts["claim"], facts["entry"]
    show = f"\n  see: privet budget show {name}"
    if entry is None:
        return f"  Whether budget of {name} was reserved is not known.{show}"
    show = f"\n  see: privet ledger show {entry}; privet budget show {name}"
    if not facts["spends"]:
        return (f"  Entry {entry} of the ledger records that {name} was used ({facts['action']}); "
                f"this takes nothing from its budget.{show}")
    return (f"  Entry {entry} of the ledger reserved budget of {name}: {claim}.\n"
            f"  {_STATES[facts['state']]}.{show}")


def printable(text: str) -> str:
    """The text without control characters: names of columns and files may steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _message(error: PrivetError, problem: str, bound: str, remedy: str) -> str:
    """The error's own message with these parts in place of its own."""
    message = str(error).replace(error.problem.rstrip("."), problem.rstrip("."), 1)
    message = message.replace(error.bound or "", bound, 1)
    return message.removesuffix(error.remedy) + remedy if error.remedy else message


def _unexpected(error: BaseException, files: str) -> str:
    reason = ""
    if isinstance(error, OSError) and error.errno is not None:
        where = f" ({error.filename})" if error.filename else ""
        reason = f": {os.strerror(error.errno)}{where}"
    return (
        f"something unexpected went wrong{reason} ({type(error).__name__} in {_place(error)}).\n"
        f"  {files.capitalize()}. Run the same command with --traceback to see the details;\n"
        "  they may contain values of your data, so read them before you send them to anyone."
    )


def _place(error: BaseException) -> str:
    """Where the innermost frame of our own code stood."""
    root = Path(__file__).parents[2]
    stack = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in stack if frame.filename.startswith(str(root))]
    if not frames:
        return "privet"
    return f"{Path(frames[-1].filename).relative_to(root)}, line {frames[-1].lineno}"


def _options(words: Sequence[str]) -> list[str]:
    """The words before a bare `--`, behind which everything is an argument."""
    known = list(words)
    return known[: known.index("--")] if "--" in known else known


def _silence(stream: Any) -> None:
    """Point a closed pipe at nothing, so that the interpreter's last flush cannot complain."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):  # the stream has no descriptor to redirect: nothing to flush
        return
