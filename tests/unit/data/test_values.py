"""Canonical columns: equal data end in equal arrays, and messages show no cell."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pytest

from privet.data.values import (
    MISSING,
    POINTS,
    UNKNOWN,
    canonical,
    codes,
    concatenate,
    label,
    labels,
    to_numbers,
    truths,
)
from privet.errors import DataError


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3],
        np.array([1, 2, 3], dtype=np.uint8),
        np.array([1, 2, 3], dtype=np.uint64),
        np.array([1, 2, 3], dtype=object),
        np.ma.array([1, 2, 3], mask=[False, False, False]),
    ],
)
def test_whole_numbers_become_int64(values):
    column = canonical(values)
    assert column.dtype == np.int64
    assert column.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "values",
    [
        [1, None, 3],
        np.array([1, np.nan, 3], dtype=np.float32),
        [Decimal(1), None, 3.0],
        np.ma.array([1, 2, 3], mask=[False, True, False]),
    ],
)
def test_numbers_with_gaps_become_float64(values):
    column = canonical(values)
    assert column.dtype == np.float64
    np.testing.assert_array_equal(column, [1, np.nan, 3])


def test_whole_numbers_beyond_float64_stay_exact_beside_gaps():
    column = canonical([2**60 + 1, None])
    assert column.tolist() == [2**60 + 1, None]


def test_whole_numbers_beyond_every_type_saturate():
    column = canonical([10**400, -(10**400), 0.5])
    np.testing.assert_array_equal(np.sign(to_numbers(column, column="x")), [1, -1, 1])
    assert np.isfinite(to_numbers(canonical([10**400]), column="x")).all()


def test_truths_with_and_without_gaps():
    assert canonical([True, False]).dtype == np.bool_
    assert canonical([True, None]).tolist() == [True, None]


def test_dates_become_text_without_midnight():
    assert canonical([date(2020, 1, 2), None]).tolist() == ["2020-01-02", None]
    days = np.array(["2020-01-02", "NaT"], dtype="datetime64[ns]")
    assert canonical(days).tolist() == ["2020-01-02", None]
    assert canonical([datetime(2020, 1, 2, 3)]).tolist() == ["2020-01-02 03:00:00"]


def test_the_callers_array_is_not_changed():
    values = np.array([True, None, float("nan")], dtype=object)
    canonical(values)
    assert values[2] is not None


def test_labels_agree_across_types():
    assert {label(1), label(1.0), label("1"), label(np.int32(1)), label(" 1 ")} == {"1"}
    assert label(True) == label(np.True_) == "true"
    assert label(None) is None and label(float("nan")) is None
    assert labels(np.array([1.0, np.nan])).tolist() == ["1", None]


def test_mixed_objects_are_not_confused_by_equal_keys():
    # 1, 1.0 and True are one key of a dict
    mixed = np.array([True, 1, "1", 1.0], dtype=object)
    assert labels(mixed).tolist() == ["true", "1", "1", "1"]
    assert codes(mixed, {"true": 0, "1": 1}).tolist() == [0, 1, 1, 1]


def test_codes_tell_missing_from_unknown():
    table = {"a": 0, "b": 1}
    cells = np.array(["a", " b", "", "  ", None, "c"], dtype=object)
    assert codes(cells, table).tolist() == [0, 1, MISSING, MISSING, MISSING, UNKNOWN]
    assert codes(np.array([1.0, np.nan, 2.0]), {"1": 0}).tolist() == [0, MISSING, UNKNOWN]


def test_truths_understand_common_words():
    cells = np.array(["Yes", "F", "0", 1, True, None, "perhaps"], dtype=object)
    assert truths(cells).tolist() == [1, 0, 0, 1, 1, MISSING, UNKNOWN]
    assert truths(np.array([0, 1, 2])).tolist() == [0, 1, UNKNOWN]


def test_numbers_as_text_are_read():
    cells = np.array(["1.5", " ", None, "inf", 2], dtype=object)
    np.testing.assert_array_equal(to_numbers(cells, column="x"), [1.5, np.nan, np.nan, np.inf, 2.0])


def test_text_among_numbers_is_refused_without_showing_it():
    with pytest.raises(DataError) as caught:
        to_numbers(np.array(["1", "SECRET"], dtype=object), column="my age")
    assert "SECRET" not in str(caught.value)
    assert '[columns."my age"]' in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


@pytest.mark.parametrize("cells", [["1,5"], ["1,5", "2", None, " -1.234,56 ", 7]])
def test_decimal_commas_are_named_without_showing_them(cells):
    with pytest.raises(DataError, match="'x' holds numbers with a decimal comma") as caught:
        to_numbers(np.array(cells, dtype=object), column="x")
    assert caught.value.remedy == POINTS
    assert not any(cell in str(caught.value) for cell in ("1,5", "234"))
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    with pytest.raises(DataError, match="text that is not a number"):
        to_numbers(np.array([*cells, "SECRET"], dtype=object), column="x")


def test_pieces_of_different_types_join():
    whole, gaps = np.array([1, 2]), np.array([np.nan])
    np.testing.assert_array_equal(concatenate([whole, gaps]), [1, 2, np.nan])
    text = np.array(["a"], dtype=object)
    assert concatenate([whole, text]).tolist() == [1, 2, "a"]
    exact = concatenate([np.array([2**60 + 1]), np.array([np.nan])])
    assert exact.tolist() == [2**60 + 1, None]


def test_a_time_reads_as_a_file_of_text_has_it():
    import pandas as pd

    times = pd.Series(pd.to_datetime(["2020-01-01 12:00:00", "2020-01-02 00:00:00", None]))
    assert canonical(times.to_numpy()).tolist() == ["2020-01-01 12:00:00", "2020-01-02", None]
