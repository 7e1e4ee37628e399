"""What every protection but `Plain` needs of a schema: bounds that do not come from the rows."""

from __future__ import annotations

from privet.errors import MissingBounds
from privet.protect.base import Facts


def require_bounds(facts: Facts) -> None:
    """Refuse bounds that are absent, or that were taken from the private rows.

    Raises:
        MissingBounds: with the lines to add to the schema.
    """
    absent = facts.low is None or facts.high is None or facts.norm is None
    unranged = facts.classes is None and facts.target_range is None
    if facts.missing or absent or unranged:
        lines = facts.missing or (
            ("target: min and max",) if unranged and not absent else ("min and max of each column",)
        )
        raise MissingBounds(
            "differential privacy needs bounds that do not come from the data",
            value=lines,
            bound="min and max of every number, the list of values of every category",
            remedy="in the schema file, from what you know about the field: "
            + "; ".join(map(str, lines)),
        )
    if facts.bounds_from == "data":
        raise MissingBounds(
            "the bounds of this schema were taken from the data and would leak them",
            value=facts.bounds_from,
            bound='bounds_from = "domain" or "dp"',
            remedy='write bounds you know, then bounds_from = "domain"; or draft them privately: '
            "privet schema draft FILE --private --epsilon 0.1",
        )
