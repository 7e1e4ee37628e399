"""What an entry about a data set holds, checked before it is written."""

from __future__ import annotations

from typing import Any

from privet.claims.guarantees import RELATIONS
from privet.errors import InvalidInput, Refused, one_of
from privet.govern.budget.filters import Budget

MAX_NAME = 200


def payload_of(name: str, **facts: Any) -> dict[str, Any]:
    """The payload of a "dataset.register" entry, but for what it says of the sketch.

    Raises:
        InvalidInput: a fact is malformed.
        Refused: sets are declared disjoint under replace-one.
    """
    budget, purposes = facts["budget"], facts["purposes"]
    one_of(RELATIONS, relation=facts["relation"])
    if not isinstance(budget, Budget):
        raise InvalidInput("a budget is a Budget", value=type(budget).__name__,
                           remedy="budget=Budget(epsilon=3.0, delta=1e-6)")
    disjoint = [text("disjoint_from", item) for item in facts["disjoint_from"]]
    if disjoint and facts["relation"] == "replace-one":
        raise Refused("under replace-one a unit may leave one set and come into another, so "
                      "disjoint sets add up like others", value=disjoint,
                      remedy='relation="zero-out"')
    return {
        "name": text("name", name),
        "version": text("version", facts["version"]),
        "unit": text("unit", facts["unit"]),
        "relation": facts["relation"],
        "max_rows": count(max_rows=facts["max_rows"]),
        "rows": count(rows=facts["rows"]),
        "units": count(units=facts["units"]),
        "columns": [text("column", item) for item in facts["columns"]],
        "budget": budget.to_json(),
        "purposes": {text("purpose", p): _cap(p, cap, budget) for p, cap in purposes.items()},
        "parents": list(dict.fromkeys(text("parent", item) for item in facts["parents"])),
        "disjoint_from": list(dict.fromkeys(disjoint)),
        "owner": facts["owner"],
        "owner_key": _key(facts["owner_key"]),
    }


def _cap(purpose: str, cap: Budget, budget: Budget) -> dict[str, float]:
    if cap.composition != budget.composition or not cap.limit.within(budget.limit):
        raise InvalidInput(
            f"the cap of purpose {purpose!r} does not lie within the budget", value=cap,
            bound=f"at most {budget}",
            remedy=f"Budget({budget.epsilon:g}, {budget.delta:g}, {budget.composition!r})",
        )
    return {"epsilon": cap.epsilon, "delta": cap.delta}


def text(what: str, value: Any) -> str:
    """A short text that is not empty."""
    if type(value) is not str or not value.strip() or len(value) > MAX_NAME:
        raise InvalidInput(f"a {what} is a text of 1 to {MAX_NAME} characters", value=value)
    return value


def count(**named: int | None) -> int | None:
    """A number of rows or units, or None where it is not public."""
    ((name, value),) = named.items()
    if value is not None and (type(value) is not int or value < 0):
        raise InvalidInput(f"{name} is a whole number of at least 0", value=value)
    return value


def _key(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        raw = bytes.fromhex(text)
    except (TypeError, ValueError) as error:
        raise InvalidInput("an owner's key is 64 hex digits") from error
    if len(raw) != 32:
        raise InvalidInput("an owner's key is 64 hex digits", value=f"{len(raw)} bytes")
    return raw.hex()
