"""`perturb`: randomised records of a data set, under whoever watches it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.dp.local import files
from privet.errors import Refused
from privet.estimators.stewardship import stewarded
from privet.protect.local import LocallyPrivate

if TYPE_CHECKING:
    import os

    from privet.claims import LocalDPGuarantee, Steward
    from privet.data import Dataset
    from privet.dp.local import Perturbed


def perturb(
    data: Dataset,
    epsilon: float,
    *,
    columns: str = "auto",
    records: int | None = None,
    out: str | os.PathLike[str] | None = None,
    before: LocalDPGuarantee | None = None,
    purpose: str = "",
    steward: Steward | None = None,
) -> Perturbed:
    """Randomise every record of a data set, so that nobody who gets the result need be trusted.

    Args:
        data: rows with a schema; identifiers, ignored and undeclared columns are left out, and
            the records come in random order.
        epsilon: what one record's reports reveal of it, all columns together.
        columns: "all" reports every column of each record, "some" as many as err least; "auto" is
            "all" where the schema names a target.
        records: how many are expected from all devices together, where each has its own; the
            randomisers are chosen by it.
        out: a CSV file to write, with its description FILE.local.json beside it.
        before: what the same records were perturbed with already; its epsilon is added. Needed
            where the rows are such a result, or `out` holds one.
        purpose: why, for the steward.
        steward: who grants and records it; None for that of the ledger kept here, if it knows
            the data.

    Raises:
        MissingBounds, SchemaError: the schema does not say what a record may report.
        Refused: the records were perturbed already and `before` does not say so, or the steward
            says no.
        DataError: a cell is not what the schema says; what was reserved is spent.
    """
    protection = LocallyPrivate(epsilon, columns=columns, records=records)
    if before is None:
        require_new("DATA", data.columns)
        if out is not None:
            require_new(out)
    protection.layout(data)  # what text and schema refuse, they refuse before a ledger is asked
    if steward is None:
        data, steward = stewarded(data)
    table = protection.perturb(data, steward=steward, purpose=purpose, before=before)
    if out is not None:
        files.write(table, out)
    return table


def require_new(place: str | os.PathLike[str], columns: tuple[str, ...] = ()) -> None:
    """Refuse records that were perturbed before, by a file or by the marks of its columns.

    Raises:
        Refused: with the line that counts both.
    """
    if files.is_perturbed(place, columns):
        raise Refused(
            "these records were perturbed before, and whoever has both results learns more than "
            "either guarantee says",
            value=str(place), bound="records, and a file, that were not perturbed before",
            remedy=f"before=privet.local.read({str(place)!r}).guarantee",
        )  # fmt: skip
