"""pandas, polars and Arrow objects. Their libraries are only imported once the caller has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from privet.data.readers.base import Raw, Reader, rechunk, unique_names
from privet.data.values import Array
from privet.errors import DataError, InvalidInput


def frame_reader(source: Any) -> Reader | None:
    """A reader of a frame or Arrow object, or None if `source` is neither.

    Raises:
        InvalidInput: an object of these libraries without named columns.
        DataError: two columns with one name.
    """
    library = type(source).__module__.partition(".")[0]
    name = type(source).__name__
    if library == "pandas":
        if name == "DataFrame":
            return _pandas_reader(source)
        _refuse(f"a pandas {name}", "frame   # a DataFrame with the target among its columns")
    if library == "polars":
        if name in ("DataFrame", "LazyFrame"):
            return _polars_reader(source)
        _refuse(f"a polars {name}", "frame   # a DataFrame or LazyFrame")
    if library == "pyarrow":
        return _arrow_reader(source)
    return None


def _refuse(what: str, remedy: str) -> None:
    raise InvalidInput("no named columns", value=what, bound="a frame or table", remedy=remedy)


def _pandas_reader(frame: Any) -> Reader:
    names = unique_names(frame.columns, describe="the pandas frame")
    place = {name: index for index, name in enumerate(names)}

    def pull(wanted: tuple[str, ...], size: int) -> Iterator[Raw]:
        for start in range(0, len(frame), size):
            part = frame.iloc[start : start + size]
            yield {name: _pandas_column(part.iloc[:, place[name]]) for name in wanted}

    return Reader(names, f"pandas frame of {len(names)} columns", pull)


def _pandas_column(series: Any) -> Any:
    if isinstance(series.dtype, np.dtype):
        return series.to_numpy()
    if getattr(series.dtype, "tz", None) is not None:
        series = series.dt.tz_convert("UTC")
    if series.dtype.kind == "f":
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    return series.astype(object).to_numpy()


def _polars_reader(frame: Any) -> Reader:
    lazy = type(frame).__name__ == "LazyFrame"
    known = frame.collect_schema().names() if lazy else frame.columns
    names = unique_names(known, describe="the polars frame")

    def pull(wanted: tuple[str, ...], size: int) -> Iterator[Raw]:
        for part in _polars_parts(frame.select(list(wanted)), size, lazy=lazy):
            yield {name: _polars_column(part[name]) for name in wanted}

    kind = "lazy frame" if lazy else "frame"
    return Reader(names, f"polars {kind} of {len(names)} columns", pull)


def _polars_parts(frame: Any, size: int, *, lazy: bool) -> Iterator[Any]:
    if not lazy:
        return iter(frame.iter_slices(size))
    import polars

    def join(parts: list[Any]) -> Any:
        return polars.concat(parts)

    return rechunk(frame.collect_batches(chunk_size=size, maintain_order=True), size,
                   rows=len, join=join, cut=lambda part, a, b: part[a:b])


def _polars_column(series: Any) -> Any:
    if series.dtype.is_temporal():
        zone = getattr(series.dtype, "time_zone", None)
        return (series.dt.convert_time_zone("UTC") if zone else series).to_list()
    if series.dtype.is_float() or not series.null_count():
        return series.to_numpy()
    return series.to_list()


def _arrow_reader(source: Any) -> Reader:
    if not hasattr(source, "schema"):
        _refuse(f"a pyarrow {type(source).__name__}", "table   # a Table, Dataset or RecordBatch")
    names = unique_names(source.schema.names, describe="the Arrow data")
    spent: list[bool] = []

    def pull(wanted: tuple[str, ...], size: int) -> Iterator[Raw]:
        for part in _arrow_parts(source, wanted, size, spent):
            yield {name: _arrow_column(part.column(name)) for name in wanted}

    return Reader(names, f"Arrow {type(source).__name__} of {len(names)} columns", pull)


def _arrow_parts(source: Any, wanted: tuple[str, ...], size: int,
                 spent: list[bool]) -> Iterator[Any]:
    import pyarrow

    if hasattr(source, "scanner"):  # a Dataset
        batches = iter(source.to_batches(columns=list(wanted), batch_size=size))
    elif hasattr(source, "read_next_batch"):
        if spent:
            raise DataError("an Arrow record batch reader can be read once only",
                            bound="one scan", remedy="reader.read_all()")
        spent.append(True)
        batches = (batch.select(list(wanted)) for batch in source)
    elif hasattr(source, "to_batches"):
        batches = iter(source.select(list(wanted)).to_batches())
    else:
        batches = iter([source.select(list(wanted))])
    tables = (pyarrow.Table.from_batches([batch]) for batch in batches)
    return rechunk(tables, size, rows=lambda t: int(t.num_rows), join=pyarrow.concat_tables,
                   cut=lambda t, a, b: t.slice(a, b - a))


def _arrow_column(column: Any) -> Array | list[Any]:
    import pyarrow.types as kinds

    kind = column.type
    if kinds.is_timestamp(kind) and kind.tz is not None:
        import pyarrow

        cells: list[Any] = column.cast(pyarrow.timestamp("us", "UTC")).to_pylist()
        return cells
    if not column.null_count or kinds.is_floating(kind):
        array: Array = column.to_numpy()
        return array
    found: list[Any] = column.to_pylist()
    return found
