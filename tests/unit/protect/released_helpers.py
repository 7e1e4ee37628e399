"""Small data sets and protections of known scores, for tests of released comparisons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

import privet as pv
from privet.claims import Cost, DPGuarantee, Gaussian, Sight
from privet.dp.accounting import GRID, MECHANISM, epsilon_for
from privet.protect.base import Facts, Model, Outcome, Plan, Protection, Rows, Watch

SCHEMA: dict[str, Any] = {
    "target": "ill",
    "bounds_from": "domain",
    "unit": "row",
    "columns": {
        "age": {"kind": "number", "bounds": [0, 100]},
        "ill": {"kind": "category", "categories": ["no", "yes"]},
    },
}
BY_PERSON = SCHEMA | {"unit": {"column": "person", "max_rows": 3}}
NUMBERS = {
    "target": "score",
    "bounds_from": "domain",
    "unit": "row",
    "columns": {
        "age": {"kind": "number", "bounds": [0, 100]},
        "score": {"kind": "number", "bounds": [0, 50]},
    },
}


def people(count: int = 200, *, ill: float = 0.4, schema: Any = None, rows: int = 1,
           aged: bool = True) -> Any:
    """`count` people, of whom the first share is ill and, if `aged`, older than 50."""
    sick = np.arange(count) < ill * count
    columns: dict[str, Any] = {
        "person": np.array([f"p{i:04d}" for i in range(count)], object),
        "age": np.where(sick & aged, 80.0, 20.0),
        "ill": np.where(sick, "yes", "no").astype(object),
        "score": np.where(sick, 40.0, 10.0),
    }
    repeated = {name: np.repeat(values, rows) for name, values in columns.items()}
    return pv.read(repeated, schema=SCHEMA if schema is None else schema, name="people")


@dataclass(frozen=True)
class Constant(Protection):
    """Gives one score to all rows, and claims one Gaussian for it; notes what it was given."""

    name: ClassVar[str] = "constant"
    level: float = 1.0
    epsilon: float = 0.1
    relation: Any = "zero-out"
    noise: float = 50.0
    fits: int | None = None
    seen: list[tuple[Facts, Rows]] = field(default_factory=list, compare=False, repr=False)

    @property
    def label(self) -> str:
        return f"constant {self.level:g}"

    def plan(self, model: Model, facts: Facts) -> Plan:
        event = Gaussian(self.noise, 2, "nothing")
        return Plan(
            DPGuarantee(
                epsilon=epsilon_for(event, 1e-5), delta=1.1e-5, unit=facts.unit,
                relation=self.relation, accountant="test", events=(event,),
                delta_split={MECHANISM: 1e-5, GRID: 1e-15}, sights=self.sights(),
            ),
            Cost(),
        )  # fmt: skip

    def run(self, model: Model, rows: Rows, plan: Plan, watch: Watch) -> Outcome:
        self.seen.append((rows.facts, rows))
        width = rows.x.shape[1]
        return Outcome({"w": np.zeros((width, 1)), "b": np.array([self.level])})

    def sights(self) -> tuple[Sight, ...]:
        return (Sight("curator", "all rows", protected=False),)
