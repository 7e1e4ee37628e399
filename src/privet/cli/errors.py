"""How a failure is told: one message on stderr, an exit code, and no traceback unless asked.

Exit codes: 1 for a bug of ours, 2 for what cannot be done as asked, 130 when interrupted.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from privet.cli.wording import as_options, in_prose
from privet.errors import Cancelled, PrivetError

BUG, REFUSED, INTERRUPTED = 1, 2, 130


def report(error: BaseException, words: Sequence[str]) -> int:
    """Tell the failure of a command line of these words, and return the exit code.

    The message of an unexpected exception is never shown: a library may have put a private
    cell into it. `--traceback` shows it to whoever asks.
    """
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else BUG
    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        _silence(sys.stdout)
        return BUG
    options = _options(words)
    if "--traceback" in options:
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, click.Abort) and isinstance(error.__cause__, EOFError):
        error = error.__cause__  # click takes any for Ctrl-D, but we ask nothing: a broken file
    code, facts = explain(error)
    if "--json" in options:
        text = json.dumps({"error": facts | {"exit_code": code}}, ensure_ascii=False)
    else:
        text = "Error: " + printable(facts["message"])
    click.echo(text, err=True)
    return code


def explain(error: BaseException) -> tuple[int, dict[str, Any]]:
    """Return exit code and facts (kind, message, and for our own errors their parts)."""
    kind = type(error).__name__
    if isinstance(error, (KeyboardInterrupt, click.Abort, Cancelled)):
        return INTERRUPTED, {"kind": "Interrupted", "message": "interrupted; nothing was written."}
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
    return BUG, {"kind": kind, "message": _unexpected(error)}


def printable(text: str) -> str:
    """The text without control characters: names of columns and files may steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _message(error: PrivetError, problem: str, bound: str, remedy: str) -> str:
    """The error's own message with these parts in place of its own."""
    message = str(error).replace(error.problem.rstrip("."), problem.rstrip("."), 1)
    message = message.replace(error.bound or "", bound, 1)
    return message.removesuffix(error.remedy) + remedy if error.remedy else message


def _unexpected(error: BaseException) -> str:
    reason = ""
    if isinstance(error, OSError) and error.errno is not None:
        where = f" ({error.filename})" if error.filename else ""
        reason = f": {os.strerror(error.errno)}{where}"
    return (
        f"something unexpected went wrong{reason} ({type(error).__name__} in {_place(error)}).\n"
        "  Nothing was written. Run the same command with --traceback to see the details;\n"
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
