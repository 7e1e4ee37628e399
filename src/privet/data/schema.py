"""The schema: what every column may hold, what is predicted, and who one person is.

Its file::

    target = "survived"
    bounds_from = "domain"            # or "dp"; "data" is not public

    [unit]                            # or above: unit = "row", nobody has several rows
    column = "patient_id"
    max_rows = 10

    [columns.age]
    kind = "number"
    bounds = [0, 120]
    missing = "level"

    [columns.survived]
    kind = "category"
    categories = ["no", "yes"]
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

import numpy as np

from privet.claims.serial import event_to_json
from privet.data.columns import Column, parse_column
from privet.data.names import unknown_column
from privet.data.parse import KEYS, parse_claim, parse_origin, parse_target, parse_unit
from privet.data.tomlfile import Comments, heading, read_toml, to_toml, write_atomically
from privet.data.types import BoundsClaim, Target, Unit
from privet.data.values import Batch, Scalar
from privet.errors import SchemaError


@dataclass(frozen=True)
class Schema:
    """What is known of a table without looking at it.

    Attributes:
        columns: the declared columns by name, in the order of the encoded features.
        target_name: the column that is predicted, if any.
        unit: the privacy unit.
        bounds_claim: what finding the bounds privately has spent on the same rows; a private
            protection adds it to what it guarantees.
        comment: lines at the top of the file; not part of the meaning.

    Raises:
        SchemaError: target or unit contradict the columns.
    """

    columns: dict[str, Column]
    target_name: str | None = None
    unit: Unit = field(default_factory=Unit)
    bounds_claim: BoundsClaim | None = None
    comment: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", dict(self.columns))
        if not self.columns:
            raise SchemaError("the schema declares no column", bound="one table for each column",
                              remedy='[columns.age]\n         kind = "number"')
        _check_unit(self)
        if self.target_name is not None:
            _check_target(self, self.target_name)

    @property
    def target(self) -> Target | None:
        """What is predicted; None for a schema that only describes."""
        if self.target_name is None:
            return None
        column = self.columns[self.target_name]
        if column.is_numeric:
            low, high = column.range or (None, None)
            return Target(column.name, low=low, high=high)
        return Target(column.name, classes=column.levels)

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns a model sees: used ones but the target."""
        return tuple(
            column for name, column in self.columns.items()
            if column.is_used and name != self.target_name
        )

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The columns declared as identifiers, the privacy unit's first."""
        named = [name for name, column in self.columns.items() if column.kind == "identifier"]
        own = [] if self.unit.is_row else [self.unit.name]
        return tuple(dict.fromkeys(own + named))

    @property
    def bounds_from(self) -> str:
        """The least public origin of any column in use.

        One column whose bounds were taken from the data makes the whole schema "data".
        """
        found = {column.bounds_from for column in self.columns.values() if column.is_used}
        return next((origin for origin in ("data", "dp") if origin in found), "domain")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Schema:
        """Read a schema's TOML file, comments included.

        Raises:
            SchemaError: the file cannot be read, or says what no schema can mean.
        """
        content, comments = read_toml(path)
        schema = cls.parse(content)
        columns = {
            name: replace(column, comment=comments.get(("columns", name)))
            for name, column in schema.columns.items()
        }
        return replace(schema, columns=columns, comment=comments.get(()))

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Schema:
        """Read a mapping with the keys of the file, strictly.

        Raises:
            SchemaError: an unknown key, or a value that cannot be meant.
        """
        if not isinstance(content, Mapping):
            raise SchemaError("a schema is a mapping or a TOML file", value=type(content).__name__,
                              bound="keys " + ", ".join(KEYS),
                              remedy='privet.Schema.load("schema.toml")')
        origin = parse_origin(content)
        tables = content.get("columns", {})
        if not isinstance(tables, Mapping):
            raise SchemaError("columns is no table", value=tables, bound="one table per column",
                              remedy='[columns.age]\n         kind = "number"')
        columns = {
            str(name): parse_column(str(name), entry, bounds_from=origin)
            for name, entry in tables.items()
        }
        return cls(columns, parse_target(content.get("target")), parse_unit(content.get("unit")),
                   parse_claim(content.get("bounds_claim")))

    def to_dict(self) -> dict[str, Any]:
        """Return what `parse` reads back to an equal schema, as the file writes it."""
        out: dict[str, Any] = {}
        if self.target_name is not None:
            out["target"] = self.target_name
        origin = self.bounds_from
        if origin != "domain":
            out["bounds_from"] = origin
        if not self.unit.is_row:
            out["unit"] = {"column": self.unit.name, "max_rows": self.unit.max_rows}
        elif self.unit.declared:
            out["unit"] = "row"
        if self.bounds_claim is not None:
            claim = asdict(self.bounds_claim)
            claim["releases"] = [event_to_json(item) for item in self.bounds_claim.releases]
            out["bounds_claim"] = claim
        out["columns"] = {
            name: column.to_dict(bounds_from=origin) for name, column in self.columns.items()
        }
        return out

    def to_toml(self) -> str:
        """Return the text of the file, comments included."""
        comments: Comments = {
            ("columns", name): column.comment
            for name, column in self.columns.items() if column.comment
        }
        comments[()] = self.comment or ""
        return to_toml(self.to_dict(), comments)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the TOML file, whole or not at all.

        Raises:
            SchemaError: the file cannot be written; what was there stays.
        """
        try:
            write_atomically(path, self.to_toml().encode())
        except OSError as error:
            raise SchemaError(f"the schema cannot be written ({error.strerror})",
                              value=str(path), bound="a writable folder",
                              remedy='schema.save("schema.toml")') from error

    def with_target(self, name: str) -> Schema:
        """Return the schema that predicts another column.

        Raises:
            UnknownColumn: the schema does not declare it.
            SchemaError: the column cannot be a target.
        """
        return replace(self, target_name=name)

    def required_target(self) -> Target:
        """Return the target.

        Raises:
            SchemaError: the schema has none.
        """
        if self.target is None:
            names = [column.name for column in self.features]
            raise SchemaError("the schema does not say what to predict",
                              bound="target = one of " + ", ".join(names[:20]),
                              remedy=f'target = "{names[-1] if names else "..."}"')
        return self.target

    @classmethod
    def for_arrays(
        cls,
        low: Any,
        high: Any,
        *,
        classes: Sequence[Any] | None = None,
        target_range: tuple[float, float] | None = None,
        unit: Unit | None = None,
        bounds_from: str = "domain",
    ) -> Schema:
        """Declare an array of numbers: columns x0 .. x{d-1}, target y.

        Args:
            low, high: (d,) bounds; a pair that is not finite stays undeclared.
            classes: the classes of y, at least two; None for a number.
            target_range: (low, high) of y where it is a number.
            unit: the privacy unit; its id column is added.
            bounds_from: where all of this is known from.

        Raises:
            SchemaError: bounds out of order or of unequal length, or unusable classes.
        """
        lows, highs = np.atleast_1d(np.asarray(low, float)), np.atleast_1d(np.asarray(high, float))
        if lows.shape != highs.shape or lows.ndim != 1:
            raise SchemaError("low and high must be of one length", value=(lows.shape, highs.shape),
                              bound="(d,) and (d,)",
                              remedy="Schema.for_arrays(low=[0, 0], high=[1, 1])")
        tables: dict[str, Any] = {
            f"x{index}": _number_table(pair)
            for index, pair in enumerate(zip(lows.tolist(), highs.tolist(), strict=True))
        }
        if classes is not None:
            named = [_plain(item) for item in classes]
            boolean = named == [False, True] and all(isinstance(item, bool) for item in named)
            tables["y"] = (
                {"kind": "boolean"} if boolean else {"kind": "category", "categories": named}
            )
        else:
            tables["y"] = _number_table(target_range)
        content = {"target": "y", "bounds_from": bounds_from, "columns": tables}
        if unit is not None and not unit.is_row:
            content["unit"] = {"column": unit.name, "max_rows": unit.max_rows}
        return cls.parse(content)

    @classmethod
    def infer(
        cls, batches: Iterable[Batch], *, target: str | None = None, unit: Unit | None = None
    ) -> Schema:
        """Guess a schema from canonical batches; everything in it is marked as not private.

        Raises:
            DataError: there is no row.
            UnknownColumn: the target is not among the columns.
        """
        from privet.data.infer import infer

        return infer(batches, target=target, unit=unit or Unit())


def _check_unit(schema: Schema) -> None:
    column = schema.columns.get(schema.unit.name)
    if schema.unit.is_row or column is None or column.kind == "identifier":
        return
    raise SchemaError("the privacy unit's column must not reach the model", value=column.kind,
                      bound='kind = "identifier"',
                      remedy=f'kind = "identifier"   # under {heading(column.name)}')


def _check_target(schema: Schema, name: str) -> None:
    column = schema.columns.get(name)
    if column is None:
        raise unknown_column(name, schema.columns, where="the target is missing: the schema has",
                             remedy='target = "{}"')
    under = f"   # under {heading(name)}"
    if not column.is_used:
        raise SchemaError(f"the target {name!r} cannot be predicted", value=column.kind,
                          bound='kind = "category", "boolean", "number" or "integer"',
                          remedy=f'kind = "category"{under}')
    if column.kind == "category" and len(column.levels) < 2:
        raise SchemaError(f"the target {name!r} has a single class", bound="at least two classes",
                          remedy=f'categories = ["a", "b"]{under}')
    if column.missing not in ("refuse", "drop-row"):
        raise SchemaError(f"the target {name!r} cannot be replaced where it is missing",
                          value=column.missing, bound='missing = "refuse" or "drop-row"',
                          remedy=f'missing = "drop-row"{under}')
    if column.other != "refuse":
        raise SchemaError(f"the target {name!r} must name all its classes", value=column.other,
                          bound='other = "refuse"', remedy=f'other = "refuse"{under}')


def _number_table(pair: tuple[float, float] | None) -> dict[str, Any]:
    if pair is None or not np.isfinite(pair).all():
        return {"kind": "number"}
    return {"kind": "number", "bounds": [float(pair[0]), float(pair[1])]}


def _plain(value: Any) -> Scalar:
    # what is no scalar is refused by parse_column
    return cast(Scalar, value.item() if isinstance(value, np.generic) else value)
