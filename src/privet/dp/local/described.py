"""Attributes as JSON objects and back, as the description of a perturbed file holds them."""

from __future__ import annotations

from typing import Any

from privet.dp.local.choose import ORACLES
from privet.dp.local.layout import Attribute
from privet.dp.local.numbers import NUMBERS
from privet.dp.local.oracle import FrequencyOracle
from privet.errors import DataError, one_of


def to_json(attribute: Attribute) -> dict[str, Any]:
    """The attribute as a JSON object that `from_json` reads back to an equal one."""
    made = attribute.randomiser
    out: dict[str, Any] = {"name": attribute.name, "column": attribute.column,
                           "randomiser": made.name, "epsilon": made.epsilon,
                           "reason": attribute.reason}
    if isinstance(made, FrequencyOracle):
        return out | {"levels": list(attribute.levels), "p": str(made.p), "q": str(made.q)}
    return out | {"low": made.low, "high": made.high, "grid": made.grid}


def from_json(record: Any) -> Attribute:
    """The attribute that `to_json` wrote.

    Raises:
        DataError: it is malformed, or its randomiser has other chances in this version.
        InvalidInput: its figures describe no randomiser.
    """
    if not isinstance(record, dict):
        raise _malformed("an attribute")
    randomiser = one_of((*ORACLES, *NUMBERS), randomiser=record.get("randomiser"))
    wanted = {"epsilon": float, "name": str, "column": str, "reason": str}
    wanted |= {"levels": list} if randomiser in ORACLES else {"low": float, "high": float,
                                                             "grid": int}
    for key, kind in wanted.items():
        value = record.get(key)
        good = isinstance(value, (int, float)) if kind is float else isinstance(value, kind)
        if not good or isinstance(value, bool):
            raise _malformed(key)
    if randomiser in NUMBERS:
        number = NUMBERS[randomiser](record["low"], record["high"], record["epsilon"],
                                     record["grid"])
        return Attribute(record["name"], record["column"], number, (), record["reason"])
    levels = tuple(record["levels"])
    if not all(isinstance(level, str) for level in levels):
        raise _malformed("levels")
    oracle = ORACLES[randomiser](len(levels), record["epsilon"])
    if [record.get("p"), record.get("q")] != [str(oracle.p), str(oracle.q)]:
        raise DataError(f"the randomiser of {record['name']!r} has other chances in this version",
                        value=[record.get("p"), record.get("q")],
                        bound=f"p = {oracle.p}, q = {oracle.q}")
    return Attribute(record["name"], record["column"], oracle, levels, record["reason"])


def _malformed(what: str) -> DataError:
    return DataError(f"the description of the perturbed file has a malformed field: {what}",
                     bound="a file written by 'privet perturb'",
                     remedy="privet perturb DATA --epsilon 1 --out FILE")
