"""`organisation.toml`: what an organisation declares about itself and its purposes.

A ledger knows what ran; it does not know on which legal basis, or how long data are kept. Those
are declared here, and reports show them as declared, never as evidenced. The file is signed into
the ledger, and reports show the one that was adopted last.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privet.errors import InvalidInput, Refused
from privet.govern.policy.adoption import (
    ORGANISATION,
    adopted_organisation,
    organisation_command,
    organisation_digest,
)
from privet.govern.policy.parse import MOST_BYTES

if TYPE_CHECKING:
    from privet.govern.ledger import Ledger

EXAMPLE = """\
[controller]
name = "General Hospital"
contact = "1 Hospital Road, privacy@hospital.example"
joint = []                       # joint controllers, if any

[officer]                        # the data-protection officer
name = "A. Officer"
contact = "dpo@hospital.example"

# [representative]               # in the Union, if the controller is elsewhere
# name = "..."
# contact = "..."

[[purpose]]
name = "readmission"             # as runs name it
description = "Predict who will be admitted again within 30 days"
legal_basis = "GDPR Art. 6(1)(e); Art. 9(2)(i)"
data_subjects = ["adult patients"]
personal_data = ["age", "diagnoses", "length of stay"]
recipients = ["ward managers"]
transfers = []                   # none; or { to = "Norway", safeguard = "..." } for each
retention = { "patient records" = "10 years after the last visit" }
intended_use = "Planning of aftercare by ward managers"
out_of_scope = "Decisions about a single patient"

[security]
measures = ["disk encryption", "two-person access to the ledger's key"]
"""


@dataclass(frozen=True, kw_only=True)
class Contact:
    """A person or body that can be reached."""

    name: str
    contact: str


@dataclass(frozen=True, kw_only=True)
class Controller(Contact):
    """Who determines purposes and means; `joint` lists joint controllers with their contact."""

    joint: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A transfer to a third country or an international organisation, and its safeguard."""

    to: str
    safeguard: str


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """One purpose. None means that nothing is declared; an empty tuple means "none"."""

    name: str
    description: str | None = None
    legal_basis: str | None = None
    data_subjects: tuple[str, ...] | None = None
    personal_data: tuple[str, ...] | None = None
    recipients: tuple[str, ...] | None = None
    transfers: tuple[Transfer, ...] | None = None
    retention: dict[str, str] | None = None
    intended_use: str | None = None
    out_of_scope: str | None = None


@dataclass(frozen=True, kw_only=True)
class Organisation:
    """What `organisation.toml` declares.

    Attributes:
        digest: of the text, as entries name it.
        text: of the file, as it is signed.
        adopted: number of the entry that adopted it; None for a file.
        security: technical and organisational measures.
    """

    digest: str
    text: str = field(repr=False)
    adopted: int | None = None
    controller: Controller | None = None
    officer: Contact | None = None
    representative: Contact | None = None
    purposes: tuple[Purpose, ...] = ()
    security: tuple[str, ...] | None = None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Organisation:
        """Read a file.

        Raises:
            InvalidInput: it is missing, not TOML, or has a key or value that is not known.
        """
        try:
            raw = Path(path).read_bytes()
        except OSError as error:
            raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
        return cls.parse(raw, name=str(path))

    @classmethod
    def parse(cls, raw: bytes, *, name: str = "organisation.toml") -> Organisation:
        """What the text of the file declares.

        Raises:
            InvalidInput: as for `load`.
        """
        if len(raw) > MOST_BYTES:
            raise InvalidInput(f"{name} is too large", bound=f"<= {MOST_BYTES} bytes")
        try:
            text = raw.decode("utf-8-sig")
            found = tomllib.loads(text)
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidInput(f"{name} is not TOML: {error}") from error
        top = ("controller", "officer", "representative", "purpose", "security")
        _known(found, top, name)
        security = _table(found.get("security", {}), f"{name}: [security]")
        _known(security, ("measures",), f"{name}: [security]")
        return cls(
            digest=ORGANISATION.digest(text),
            text=text,
            controller=_part(Controller, found, "controller", name),
            officer=_part(Contact, found, "officer", name),
            representative=_part(Contact, found, "representative", name),
            purposes=_purposes(found.get("purpose", []), name),
            security=_words(security, "measures", f"{name}: [security]"),
        )

    @classmethod
    def from_ledger(cls, ledger: Ledger) -> Organisation | None:
        """The one that the ledger has adopted last; None if it was redacted, or none was."""
        found = adopted_organisation(ledger)
        if found is None or found.text is None:
            return None
        return replace(cls.parse(found.text.encode()), adopted=found.seq)

    def require_adopted(self, ledger: Ledger, *, name: str = "organisation.toml") -> None:
        """Check that the ledger has adopted this very text.

        Raises:
            Refused: it has adopted another one, or none; with the command that adopts it.
        """
        found = organisation_digest(ledger)
        if found != self.digest:
            raise Refused("the organisation file differs from the one that the ledger has adopted",
                          value=self.digest, bound=found or "an adopted organisation file",
                          remedy=organisation_command(ledger, name))  # fmt: skip

    def purpose(self, name: str) -> Purpose | None:
        """The purpose of this name, or None."""
        return next((item for item in self.purposes if item.name == name), None)


def _part(cls: type[Any], found: dict[str, Any], key: str, name: str) -> Any:
    return None if key not in found else _fill(cls, found[key], f"{name}: [{key}]")


def _purposes(found: Any, name: str) -> tuple[Purpose, ...]:
    if not isinstance(found, list):
        raise InvalidInput(f"{name}: purposes are a list of tables", remedy="[[purpose]]")
    out: list[Purpose] = []
    for number, item in enumerate(found, 1):
        purpose: Purpose = _fill(Purpose, item, f"{name}: [[purpose]] number {number}")
        if any(other.name == purpose.name for other in out):
            raise InvalidInput(f"{name} declares a purpose twice", value=purpose.name)
        out.append(purpose)
    return tuple(out)


def _fill(cls: type[Any], found: Any, where: str) -> Any:
    """A declared thing from a table whose keys are the names of its fields."""
    table = _table(found, where)
    _known(table, tuple(item.name for item in fields(cls)), where)
    values: dict[str, Any] = {}
    for item in fields(cls):
        if item.name not in table:
            if item.default is MISSING:
                raise InvalidInput(f"{where} lacks {item.name}", remedy=f'{item.name} = "..."')
        elif item.name == "transfers":
            values[item.name] = _transfers(table[item.name], where)
        elif item.name == "retention":
            values[item.name] = _limits(table[item.name], where)
        elif str(item.type).startswith("tuple"):
            values[item.name] = _words(table, item.name, where)
        else:
            values[item.name] = _word(table[item.name], f"{where}: {item.name}")
    return cls(**values)


def _transfers(found: Any, where: str) -> tuple[Transfer, ...]:
    if not isinstance(found, list):
        raise InvalidInput(
            f"{where}: transfers are a list",
            remedy='transfers = [{ to = "Norway", safeguard = "..." }]',
        )
    return tuple(_fill(Transfer, item, f"{where}: transfers") for item in found)


def _limits(found: Any, where: str) -> dict[str, str]:
    if not isinstance(found, dict) or not found:
        raise InvalidInput(
            f"{where}: retention is a limit for each category of data",
            remedy='retention = { "patient records" = "10 years" }',
        )
    return {key: _word(value, f"{where}: retention of {key!r}") for key, value in found.items()}


def _words(table: dict[str, Any], key: str, where: str) -> tuple[str, ...] | None:
    if key not in table:
        return None
    if not isinstance(table[key], list):
        raise InvalidInput(f"{where}: {key} is a list", remedy=f'{key} = ["..."]')
    return tuple(_word(item, f"{where}: {key}") for item in table[key])


def _word(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip(" ."):
        raise InvalidInput(f"{where} is not filled in", value=value, bound="a text")
    return value.strip()


def _table(found: Any, where: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise InvalidInput(f"{where} is a table", value=type(found).__name__)
    return found


def _known(table: dict[str, Any], names: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in names:
            near = difflib.get_close_matches(key, names, 1)
            raise InvalidInput(
                f"{where} has a key that is not known",
                value=key,
                bound="one of " + ", ".join(names),
                remedy=f"{near[0]} = ..." if near else None,
            )
