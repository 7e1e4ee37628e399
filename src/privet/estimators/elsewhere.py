"""Ledgers of this user beside the one in use: what one of them keeps is not read past it.

Their addresses are those at which the file of heads remembers a ledger. Nothing is written to them.
"""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from privet.errors import PrivetError, Refused

if TYPE_CHECKING:
    from privet.data.source import Source
    from privet.govern.ledger import Ledger

WAIT = 5
"""Seconds to wait for a ledger beside the one in use: for its server, and for a lock."""


class LedgerWarning(UserWarning):
    """A ledger that was used before cannot be asked whether it keeps the data."""


def refuse_kept_elsewhere(source: Callable[[], Source], used: Ledger | None) -> None:
    """Return if no other ledger of this user knows the rows of a source, or shares persons with it.

    One that cannot be asked is named in a `LedgerWarning`. Reads the file of heads alone where no
    other ledger was ever used.

    Args:
        source: asked for once a ledger is found that knows any data; read once for each such one.
        used: the ledger in use, which does not know them; None if there is none.

    Raises:
        Refused: one does; the remedy names it.
        InvalidInput: the file of heads holds something else.
    """
    from privet.govern.budget.heads import elsewhere

    for identity, addresses in elsewhere(used).items():
        problems = []
        for address in addresses:
            try:
                ledger = _opened(address, identity)
                kept = _kept(ledger, source)
            except PrivetError as error:
                problems.append(error.problem)
                continue
            if kept is not None:
                raise _refusal(address, kept, used)
            break
        else:
            _note(addresses, problems)


def _opened(address: str, identity: str) -> Ledger:
    from privet.govern.ledger import Ledger

    ledger = Ledger.open(_reachable(address), create=False, timeout=WAIT)
    if ledger.identity != identity:
        raise Refused("another ledger lies there now")
    return ledger


def _without_password(address: str) -> str:
    """The address as it may be shown and written: a password is never remembered, only a mask."""
    return address.replace(":***@", "@", 1) if "://" in address else address


def _reachable(address: str) -> str:
    if "://" not in address:
        return address
    from sqlalchemy.engine import make_url

    url = make_url(_without_password(address))
    if "connect_timeout" not in url.query:
        url = url.update_query_dict({"connect_timeout": str(WAIT)})
    return url.render_as_string(hide_password=False)


def _kept(ledger: Ledger, source: Callable[[], Source]) -> str | None:
    """The registered sets of a ledger that a source is, or shares persons with; None if it is none.

    Raises:
        PrivetError: this cannot be told.
    """
    from privet.govern.budget import Registry
    from privet.govern.budget.sketch import hash_key_file

    registry = Registry(ledger)
    sets = registry.list()
    if not sets:
        return None
    if not hash_key_file(ledger).exists():
        raise Refused(f"its hash key {hash_key_file(ledger)} is not there")
    from privet.estimators.recognition import fingerprint

    version, traces = fingerprint(ledger, source(), sets)
    names = registry.recognise(traces, version).names
    return ", ".join(map(repr, names)) or None


def _refusal(address: str, kept: str, used: Ledger | None) -> Refused:
    where = shlex.quote(_without_password(address))
    return Refused(
        f"another ledger that was used here keeps these data, or persons in them, as {kept}: what "
        "is released of them would not be counted",
        value="no ledger" if used is None else f"the ledger {used.address}",
        bound=f"the ledger {_without_password(address)}",
        remedy=f"--ledger {where}   # or: export PRIVET_LEDGER={where}",
    )


def _note(addresses: tuple[str, ...], problems: list[str]) -> None:
    shown = " or ".join(map(_without_password, addresses))
    warnings.warn(
        f"whether the ledger at {shown} keeps these data is not known, since it cannot be asked: "
        f"{'; '.join(problems)}", LedgerWarning, stacklevel=2,
    )
