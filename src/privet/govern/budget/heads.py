"""The last head that this user has seen of each ledger, kept outside the ledgers.

A ledger cannot tell by itself that it is a restored backup, a fork, or another one in the place
of the first. Whoever uses it remembers its head after each use, and refuses what is not that
ledger, grown, until the owner signs that it counts.

Formal guarantees:
    - A use is refused where the ledger at an address is missing or another one; and where it is
      older than the last head that this user saw of it, at whatever address, or a fork of it:
      budget that was spent before is not there a second time, nor in a copy elsewhere. Of two
      copies that both grow, one is refused at its first use after the other's. Growth by other
      processes and users is no reason, nor is a move to another address.
    - Not claimed: that this is noticed by somebody who never used the ledger, or once the file of
      heads itself was deleted or restored with the ledger.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from privet.errors import InvalidInput, Refused, Unavailable
from privet.govern.budget.pins import Pin, outstanding, pin, problem_of
from privet.govern.ledger import Ledger
from privet.govern.ledger.keys import sync_folder
from privet.govern.ledger.places import find_address

_HERE = "privet ledger adopt --lost EPSILON --reason TEXT"


@dataclass(frozen=True)
class Heads:
    """What is remembered.

    Attributes:
        newest: by identity, the newest head that was seen of a ledger, wherever.
        at: by address, the identity of the ledger that was last used there.
    """

    newest: dict[str, Pin] = field(default_factory=dict)
    at: dict[str, str] = field(default_factory=dict)

    def expected(self, address: str) -> Pin | None:
        """The newest head of the ledger that was last used at an address."""
        identity = self.at.get(_named(address))
        return None if identity is None else self.newest[identity]

    def after(self, ledger: Ledger) -> Heads:
        """With the head of a ledger as it is now."""
        now, here = pin(ledger), _named(ledger.address)
        return Heads(self.newest | {now.ledger: now}, self.at | {here: now.ledger})


def heads_file() -> Path:
    """`state/heads.json` in PRIVET_HOME, else `privet/heads.json` in the user's state folder
    (XDG_STATE_HOME, ~/.local/state).
    """
    home = os.environ.get("PRIVET_HOME")
    if home:
        return Path(home) / "state" / "heads.json"
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "privet" / "heads.json"


def conflicts(ledger: Ledger) -> tuple[Pin, ...]:
    """The remembered heads that a ledger does not extend, and that not all its sets have given up:
    that of the ledger that was used at its address, and its own.

    Raises:
        InvalidInput: the file of heads holds something else.
    """
    # First what is remembered, then the ledger: it may grow between, and never shrinks.
    heads = _read(heads_file())
    known = (heads.expected(ledger.address), heads.newest.get(ledger.identity))
    return tuple(
        one for one in dict.fromkeys(known)
        if one is not None and problem_of(ledger, one) and outstanding(ledger, one) != ()
    )


def check(ledger: Ledger) -> None:
    """Return if a ledger is what was last seen of it and at its address, grown, or was adopted.

    Raises:
        Refused: another ledger, an older state of it, or a fork.
        InvalidInput: the file of heads holds something else.
    """
    for known in conflicts(ledger):
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
    known = _read(heads_file()).expected(shown)
    if known is not None:
        raise Refused(
            f"there is no ledger at {shown}, where one was used before: what was spent would be "
            "forgotten",
            value="no ledger",
            bound=f"ledger {known.ledger} of at least {known.size} entries, as last seen here",
            remedy="restore its newest copy, or name its new place: --ledger PATH; or, where it is "
                   f"lost: privet dataset register NAME FILE --budget EPSILON, then {_HERE}",
        )


def elsewhere(used: Ledger | None) -> dict[str, tuple[str, ...]]:
    """By identity, the addresses at which ledgers were used other than the one in use.

    Raises:
        InvalidInput: the file of heads holds something else.
    """
    own = None if used is None else used.identity
    found: dict[str, tuple[str, ...]] = {}
    for address, identity in _read(heads_file()).at.items():
        if identity != own:
            found[identity] = (*found.get(identity, ()), address)
    return found


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
            heads = _read(path)
            if (now := heads.after(ledger)) != heads:
                _write(path, now)
    except OSError as error:
        raise Unavailable(
            f"the last head of the ledger cannot be remembered in {path}: {error.strerror}",
            remedy="export XDG_STATE_HOME=/a/folder/that/stays",
        ) from error


def _named(address: str) -> str:
    return address if "://" in address else os.path.realpath(address)


def _read(path: Path) -> Heads:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Heads()
    except OSError as error:
        raise Unavailable(f"the heads of ledgers cannot be read in {path}: {error.strerror}",
                          remedy=f"chmod u+rw {path}") from error
    try:
        return _heads(json.loads(text))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise InvalidInput(
            f"the file {path} does not hold the heads of ledgers",
            bound="what privet wrote there",
            remedy=f"privet ledger verify --receipt FILE, and if it holds, rm {path}",
        ) from error


def _heads(record: Any) -> Heads:
    if record.keys() != {"addresses", "ledgers"}:
        return _by_address({address: _pin(**one) for address, one in record.items()})
    found = Heads({identity: _pin(identity, **one) for identity, one in record["ledgers"].items()},
                  dict(record["addresses"]))
    if not set(found.at.values()) <= found.newest.keys():
        raise ValueError
    return found


def _by_address(pins: dict[str, Pin]) -> Heads:
    """What earlier releases remembered by address alone: of two copies the longer one counts."""
    newest: dict[str, Pin] = {}
    for one in sorted(pins.values(), key=lambda known: known.size):
        newest[one.ledger] = one
    return Heads(newest, {address: one.ledger for address, one in pins.items()})


def _pin(ledger: str, size: int, root: str) -> Pin:
    if (type(ledger), type(size), type(root)) != (str, int, str):
        raise TypeError
    return Pin(ledger=ledger, size=size, root=root)


def _write(path: Path, heads: Heads) -> None:
    """Replace the file whole or not at all, flushed to the disk."""
    record = {
        "addresses": heads.at,
        "ledgers": {identity: {"size": one.size, "root": one.root}
                    for identity, one in heads.newest.items()},
    }
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".heads.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1, sort_keys=True)
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
