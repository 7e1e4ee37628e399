"""What cells decide is spent; what text and schema decide is not, and looks at no cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import privet as pv
from privet.claims import Cost, Decision, Guarantee, NoGuarantee, Receipt, Request, Reservation
from privet.data import Dataset, Schema
from privet.data.source import Frame
from privet.dp.draft import draft_private
from privet.errors import PrivetError, Refused

N = 80


class Steward:
    """Grants unless told otherwise, and writes down what it hears."""

    def __init__(self, grant: bool = True) -> None:
        self.grant = grant
        self.heard: list[str] = []
        self.requests: list[Request] = []
        self.committed: list[Guarantee] = []

    def decide(self, request: Request) -> Decision:
        self.heard.append("decide")
        self.requests.append(request)
        return Decision(granted=self.grant, reason="a test says no")

    def reserve(self, request: Request) -> Reservation:
        self.heard.append("reserve")
        return Reservation(request=request)

    def release(self, reservation: Reservation) -> None:
        self.heard.append("release")

    def forfeit(self, reservation: Reservation, reason: str) -> None:
        self.heard.append("forfeit")

    def commit(self, reservation: Reservation, guarantee: Guarantee, cost: Cost) -> Receipt:
        self.heard.append("commit")
        self.committed.append(guarantee)
        return Receipt(recorded=True, entry="1")


SPENT = ["decide", "reserve", "forfeit"]
DONE = ["decide", "reserve", "commit"]


class Closed:
    """A source whose rows can be counted by one column, and that nobody may look into."""

    describe = "a closed book"

    def __init__(self, cells: dict[str, Any], counted_by: str) -> None:
        self._frame, self._counted_by = Frame(cells), counted_by

    @property
    def columns(self) -> tuple[str, ...]:
        return self._frame.columns

    def batches(
        self, columns: Sequence[str] | None = None, size: int = 65536
    ) -> Iterator[dict[str, Any]]:
        assert tuple(columns or ()) == (self._counted_by,), "somebody looked at cells"
        return self._frame.batches(columns, size)


def schema(**changes: Any) -> Schema:
    described: dict[str, Any] = {
        "target": "y",
        "columns": {
            "a": {"kind": "number", "bounds": [0, 1]},
            "b": {"kind": "category", "categories": ["u", "v"]},
            "name": {"kind": "identifier"},
            "y": {"kind": "category", "categories": ["p", "q"]},
        },
    }
    return Schema.parse(described | changes)


def cells() -> dict[str, Any]:
    a = np.linspace(0, 1, N)
    return {
        "a": a.astype(object),
        "b": np.where(np.arange(N) % 2, "u", "v").astype(object),
        "name": np.array([f"n{i}" for i in range(N)], dtype=object),
        "y": np.where(a > 0.5, "p", "q").astype(object),
    }


def estimator(**settings: Any) -> Any:
    return pv.LogisticRegression(protect=pv.Private(epsilon=1.0), **settings)


Poison = Callable[[dict[str, Any]], None]


def put(column: str, value: Any) -> Poison:
    def poison(rows: dict[str, Any]) -> None:
        rows[column][3] = value

    return poison


POISON: dict[str, Poison] = {
    "unknown category": put("b", "w"),
    "missing number": put("a", None),
    "missing category": put("b", None),
    "text for a number": put("a", "seven"),
    "missing target": put("y", None),
    "unknown class": put("y", "r"),
    "repeated identifier": put("name", "n4"),
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_a_fit_that_cells_end_is_spent(poison: Poison) -> None:
    rows, steward = cells(), Steward()
    poison(rows)
    with pytest.raises(PrivetError):
        estimator().fit(Dataset(Frame(rows), schema(), "d"), steward=steward)
    assert steward.heard == SPENT


# A frame beside y brings no identifiers.
@pytest.mark.parametrize("poison", [*POISON.values()][:-1], ids=[*POISON][:-1])
def test_a_fit_of_a_frame_that_cells_end_is_spent(poison: Poison) -> None:
    import pandas as pd

    rows, steward = cells(), Steward()
    poison(rows)
    frame = pd.DataFrame(rows)
    with pytest.raises(PrivetError):
        estimator(schema=schema()).fit(frame.drop(columns="y"), frame["y"], steward=steward)
    assert steward.heard == SPENT


@pytest.mark.parametrize("weights", [-np.ones(N), np.zeros(N), ["x"] * N, np.ones(N - 1)])
def test_a_fit_that_weights_end_is_spent(weights: Any) -> None:
    steward = Steward()
    with pytest.raises(ValueError):
        estimator().fit(Dataset(Frame(cells()), schema(), "d"), sample_weight=weights,
                        steward=steward)
    assert steward.heard == SPENT


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_a_comparison_that_cells_end_is_spent(poison: Poison) -> None:
    rows, steward = cells(), Steward()
    poison(rows)
    with pytest.raises(PrivetError):
        pv.compare(Dataset(Frame(rows), schema(), "d"), seeds=2, steward=steward)
    assert steward.heard == SPENT


def test_a_fit_and_a_comparison_that_end_well_are_committed_once() -> None:
    data = Dataset(Frame(cells()), schema(), "d")
    steward = Steward()
    assert estimator().fit(data, steward=steward, purpose="care").guarantee_.recorded
    assert steward.heard == DONE
    pv.compare(data, seeds=2, steward=steward, purpose="choose")
    assert steward.heard == DONE * 2
    request = steward.requests[1]
    assert (request.action, request.purpose, request.data_set) == ("compare", "choose", "d")
    assert request.parameters["protections"][0] == "plain"
    assert isinstance(request.guarantee, NoGuarantee)


TEXT: dict[str, Any] = {
    "no bounds": (schema(columns={"a": {"kind": "number"},
                                  "y": {"kind": "category", "categories": ["p", "q"]}}), {}),
    "bounds from the data": (schema(columns={
        "a": {"kind": "number", "bounds": [0, 1], "bounds_from": "data"},
        "y": {"kind": "category", "categories": ["p", "q"]}}), {}),
    "large delta": (schema(), {"protect": pv.Private(epsilon=1.0, delta=0.5)}),
    "unknown class_weight": (schema(), {"class_weight": {"z": 1.0}}),
    "balanced": (schema(), {"class_weight": "balanced"}),
    "more steps than memory": (schema(), {"protect": pv.Private(epsilon=1.0, steps=10**9)}),
    "noise that cannot be rounded": (schema(), {"protect": pv.Private(epsilon=1e-9, delta=1e-12)}),
}


@pytest.mark.parametrize("case", TEXT.values(), ids=TEXT)
def test_what_text_and_schema_refuse_asks_nobody_and_looks_at_no_cell(case: Any) -> None:
    declared, settings = case
    steward = Steward()
    with pytest.raises(PrivetError):
        pv.LogisticRegression(**{"protect": pv.Private(epsilon=1.0), **settings}).fit(
            Dataset(Closed(cells(), "a"), declared, "d"), steward=steward
        )
    assert "reserve" not in steward.heard


def test_what_a_network_cannot_round_asks_nobody_either() -> None:
    steward = Steward()
    with pytest.raises(PrivetError):
        pv.MLPClassifier(protect=pv.Private(epsilon=1e-9, delta=1e-12)).fit(
            Dataset(Closed(cells(), "a"), schema(), "d"), steward=steward
        )
    assert steward.heard == []


def test_who_is_refused_has_seen_no_cell() -> None:
    data = Dataset(Closed(cells(), "a"), schema(), "d")
    for run in (
        lambda steward: estimator().fit(data, steward=steward),
        lambda steward: pv.compare(data, seeds=2, steward=steward),
        lambda steward: draft_private(data.source, epsilon=1.0, steward=steward),
    ):
        steward = Steward(grant=False)
        with pytest.raises(Refused, match="a test says no"):
            run(steward)
        assert steward.heard == ["decide"]


def test_of_a_unit_only_the_ids_are_counted_beforehand() -> None:
    by_name = {"column": "name", "max_rows": 2}
    data = Dataset(Closed(cells(), "name"), schema(unit=by_name), "d")
    with pytest.raises(Refused, match="a test says no"):
        estimator().fit(data, steward=Steward(grant=False))


def test_a_denied_fit_does_not_count_among_the_fits_of_a_budget() -> None:
    protect = pv.Private(epsilon=1.0, delta=1e-4, fits=1)
    data = Dataset(Frame(cells()), schema(), "d")
    with pytest.raises(Refused, match="a test says no"):
        pv.LogisticRegression(protect=protect).fit(data, steward=Steward(grant=False))
    steward = Steward()
    pv.LogisticRegression(protect=protect).fit(data, steward=steward)
    with pytest.raises(Refused, match="no further fit"):
        pv.LogisticRegression(protect=protect).fit(data, steward=steward)
    assert steward.heard == [*DONE, "decide", "reserve", "release"]


class Growing(Frame):
    """Shows one row more at every scan."""

    shown = N - 5

    def batches(
        self, columns: Sequence[str] | None = None, size: int = 65536
    ) -> Iterator[dict[str, Any]]:
        self.shown += 1
        for batch in super().batches(columns, size):
            yield {name: values[: self.shown] for name, values in batch.items()}


def test_data_that_change_between_counting_and_reading_are_refused() -> None:
    by_name = {"column": "name", "max_rows": 2}
    data, steward = Dataset(Growing(cells()), schema(unit=by_name), "d"), Steward()
    with pytest.raises(PrivetError, match="changed while"):
        estimator().fit(data, steward=steward)
    assert steward.heard == SPENT


def test_a_private_draft_is_granted_first_and_recorded() -> None:
    steward = Steward()
    rows = {"a": np.linspace(0, 1, N), "b": np.arange(N)}
    _, guarantee = draft_private(Frame(rows), epsilon=1.0, steward=steward, data_set="d",
                                 purpose="bounds")
    assert steward.heard == DONE
    assert guarantee.recorded
    asked = steward.requests[0]
    assert (asked.action, asked.data_set, asked.purpose) == ("schema", "d", "bounds")
    assert (asked.guarantee.epsilon, asked.guarantee.delta) == (guarantee.epsilon, guarantee.delta)  # type: ignore[attr-defined]  # both DP
