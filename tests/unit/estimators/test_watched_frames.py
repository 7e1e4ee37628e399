"""A frame in memory is known to the ledger like the file that it was read from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import privet as pv
from privet.data import Schema
from privet.errors import OutOfBudget, Refused
from privet.estimators.recognition import fingerprint
from privet.govern.budget import Budget, Registry
from privet.govern.ledger import Ledger

N = 90
COLUMNS: dict[str, Any] = {
    "name": {"kind": "identifier"},
    "a": {"kind": "number", "bounds": [0, 1]},
    "y": {"kind": "category", "categories": ["p", "q"]},
}


def frame() -> pd.DataFrame:
    a = np.linspace(0, 1, N)
    return pd.DataFrame({
        "name": [f"n{i}" for i in range(N)], "a": a, "born": pd.date_range("1950-01-01", periods=N),
        "y": np.where(a > 0.5, "p", "q"),
    })  # fmt: skip


@pytest.fixture(params=["row", "name"])
def schema(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: Any) -> Schema:
    """A schema under whose unit the frame is registered with a budget of 1, from its CSV."""
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "home"))
    unit = "row" if request.param == "row" else {"column": "name", "max_rows": 1}
    found = Schema.parse({"target": "y", "unit": unit, "columns": COLUMNS})
    frame().to_csv(tmp_path / "people.csv", index=False)
    data = pv.read(tmp_path / "people.csv", schema=found)
    ledger = Ledger.open()
    version, traces = fingerprint(ledger, data.source, (), request.param)
    Registry(ledger).register(
        "people", unit=request.param, budget=Budget(1.0, 1e-3), rows=N, units=N,
        columns=data.columns, version=version, traces=traces,
    )  # fmt: skip
    return found


def model(schema: Schema, protect: Any = None) -> Any:
    return pv.LogisticRegression(protect=protect or pv.Private(1.0, 1e-4), schema=schema)


@pytest.mark.parametrize("drop", [["y"], []], ids=["without the target", "whole"])
def test_an_ordinary_fit_of_the_registered_frame_spends(schema: Schema, drop: list[str]) -> None:
    rows = frame()
    fitted = model(schema).fit(rows.drop(columns=drop), rows["y"])
    assert fitted.guarantee_.recorded
    mixed = rows.sample(frac=1.0, random_state=1)
    with pytest.raises(OutOfBudget):
        model(schema).fit(mixed.drop(columns=drop), mixed["y"])


def test_a_fit_in_the_clear_of_the_registered_frame_is_refused(schema: Schema) -> None:
    rows = frame()
    with pytest.raises(Refused, match="promises nothing"):
        model(schema, pv.Plain()).fit(rows.drop(columns="y"), rows["y"])


def test_another_frame_is_nobodys(schema: Schema) -> None:
    rows = frame().assign(name=[f"m{i}" for i in range(N)], a=np.linspace(0.001, 0.999, N))
    assert not model(schema).fit(rows.drop(columns="y"), rows["y"]).guarantee_.recorded
