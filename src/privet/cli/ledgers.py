"""The ledger that a command works on, and how its entries are told in one line."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from privet.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from privet.govern.ledger import Entry, Ledger, Receipt

Command = TypeVar("Command", bound=Callable[..., Any])
_TOLD = ("name", "data_set", "reserve", "reason", "entry", "job", "digest", "version", "key")
_HEX = re.compile("[0-9a-fA-F]{64}")
MEND = "privet budget audit --rebuild   # totals; a sketch: privet dataset forget NAME --all"
"""Mends what the audit finds in tables beside the entries."""
_MAKE_KEY = "privet key new --out owner.key"


def ledger_option(command: Command) -> Command:
    """Add `--ledger`, which the command gets as `where`."""
    return _ledger_option()(command)


def data_ledger_option(command: Command) -> Command:
    """Add `--ledger` to a command that reads data: it is in use as long as the command runs."""
    return _ledger_option(expose_value=False, callback=_use)(command)


def _ledger_option(**how: Any) -> Callable[[Command], Command]:
    return click.option(
        "--ledger", "where", metavar="PATH", envvar="PRIVET_LEDGER",
        help="The ledger: a file, or postgresql://user@host/database. Default: PRIVET_LEDGER, "
        "or ledger.db in the folder PRIVET_HOME or ~/.local/share/privet.", **how,
    )


def _use(context: click.Context, _: click.Parameter, where: str | None) -> None:
    from privet.estimators.stewardship import ledger_at

    context.with_resource(_noted())
    if where is not None:
        context.with_resource(ledger_at(where))


@contextmanager
def _noted() -> Iterator[None]:
    """Tell of ledgers that cannot be asked on stderr, as notes."""
    from privet.cli.errors import printable
    from privet.estimators.elsewhere import LedgerWarning

    with warnings.catch_warnings():
        warnings.simplefilter("always", LedgerWarning)
        shown = warnings.showwarning

        def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, LedgerWarning):
                click.echo(printable(f"Note: {message}."), err=True)
            else:
                shown(message, category, *where, **more)

        warnings.showwarning = show
        yield


def existing_ledger(where: str | None) -> Ledger:
    """Open a ledger that is there.

    Raises:
        InvalidInput: there is none, with the line that begins one.
        Refused: there is none, and one was used there before.
    """
    from privet.govern.budget.heads import check_missing
    from privet.govern.ledger import Ledger

    try:
        return Ledger.open(where, create=False)
    except InvalidInput as error:
        if "there is no ledger" not in error.problem:
            raise
        check_missing(where)
        raise InvalidInput(
            error.problem, bound="a ledger that is begun",
            remedy="privet dataset register NAME FILE --budget 3   # begins one",
        ) from None


@contextmanager
def written_ledger(where: str | None, *, begin: bool = False) -> Iterator[Ledger]:
    """The ledger to write to: as last seen, and grown; its new head is remembered after.

    What an older copy still holds as left may be spent already, so nothing must leave it, be
    allowed or be registered in it until its owner has adopted it.

    Args:
        begin: a ledger is begun where there is none. One without any set, in the place of
            another, may be written to as well: it must have sets before it can be adopted, and
            none of them is used before.

    Raises:
        InvalidInput: see `existing_ledger`.
        Refused: the ledger is older than last seen, a fork, or another one than was seen there.
        Unavailable: its head cannot be remembered.
    """
    from privet.govern.budget.heads import conflicts, remember
    from privet.govern.budget.pins import outstanding
    from privet.govern.ledger import Ledger

    ledger = Ledger.open(where) if begin else existing_ledger(where)
    if begin and any(outstanding(ledger, known) is None for known in conflicts(ledger)):
        yield ledger
        return
    remember(ledger)  # before anything is written, also to see that it can be
    yield ledger
    remember(ledger)


def public_key(text: str) -> str:
    """The hex of a person's public key: given as such, in a file, or as their key file.

    Raises:
        InvalidInput, Refused: it is none of these, or the key file cannot be read.
    """
    from pathlib import Path

    from privet.govern.ledger import SigningKey

    if _HEX.fullmatch(text):
        return text.lower()
    try:
        found = Path(text).read_text(encoding="ascii").strip()
    except OSError as error:
        raise InvalidInput(f"the key cannot be read ({error.strerror})", value=text,
                           bound="64 hex digits, or a file", remedy=_MAKE_KEY) from None
    except ValueError:
        raise InvalidInput("the file holds no key", value=text,
                           bound="64 hex digits, or a key file", remedy=_MAKE_KEY) from None
    return found.lower() if _HEX.fullmatch(found) else SigningKey.load(Path(text)).public.hex()


def read_receipt(file: str) -> Receipt:
    """A receipt from its JSON file.

    Raises:
        InvalidInput: the file is not there or holds something else.
    """
    from privet.govern.ledger import Receipt

    remedy = "privet ledger receipt --out receipt.json"
    try:
        with open(file, "rb") as opened:
            return Receipt.from_json(opened.read())
    except OSError as error:
        raise InvalidInput(f"the file cannot be read ({error.strerror})", value=file,
                           bound="a JSON file", remedy=remedy) from None
    except InvalidInput as error:
        raise InvalidInput(f"{file} is no receipt: {error.problem}", value=error.value,
                           bound=error.bound, remedy=remedy) from None


def read_record(file: str | Path, remedy: str) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        InvalidInput: the file cannot be read or holds no JSON object.
    """
    import json

    try:
        with open(file, encoding="utf-8") as opened:
            found = json.load(opened)
    except OSError as error:
        raise InvalidInput(f"the file cannot be read ({error.strerror})", value=str(file),
                           bound="a JSON file", remedy=remedy) from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidInput("the file holds no JSON object", value=str(file), bound="a JSON object",
                           remedy=remedy)
    return found


def summary(entry: Entry) -> str:
    """What an entry says, in a few words."""
    if entry.redacted:
        return "redacted"
    if not entry.opens():
        return "ALTERED: see privet ledger verify"
    payload = entry.payload or {}
    request = payload.get("request")
    if isinstance(request, dict):
        asked = f"{request.get('action')} {request.get('data_set')}"
        purpose = f" for {request['purpose']!r}" if request.get("purpose") else ""
        if "granted" not in payload:
            return asked + purpose
        decided = "granted" if payload["granted"] else f"refused: {payload.get('reason')}"
        return f"{asked}{purpose}, {decided}"
    if "guarantee" in payload:
        return f"entry {payload.get('reserve')}: {headline(payload['guarantee'])}"
    attested = payload.get("attested")
    if isinstance(attested, dict):
        return (f"name {payload.get('name')}, attested by {attested.get('by')}, as no hash tells: "
                f"{attested.get('reason')}")
    words = (f"{name} {value}" for name, value in payload.items()
             if name in _TOLD and isinstance(value, (str, int)))
    return ", ".join(words)


def headline(record: Any) -> str:
    """A guarantee's claim in one line."""
    from privet.claims import Guarantee, from_json

    try:
        claim = from_json(record)
    except InvalidInput:
        return "a claim that this version cannot read"
    return claim.headline() if isinstance(claim, Guarantee) else str(claim)
