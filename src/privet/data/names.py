"""Names of columns that are not there, and the ones that were probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from privet.data.identifiers import is_date
from privet.errors import UnknownColumn

LONGEST = 64
"""Characters of a name; longer ones look like cells."""
NO_HEADER = "the first line is taken for the header, and does not look like one"


def like_cells(names: Iterable[str]) -> bool:
    """True if some name looks like a cell: with an @, a date, or long. Then all may be cells."""
    return any("@" in name or len(name) > LONGEST or is_date(name) for name in names)


def close_names(name: str, names: Iterable[str], *, most: int = 3) -> list[str]:
    """Return the names most like a mistyped one, capitals ignored."""
    lower: dict[str, str] = {}
    for known in names:
        lower.setdefault(known.lower(), known)
    return [lower[key] for key in difflib.get_close_matches(name.lower(), lower, n=most)]


def unknown_column(
    name: str, names: Iterable[str], *, where: str, remedy: str = "{}"
) -> UnknownColumn:
    """Return the error for a column that is not there; it shows no names that may be cells.

    Args:
        name: what was asked for.
        names: what there is.
        where: who lacks it, with its verb: "the data have".
        remedy: the line to write, with {} for the closest name, or COLUMN.
    """
    names = list(names)
    if like_cells(names):
        return UnknownColumn(f"{where} no such column", value=name,
                             bound=f"a name from the data's header; {NO_HEADER}",
                             remedy="name,age,city   # a header, above the first row")
    near = close_names(name, names)
    shown = ", ".join(near or names[:10]) + ("" if near or len(names) <= 10 else ", ...")
    return UnknownColumn(
        f"{where} no such column",
        value=name,
        bound=("perhaps " if near else "one of ") + shown if shown else None,
        remedy=remedy.replace("{}", near[0] if near else "COLUMN"),
    )
