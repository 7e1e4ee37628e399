"""From what a caller passes to encoded rows, in fit and again in predict.

Two ways lead in. Bare arrays without a schema are used as they are; only training in the clear
takes them. A `Dataset`, or anything with a schema, is encoded by the schema alone, so that the
same cell gives the same number in training and in prediction, whoever the other rows are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    _num_samples,
    check_array,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from privet.data import Dataset, Encoder, Schema
from privet.data.readers.base import finish
from privet.data.source import BATCH, Frame, Source
from privet.data.values import Batch, canonical
from privet.errors import (
    DataError,
    InvalidInput,
    MissingBounds,
    SchemaError,
    UnknownColumn,
)
from privet.estimators.stewardship import stewarded
from privet.protect.base import Model, Protection, Rows, Unread
from privet.protect.rows import require_two, rows_of_arrays, unread

if TYPE_CHECKING:
    from privet.claims import Steward
    from privet.estimators.base import Estimator

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Inputs:
    """How rows become encoded numbers: fixed at fit, public, saved with the model.

    Attributes:
        names: (d,) of the encoded columns.
        schema: what encodes; None for arrays used as they are.
        encoding: "scaled" or "bins".
    """

    names: tuple[str, ...]
    schema: Schema | None = None
    encoding: str = "scaled"

    @property
    def target_scale(self) -> tuple[float, float]:
        """(centre, half width): number = centre + half * scaled number."""
        target = None if self.schema is None else self.schema.target
        if target is None or target.low is None or target.high is None:
            return 0.0, 1.0
        return (target.low + target.high) / 2, (target.high - target.low) / 2

    def encode(self, estimator: Estimator, X: Any) -> Array:
        """(n, d) encoded rows.

        Raises:
            InvalidInput: columns are missing, or cells are at odds with the schema.
        """
        if self.schema is None:
            if isinstance(X, Dataset):
                raise InvalidInput("a model trained on bare arrays predicts for arrays",
                                   value="Dataset", remedy="model.predict(X)   # an array")
            x: Array = validate_data(estimator, X, reset=False, dtype=np.float64)
            return x
        encoder = Encoder(self.schema, self.encoding)
        names = [column.name for column in self.schema.features]
        batches = X.batches(names) if isinstance(X, Dataset) else [columns_of(estimator, X, names)]
        parts = [encoder.encode(batch) for batch in batches]
        return np.concatenate(parts) if parts else np.empty((0, len(self.names)))


class Prepared(Protocol):
    """Checked input of one fit."""

    @property
    def classes(self) -> Array | None:
        """(K,) classes; None for regression."""

    def stewarded(self) -> tuple[Prepared, Steward | None]:
        """The same under its registered name, with who watches it, if anybody does."""

    def rows(self, model: Model) -> tuple[Inputs, Unread]:
        """Say how the model's rows are encoded, and how to read them."""


def prepare(
    estimator: Estimator, X: Any, y: Any, sample_weight: Any, protection: Protection
) -> Prepared:
    """Check what a caller passed to fit; the cells of what a schema declares are not looked at.

    Raises:
        InvalidInput: it cannot be learnt from.
        MissingBounds: no schema declares bounds, and training is not in the clear.
    """
    private = not protection.in_the_clear
    if isinstance(X, Dataset):
        return _declared(estimator, _own_target(estimator, X, y), sample_weight, private)
    if y is None:
        raise InvalidInput(f"{type(estimator).__name__} requires y to be passed, but the target "
                           "y is None", remedy="fit(X, y)   # or fit(pv.read(...))")
    schema = estimator._declared_schema(X, y)
    if schema is not None:
        found = _declared(estimator, _dataset(estimator, X, y, schema), sample_weight, private)
        return replace(found, whole=_whole(X, y, schema.required_target().name))
    if private:
        # Before a look at the cells, which scikit-learn's messages may show.
        raise _boundless(estimator, X, protection)
    return _bare(estimator, X, y, sample_weight)


def _boundless(estimator: Estimator, X: Any, protection: Protection) -> MissingBounds:
    """What to write where bare arrays meet a protection that needs bounds."""
    kind = "classes=[0, 1]" if estimator._task == "classes" else "target_range=(0.0, 1.0)"
    shape: tuple[int, ...] = getattr(X, "shape", ())
    return MissingBounds(
        f"bare arrays declare no bounds, and {protection.label} must not take them from the data",
        value=f"{shape[1]} columns without bounds" if len(shape) == 2 else "no bounds",
        bound="the least and greatest value of each column, and of the target, as known without "
        "these rows",
        remedy=f"{type(estimator).__name__}(protect=..., "
        f"schema=pv.Schema.for_arrays(low=[...], high=[...], {kind}))",
    )


def schema_of(schema: Any) -> Schema:
    """The schema meant by a `Schema`, the path of one, or a mapping."""
    if isinstance(schema, Schema):
        return schema
    if isinstance(schema, (str, os.PathLike)):
        return Schema.load(schema)
    if isinstance(schema, Mapping):
        return Schema.parse(schema)
    raise SchemaError("schema must be a Schema, the path of one, or a mapping",
                      value=type(schema).__name__, remedy='schema="patients.toml"')


@dataclass(frozen=True)
class _Bare:
    x: Array
    y: Array
    weight: Array | None
    names: tuple[str, ...]
    classes: Array | None

    def stewarded(self) -> tuple[Prepared, Steward | None]:
        return self, None

    def rows(self, model: Model) -> tuple[Inputs, Unread]:
        if model.encoding != "scaled":
            raise MissingBounds(
                f"the {model.name} model needs bins, which bare arrays do not declare",
                bound="a schema",
                remedy="schema=pv.Schema.for_arrays(low=[...], high=[...], classes=[0, 1])",
            )
        count = None if self.classes is None else len(self.classes)
        rows = rows_of_arrays(self.x, self.y, classes=count, weight=self.weight)
        return Inputs(self.names), Unread(rows.facts, lambda: rows)


def _bare(estimator: Estimator, X: Any, y: Any, sample_weight: Any) -> _Bare:
    classifies = estimator._task == "classes"
    x, y = validate_data(estimator, X, y, dtype=np.float64, y_numeric=not classifies)
    weight = None
    if sample_weight is not None:
        weight = _weights(sample_weight, x)
        # No weight is no row: nothing of it may show, not even in the order of the others.
        x, y, weight = x[weight > 0], y[weight > 0], weight[weight > 0]
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        names = [f"x{index}" for index in range(x.shape[1])]
    classes = None
    if classifies:
        check_classification_targets(y)
        classes, y = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise DataError("a classifier needs at least two classes, but y holds one class only",
                            bound="2 or more classes among the rows of positive weight",
                            remedy="fit(X, y) with both classes among the rows")
    return _Bare(x, y, weight, tuple(map(str, names)), classes)


def _weights(sample_weight: Any, x: Array) -> Array:
    try:
        sample_weight = np.asarray(sample_weight, dtype=np.float64)
        numbers = True
    except (TypeError, ValueError):
        numbers = False
    if not numbers:
        # Raised out here, where NumPy's error, which shows a cell, does not hang on as context.
        raise InvalidInput("sample_weight holds something that is no number",
                           bound="numbers that are not negative")
    try:
        weight: Array = _check_sample_weight(
            sample_weight, x, dtype=np.float64, ensure_non_negative=True
        )
    except ValueError as error:  # its words name shapes and kinds, and no weight
        raise InvalidInput(f"sample_weight cannot be used: {error}",
                           bound="(n,) finite numbers that are not negative") from error
    if not weight.any():
        raise DataError("sample_weight is zero for every row",
                        bound="at least one weight that is not zero")
    return weight


@dataclass(frozen=True)
class _Declared:
    data: Dataset
    weight: Any
    classes: Array | None
    private: bool
    whole: Callable[[], Source] | None = None

    def stewarded(self) -> tuple[Prepared, Steward | None]:
        data, steward = stewarded(self.data, self.whole)
        return replace(self, data=data), steward

    def rows(self, model: Model) -> tuple[Inputs, Unread]:
        names = tuple(Encoder(self.data.schema, model.encoding).names)
        promised = unread(self.data, model, private=self.private)
        if self.weight is not None:
            promised = promised.telling(withheld=("weights of single rows, given by the caller",))
        return Inputs(names, self.data.schema, model.encoding), promised.then(self._checked)

    def _checked(self, rows: Rows) -> Rows:
        """The rows with the caller's weights; in the clear, a target that varies."""
        if not self.private:
            require_two(rows.y, self.data.schema.required_target())
        if self.weight is None:
            return rows
        own = _weights(self.weight, np.empty((_num_samples(self.weight), 1)))
        if len(own) != len(rows.x):
            raise InvalidInput("sample_weight differs in length from the rows used",
                               value=len(own), bound=f"{len(rows.x)}")
        return replace(rows, weight=own if rows.weight is None else own * rows.weight)


def _declared(
    estimator: Estimator, data: Dataset, sample_weight: Any, private: bool
) -> _Declared:
    target = data.schema.required_target()
    if target.is_classes != (estimator._task == "classes"):
        kind = "classes" if target.is_classes else "a number"
        raise SchemaError(
            f"{type(estimator).__name__} cannot predict {kind}",
            value=f"target {target.name!r}",
            bound="a target of " + ("a number" if target.is_classes else "declared classes"),
            remedy="Classifier(...)" if target.is_classes else "Regressor(...)",
        )
    features = [column.name for column in data.schema.features]
    estimator.n_features_in_ = len(features)
    estimator.feature_names_in_ = np.array(features, dtype=object)
    return _Declared(data, sample_weight, Encoder(data.schema).classes, private)


def _own_target(estimator: Estimator, data: Dataset, y: Any) -> Dataset:
    if y is not None:
        raise InvalidInput("a Dataset brings its own target", value="y",
                           remedy="fit(data)   # or fit(X, y)")
    if estimator.schema is not None:
        raise InvalidInput("a Dataset brings its own schema", value="schema=...",
                           remedy=f"{type(estimator).__name__}(...).fit(data)")
    return data


def _dataset(estimator: Estimator, X: Any, y: Any, schema: Schema) -> Dataset:
    target = schema.required_target().name
    names = [column.name for column in schema.features]
    if not schema.unit.is_row:
        names.append(schema.unit.name)
    columns = columns_of(estimator, X, names)
    columns[target] = canonical(column_or_1d(y, warn=True))
    rows = {len(values) for values in columns.values()}
    if len(rows) > 1:
        raise DataError("X and y differ in length", value=sorted(rows), bound="equal lengths")
    return Dataset(Frame(columns), schema)


def _whole(X: Any, y: Any, target: str) -> Callable[[], Source] | None:
    """The table that a frame and its target are parts of; a ledger knows data by all columns."""
    if not hasattr(X, "columns"):
        return None

    def opened() -> Source:
        from privet.data.readers import open_source

        return _Beside(open_source(X), target, canonical(y))

    return opened


@dataclass(frozen=True)
class _Beside:
    """A frame and one more column, (n,), as one table; it takes the place of one so called."""

    frame: Source
    name: str
    values: Array

    @property
    def columns(self) -> tuple[str, ...]:
        own = () if self.name in self.frame.columns else (self.name,)
        return (*self.frame.columns, *own)

    @property
    def describe(self) -> str:
        return self.frame.describe

    def batches(self, columns: Sequence[str] | None = None, size: int = BATCH) -> Iterator[Batch]:
        wanted = self.columns if columns is None else tuple(columns)
        # At least one column of the frame, to know how many rows a batch has.
        others = [name for name in wanted if name != self.name] or [self.frame.columns[0]]
        start = 0
        for batch in self.frame.batches(others, size):
            rows = len(batch[others[0]])
            own = {self.name: finish(self.values[start : start + rows])}
            start += rows
            yield {name: (batch | own)[name] for name in wanted}


def columns_of(estimator: Estimator, X: Any, names: list[str]) -> dict[str, Array]:
    """The named columns of a frame, by name, or of an array, by position.

    Raises:
        UnknownColumn, DataError: they are not all there.
    """
    if hasattr(X, "columns"):
        known = {str(name): name for name in X.columns}
        for name in names:
            if name not in known:
                raise UnknownColumn("the frame has no such column", value=name,
                                    bound="one of " + ", ".join(list(known)[:20]))
        return {name: canonical(X[known[name]]) for name in names}
    # Missing values are the schema's business; sparse, complex or flat arrays are nobody's.
    array = check_array(X, dtype=None, ensure_all_finite=False, estimator=estimator)
    if array.shape[1] != len(names):
        raise DataError(
            f"X has {array.shape[1]} features, but {type(estimator).__name__} is expecting "
            f"{len(names)} features as input",
            bound="the columns " + ", ".join(names[:20]),
        )
    return {name: canonical(array[:, index]) for index, name in enumerate(names)}


def with_target(estimator: Estimator, X: Any, y: Any) -> tuple[Any, Any]:
    """X and the target to score against: a `Dataset` brings its own."""
    if not isinstance(X, Dataset):
        return X, y
    check_is_fitted(estimator, "result_")
    if y is not None:
        raise InvalidInput("a Dataset brings its own target", value="y", remedy="score(data)")
    source: Inputs = estimator._inputs
    if source.schema is None:
        raise InvalidInput("a model trained on bare arrays scores on arrays", value="Dataset",
                           remedy="model.score(X, y)")
    encoder = Encoder(source.schema, source.encoding)
    target = source.schema.required_target().name
    found = np.concatenate([encoder.encode_target(batch) for batch in X.batches((target,))])
    if estimator._task == "classes":
        return X, estimator.classes_[found]
    centre, half = source.target_scale
    return X, found * half + centre
