"""The last head that this user has seen of each ledger, kept outside the ledgers.

A ledger cannot tell by itself that it is a restored backup, a fork, or another one in the place
of the first. Whoever uses it remembers its head after each use, and refuses what is not that
ledger, grown, until the owner signs that it counts.

Formal guarantees:
    - A use is refused where the ledger at an address is missing, another one, older than the
      last head that this user saw there, or a fork of it: budget that was spent before is not
      there a second time. Growth by other processes and users is no reason.
    - Not claimed: that this is noticed by somebody who never used the ledger, under another
      address, or once the file of heads itself was deleted or restored with the ledger.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from privet.errors import InvalidInput, Refused, Unavailable
from privet.govern.budget.pins import Pin, outstanding, pin, problem_of
from privet.govern.ledger import Ledger
from privet.govern.ledger.keys import sync_folder
from privet.govern.ledger.places import find_address

_HERE = "privet ledger adopt --lost EPSILON --reason TEXT"


def heads_file() -> Path:
    """`state/heads.json` in PRIVET_HOME, else `privet/heads.json` in the user's state folder
    (XDG_STATE_HOME, ~/.local/state).
    """
    home = os.environ.get("PRIVET_HOME")
    if home:
        return Path(home) / "state" / "heads.json"
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "privet" / "heads.json"


def conflict(ledger: Ledger) -> Pin | None:
    """The remembered head that a ledger does not extend, and that not all its sets have given up.

    Raises:
        InvalidInput: the file of heads holds something else.
    """
    # First what is remembered, then the ledger: it may grow between, and never shrinks.
    known = _read(heads_file()).get(_named(ledger.address))
    if known is None or problem_of(ledger, known) is None:
        return None
    return None if outstanding(ledger, known) == () else known


def check(ledger: Ledger) -> None:
    """Return if a ledger is what was last seen at its address, grown, or was adopted since.

    Raises:
        Refused: another ledger, an older state of it, or a fork.
        InvalidInput: the file of heads holds something else.
    """
    known = conflict(ledger)
    if known is not None:
        raise Refused(
            f"the ledger {ledger.address} must not be used: {problem_of(ledger, known)}",
            value=f"ledger {ledger.identity} of {ledger.head().size} entries",
            bound=f"ledger {known.ledger} of at least {known.size} entries, as last seen here",
            remedy=f"restore the newest copy; or, where it is lost: {_HERE}",
        )


def check_missing(where: str | None) -> None:
    """Return if no ledger was ever seen at an address at which none is.

    Raises:
        Refused: one was, and is gone.
        InvalidInput: the file of heads holds something else.
    """
    shown = find_address(where).shown
    known = _read(heads_file()).get(_named(shown))
    if known is not None:
        raise Refused(
            f"there is no ledger at {shown}, where one was used before: what was spent would be "
            "forgotten",
            value="no ledger",
            bound=f"ledger {known.ledger} of at least {known.size} entries, as last seen here",
            remedy="restore its newest copy; or, where it is lost: privet dataset register NAME "
                   f"FILE --budget EPSILON, then {_HERE}",
        )


def remember(ledger: Ledger) -> None:
    """Check a ledger, and remember its head; durable when this returns.

    Raises:
        Refused, InvalidInput: see `check`.
        Unavailable: the file of heads cannot be written.
    """
    path = heads_file()
    try:
        with _alone(path):
            check(ledger)
            heads, now = _read(path), pin(ledger)
            if heads.get(_named(ledger.address)) != now:
                _write(path, heads | {_named(ledger.address): now})
    except OSError as error:
        raise Unavailable(
            f"the last head of the ledger cannot be remembered in {path}: {error.strerror}",
            remedy="export XDG_STATE_HOME=/a/folder/that/stays",
        ) from error


def _named(address: str) -> str:
    return address if "://" in address else os.path.realpath(address)


def _read(path: Path) -> dict[str, Pin]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Unavailable(f"the heads of ledgers cannot be read in {path}: {error.strerror}",
                          remedy=f"chmod u+rw {path}") from error
    try:
        return {address: _pin(record) for address, record in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise InvalidInput(
            f"the file {path} does not hold the heads of ledgers",
            bound="what privet wrote there",
            remedy=f"privet ledger verify --receipt FILE, and if it holds, rm {path}",
        ) from error


def _pin(record: Any) -> Pin:
    found = Pin(ledger=record["ledger"], size=record["size"], root=record["root"])
    if (type(found.ledger), type(found.size), type(found.root)) != (str, int, str):
        raise TypeError
    return found


def _write(path: Path, heads: dict[str, Pin]) -> None:
    """Replace the file whole or not at all, flushed to the disk."""
    records = {address: {"ledger": one.ledger, "size": one.size, "root": one.root}
               for address, one in sorted(heads.items())}
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".heads.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(records, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes and threads from writing the file meanwhile, where the system can."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path.with_suffix(".lock"), "a", encoding="utf-8") as handle:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
