"""Reading policy.toml, strictly: what is not understood is refused, with the line to write."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Collection, Mapping
from typing import Any

from privet.errors import InvalidInput
from privet.govern.policy.terms import REPORTS, Approver, Content, Terms
from privet.govern.policy.values import (
    Where,
    actions,
    columns,
    limit,
    names,
    number,
    protections,
    purposes,
    text,
)

MOST_BYTES = 256 * 1024
EXAMPLES = {
    "actions": 'actions = ["fit", "query"]',
    "purposes": 'purposes = {"readmission" = {epsilon = 3.0}}',
    "protections": 'protections = ["private"]',
    "columns": 'columns = ["age", "city"]',
    "epsilon_per_release": "epsilon_per_release = 1.0",
    "delta_per_release": "delta_per_release = 1e-6",
    "minimum_cohort": "minimum_cohort = 100",
    "keep_models_days": "keep_models_days = 365",
    "keep_data_days": "keep_data_days = 3650",
    "approvals": "approvals = 1",
    "approvers": 'approvers = ["Anna Berg"]',
    "approval_days": "approval_days = 30",
    "approval_runs": "approval_runs = 1",
    "reports": 'reports = ["card"]',
}
TOP = {
    "owner": 'owner = "St. Mary\'s Hospital"',
    "owner_key": 'owner_key = "..."   # 64 hex digits: privet key new --out owner.key',
    "ledger": 'ledger = "..."   # 32 hex digits: privet ledger list',
    "approvers": '[approvers]\n         "Anna Berg" = "..."   # her public key, 64 hex digits',
    "default": "[default]",
    "data_sets": "[data_sets.NAME]",
}
_NEEDED = ("actions", "purposes", "protections")


def normal(source: str) -> str:
    """The text that is hashed and signed: line ends as \\n, no byte-order mark.

    Raises:
        InvalidInput: it is no text, or too long.
    """
    if not isinstance(source, str):
        raise InvalidInput("a policy is text", value=type(source).__name__, bound="str",
                           remedy='Policy.load("policy.toml")')  # fmt: skip
    clean = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    size = len(clean.encode("utf-8", "replace"))
    if size > MOST_BYTES:
        raise InvalidInput("the policy is too long", value=f"{size} bytes",
                           bound=f"<= {MOST_BYTES} bytes",
                           remedy="one [default] for the data sets that have the same terms"
                           )  # fmt: skip
    return clean


def parse(source: str) -> Content:
    """Read the text of a policy file.

    Raises:
        InvalidInput: not TOML, an unknown key (with the nearest right one), or a value that
            cannot be meant.
    """
    try:
        content = tomllib.loads(normal(source))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"the policy is not TOML: {error}", bound="TOML",
                           remedy="\n         ".join(('owner = "..."', "[default]"))
                           ) from None  # fmt: skip
    _known(content, TOP, "the policy")
    approvers = _approvers(content.get("approvers", {}))
    default = content.get("default")
    own = _table(content.get("data_sets", {}), "data_sets", TOP["data_sets"])
    if default is None and not own:
        raise InvalidInput("the policy says nothing about any data set",
                           bound="[default], or one table per data set",
                           remedy=f"[default]\n         {EXAMPLES['actions']}")  # fmt: skip
    base = {} if default is None else _table(default, "default", TOP["default"])
    return Content(
        owner=text(content.get("owner"), Where("the policy", "owner", TOP["owner"])),
        owner_key=None if "owner_key" not in content else _public(
            content["owner_key"], Where("the policy", "owner_key", TOP["owner_key"])
        ),
        ledger=_identity(content.get("ledger")),
        approvers=approvers,
        default=None if default is None else _terms(base, "[default]", approvers),
        data_sets={
            name: _terms({**base, **_own(name, table)}, heading(name), approvers)
            for name, table in own.items()
        },
    )


def heading(name: str) -> str:
    """The line that opens a data set's table.

    >>> heading("patients"), heading("all of 2024")
    ('[data_sets.patients]', '[data_sets."all of 2024"]')
    """
    return f"[data_sets.{toml_key(name)}]"


def toml_key(name: str) -> str:
    """A name as a key of TOML: quoted where it must be."""
    bare = re.fullmatch(r"[A-Za-z0-9_-]+", name)
    return name if bare else json.dumps(name, ensure_ascii=False)


def _own(name: str, table: Any) -> dict[str, Any]:
    own = _table(table, heading(name), heading(name))
    _known(own, EXAMPLES, heading(name))
    return own


def _terms(table: Mapping[str, Any], place: str, approvers: tuple[Approver, ...]) -> Terms:
    _known(table, EXAMPLES, place)
    for key in _NEEDED:
        if key not in table:
            raise InvalidInput(f"{place} does not say which {key} are allowed",
                               bound=f"{key}, here or in [default]; an empty one allows none",
                               remedy=f"{EXAMPLES[key]}   # under {place}")  # fmt: skip

    def where(key: str) -> Where:
        return Where(place, key, f"{EXAMPLES[key]}   # under {place}")

    def whole(key: str, default: int | None, least: int, most: int) -> Any:
        return default if key not in table else limit(table[key], where(key), least, most)

    known = [approver.name for approver in approvers]
    terms = Terms(
        actions=actions(table["actions"], where("actions")),
        purposes=purposes(table["purposes"], where("purposes")),
        protections=protections(table["protections"], where("protections")),
        columns=columns(table.get("columns"), where("columns")),
        epsilon_per_release=number(table.get("epsilon_per_release"), where("epsilon_per_release")),
        delta_per_release=number(
            table.get("delta_per_release"), where("delta_per_release"), below=1.0
        ),
        minimum_cohort=whole("minimum_cohort", 0, 0, 10**12),
        keep_models_days=whole("keep_models_days", None, 1, 36500),
        keep_data_days=whole("keep_data_days", None, 1, 36500),
        approvals=whole("approvals", 0, 0, 2),
        approvers=names(table.get("approvers", known), where("approvers"), known),
        approval_days=whole("approval_days", 30, 1, 3650),
        approval_runs=whole("approval_runs", 1, 1, 10**6),
        reports=names(table.get("reports", []), where("reports"), REPORTS,
                      "no report that can be written or recorded"),
    )
    _consistent(terms, where)
    return terms


def _consistent(terms: Terms, where: Any) -> None:
    """What a single key cannot show: limits that an allowed protection needs."""
    for key, kinds in (("epsilon_per_release", {"private", "local"}),
                       ("delta_per_release", {"private"})):  # fmt: skip
        needing = [p for p in terms.protections if kinds & set(p.split("+"))]
        if needing and getattr(terms, key) is None:
            place = where(key)
            raise InvalidInput(f"{place.table} allows {needing[0]!r} without a limit",
                               bound=f"{key}, the most of one release",
                               remedy=place.example)  # fmt: skip
    if terms.approvals > len(terms.approvers):
        place = where("approvers")
        raise InvalidInput(f"{place.table} asks for more approvals than there are approvers",
                           value=terms.approvals, bound=f"<= {len(terms.approvers)}",
                           remedy=TOP["approvers"])  # fmt: skip


def _approvers(value: Any) -> tuple[Approver, ...]:
    table = _table(value, "approvers", TOP["approvers"])
    found: dict[bytes, str] = {}
    people: set[str] = set()
    for name, public in table.items():
        where = Where("[approvers]", name, TOP["approvers"])
        person = same_person(text(name, where))
        raw = _public(public, where)
        if raw in found:
            raise InvalidInput(f"{name!r} and {found[raw]!r} have one public key",
                               bound="a key of one's own for each approver",
                               remedy=TOP["approvers"])  # fmt: skip
        if person in people:
            raise InvalidInput("one approver is named twice", value=name,
                               bound="names that differ in more than capitals and spaces",
                               remedy=TOP["approvers"])  # fmt: skip
        found[raw] = name
        people.add(person)
    return tuple(Approver(name, raw) for raw, name in found.items())


def same_person(name: str) -> str:
    """The form of a name that is compared: capitals, widths and spaces make no other person."""
    import unicodedata

    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _public(value: Any, where: Where) -> bytes:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{64}", value):
        raise where.refuse("no public key", value, "64 hex digits in lower case (Ed25519)")
    return bytes.fromhex(value)


def _identity(value: Any) -> str | None:
    where = Where("the policy", "ledger", TOP["ledger"])
    if value is not None and not (
        isinstance(value, str) and re.fullmatch(r"[0-9a-f]{32}", value)
    ):
        raise where.refuse("no identity of a ledger", value, "32 hex digits in lower case")
    return value


def _table(value: Any, place: str, example: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"{place} is no table", value=value, bound="a table", remedy=example)
    return value


def _known(table: Mapping[str, Any], known: Mapping[str, str], place: str) -> None:
    for key in table:
        if key not in known:
            raise InvalidInput(f"{place} has an unknown key {key!r}", value=key,
                               bound="one of " + ", ".join(known),
                               remedy=known[nearest(key, known)])  # fmt: skip


def nearest(word: str, known: Collection[str]) -> str:
    """The known word that was probably meant; the first where none is near."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.4)
    return close[0] if close else next(iter(known))
