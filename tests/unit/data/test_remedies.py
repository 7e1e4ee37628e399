"""Whatever is refused about data, the line to write instead is named."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import polars as pl
import pytest

import privet.data
from privet import errors
from privet.data import Frame, Schema, read
from privet.data.drafting import draft
from privet.data.readers import open_source
from privet.errors import DataError, PrivetError, UnknownColumn
from privet.protect.rows import facts_of, rows_of_arrays

SOURCES = sorted(Path(privet.data.__file__).parent.rglob("*.py"))
ROWS = Frame({"age": [1.5, 2.5], "city": ["Rome", "Oslo"]})


def _without_remedy(file: Path) -> list[str]:
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    ours = [
        call for call in calls
        if isinstance(call.func, ast.Name)
        and isinstance(kind := getattr(errors, call.func.id, None), type)
        and issubclass(kind, PrivetError)
    ]
    return [ast.unparse(call) for call in ours
            if "remedy" not in {keyword.arg for keyword in call.keywords}]


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.stem)
def test_every_error_of_this_room_names_the_line_to_write(file: Path) -> None:
    assert _without_remedy(file) == []


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: draft(ROWS, target="zzz"), 'target = "COLUMN"'),
        (lambda: read(ROWS, target="zzz"), 'target = "COLUMN"'),
        (lambda: read(ROWS, schema={"columns": {"zzz": {"kind": "boolean"}}}), "[columns.COLUMN]"),
        (lambda: open_source({"a": [1]}).batches(["zzz"]), "COLUMN"),
    ],
)
def test_a_column_like_no_other_is_refused_with_the_names_and_a_line(
    call: Callable[[], Any], remedy: str
) -> None:
    with pytest.raises(UnknownColumn) as caught:
        call()
    assert caught.value.value == "zzz"
    assert str(caught.value.bound).startswith("one of a")
    assert caught.value.remedy == remedy


@pytest.mark.parametrize(
    "empty",
    [pd.DataFrame({"a": []}), pl.DataFrame({"a": []}), {"a": np.empty(0)}, pd.DataFrame(), {}],
    ids=["pandas", "polars", "arrays", "no columns", "no arrays"],
)
def test_an_empty_frame_is_refused_with_value_bound_and_line(empty: Any) -> None:
    for call in (lambda: draft(empty), lambda: Schema.infer(open_source(empty).batches())):
        with pytest.raises(DataError) as caught:
            call()
        assert caught.value.value == 0 and caught.value.bound and caught.value.remedy


def test_no_rows_are_told_in_the_same_words_everywhere() -> None:
    empty = Frame({"age": [], "y": []})
    schema = {"target": "y", "columns": {"age": {"kind": "number", "bounds": [0, 1]},
                                         "y": {"kind": "boolean"}}}
    data = read(empty, schema=schema, name="the table")
    calls: list[Callable[[], Any]] = [
        lambda: Schema.infer(empty.batches()), lambda: draft(empty), data.encode, data.features,
        data.arrays, lambda: facts_of(data, cast(Any, SimpleNamespace(encoding="scaled"))),
        lambda: rows_of_arrays(np.empty((0, 1)), np.empty(0), classes=2),
    ]
    said = set()
    for call in calls:
        with pytest.raises(DataError) as caught:
            call()
        assert caught.value.remedy is not None and caught.value.value == 0
        said.add(str(caught.value))
    assert len(said) == 1 and "the table holds no rows" in said.pop()


def test_an_empty_or_absent_file_is_refused_with_value_bound_and_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    for path in (tmp_path / "a.csv", tmp_path / "like no other", tmp_path / "no" / "folder.csv"):
        with pytest.raises(DataError) as caught:
            open_source(path)
        assert caught.value.value == str(path) and caught.value.bound and caught.value.remedy
