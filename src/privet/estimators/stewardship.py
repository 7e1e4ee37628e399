"""Which steward watches a data set: the ledger's, where one is kept and knows the data.

A ledger is kept where `ledger_at` or PRIVET_LEDGER names one, or where one lies at its default
place. Data are known by their content, whatever file or frame they come in: an exact copy, a grown
or a filtered one. What neither this ledger nor another one that this user has used knows is
nobody's business here, and the guarantee says that nothing was recorded.

The last head of each ledger is remembered outside of it. A ledger that is missing, older, another
one or a fork is refused until its owner adopts it.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from privet.data import Dataset
from privet.errors import InvalidInput

if TYPE_CHECKING:
    from privet.data.source import Source
    from privet.govern.ledger import Ledger
    from privet.govern.steward import LedgerSteward

LEDGER, REQUESTER = "PRIVET_LEDGER", "PRIVET_REQUESTER"
_named: ContextVar[str | None] = ContextVar("ledger", default=None)


@contextmanager
def ledger_at(where: str) -> Iterator[None]:
    """Inside the block this ledger is in use, before PRIVET_LEDGER and the default place."""
    token = _named.set(where)
    try:
        yield
    finally:
        _named.reset(token)


def stewarded(
    data: Dataset, whole: Callable[[], Source] | None = None
) -> tuple[Dataset, LedgerSteward | None]:
    """The data under their registered name, with their steward; None for data not registered.

    Args:
        whole: gives the table that the data are a part of, by which they are known; asked for
            only where a ledger knows any data.

    Raises:
        Refused: the data are not registered, but share persons with data that are; they are
            registered in another ledger that this user has used; the ledger is not the one that
            was used before, grown; or its sketches or hash key are not.
        InvalidInput: the ledger that is named is not there.
    """
    name, steward = _admission(whole or (lambda: data.source), data.name)
    return (data, None) if name is None else (replace(data, name=name), steward)


def admission(source: Source, name: str | None = None) -> tuple[str | None, LedgerSteward | None]:
    """The registered name of a source and its steward; (None, None) if it is not registered.

    Raises:
        Refused, InvalidInput: see `stewarded`.
    """
    return _admission(lambda: source, name)


def _admission(
    source: Callable[[], Source], name: str | None
) -> tuple[str | None, LedgerSteward | None]:
    ledger, table = kept_ledger(), cache(source)
    known = None if ledger is None else _known(ledger, table, name)
    if known is not None:
        return known
    from privet.estimators.elsewhere import refuse_kept_elsewhere

    refuse_kept_elsewhere(table, ledger)
    return None, None


def _known(
    ledger: Ledger, source: Callable[[], Source], name: str | None
) -> tuple[str, LedgerSteward] | None:
    """The name under which a ledger knows a source, and its steward."""
    steward = _steward(ledger)
    sets = steward.registry.list()
    if not sets:
        return None
    from privet.estimators.recognition import fingerprint
    from privet.govern.budget import hash_keys, key_name
    from privet.govern.budget.heads import remember

    remember(ledger)  # before anything is spent, also to see that it can be
    steward.registry.require_known_by([*map(key_name, hash_keys(ledger))])
    version, traces = fingerprint(ledger, source(), sets)
    known = name if name in {data_set.name for data_set in sets} else None
    admitted = steward.admit(traces, version, name=known)
    return None if admitted is None else (admitted, steward)


def kept_ledger() -> Ledger | None:
    """The ledger that is kept here, opened; None if none is, nor ever was.

    Raises:
        Refused: it is missing, older, another one or a fork of what was last seen at its address.
        InvalidInput: the ledger that is named is not there.
    """
    from privet.govern.budget.heads import check, check_missing
    from privet.govern.ledger import Ledger

    where = _named.get()
    if where is None:
        where = os.environ.get(LEDGER) or None
    if where is None and not _default_exists():
        check_missing(None)
        return None
    try:
        ledger = Ledger.open(where, create=False)
    except InvalidInput as error:
        if "there is no ledger" in error.problem:
            check_missing(where)
        raise
    check(ledger)
    return ledger


def requester() -> str:
    """Who asks: PRIVET_REQUESTER, or the name under which this process runs."""
    return os.environ.get(REQUESTER) or _login()


def _default_exists() -> bool:
    from privet.govern.ledger.places import find_address

    path = find_address(None).path
    return path is not None and path.exists()


def _steward(ledger: Ledger) -> LedgerSteward:
    from privet.govern.budget.heads import remember
    from privet.govern.steward import LedgerSteward

    return LedgerSteward(ledger, requester=requester(), after=remember)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user, as in some containers
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
