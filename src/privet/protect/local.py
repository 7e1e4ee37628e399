"""Local differential privacy: every record is randomised before anybody else sees it."""

from __future__ import annotations

import time
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from privet.claims import (
    Cost,
    LocalDPGuarantee,
    NullSteward,
    Request,
    Sight,
    Steward,
    spending,
)
from privet.dp.local.layout import WAYS, Layout, layout_for
from privet.dp.local.moments import collect, per_record, products_for, solve
from privet.dp.local.odds import LARGEST
from privet.dp.local.table import Perturbed, randomise, records_of
from privet.dp.sampling import gather
from privet.entropy import secret_stream
from privet.errors import InvalidInput, Refused, one_of, positive, whole
from privet.protect.base import Facts, Model, Outcome, Plan, Protection, Rows, Watch, step
from privet.protect.bounds import require_bounds

if TYPE_CHECKING:
    from privet.data import Dataset

_LOSSES = ("squared", "logistic", "softmax")


@dataclass(frozen=True)
class LocallyPrivate(Protection):
    """Randomise each record on its own, so that nobody who gets the noisy ones need be trusted.

    `perturb` gives randomised records. `fit`, as `protect=` of an estimator calls it, trains a
    linear model from randomised products of each record's numbers.

    Args:
        epsilon: what all that leaves a record's device may reveal of it, above 0. What exceeds
            16 is not used: the guarantee then says 16.
        columns: how the columns of a record share epsilon in `perturb`: "all" are reported by
            every record, "some" by each, chosen without looking at it; "auto" takes what errs
            least, but "all" where the schema names a target.
        records: how many are expected from all devices together, by which randomisers are chosen
            in `perturb`; what one device holds, if not given. Devices must agree on it.

    Formal guarantees:
        - For any two records, and whatever leaves the device, the chances differ by a factor of
          at most e^epsilon (see `privet.dp.local`; the factor is known exactly). It holds against
          everyone who sees the reports alone, also who reads the files or the model made of them.
        - Bounds and categories come from the schema; where it has none, or has them from the
          data, nothing is perturbed.
        - Per record: a person with k records is protected at k epsilon, and so is a record that
          is perturbed k times.
        - Not claimed: protection from the process that holds the records and runs this, or that
          its running time is independent of them.

    Raises:
        InvalidBudget: epsilon is no finite number above 0.
    """

    name: ClassVar[str] = "local"
    exact_timing: ClassVar[bool] = False

    epsilon: float
    columns: str = field(default="auto", kw_only=True)
    records: int | None = field(default=None, kw_only=True)
    # An argument, so that dataclasses.replace hands it on: a changed copy is no fresh budget.
    _cloned: bool = field(default=False, kw_only=True, repr=False, compare=False)

    def __post_init__(self) -> None:
        positive(epsilon=self.epsilon, remedy="pv.LocallyPrivate(epsilon=1.0)")
        object.__setattr__(self, "epsilon", float(self.epsilon))
        one_of(WAYS, columns=self.columns, remedy='columns="auto"')
        if self.records is not None:
            object.__setattr__(self, "records", whole(records=self.records))

    def __sklearn_clone__(self) -> LocallyPrivate:
        """The same budget, marked: scikit-learn clones what it is about to fit repeatedly."""
        clone = copy(self)
        object.__setattr__(clone, "_cloned", True)
        return clone

    @property
    def label(self) -> str:
        """For example "local eps=1"."""
        return f"{self.name} eps={self.epsilon:g}"

    def admit(self, model: Model) -> None:
        """Refuse fits of clones: each would randomise the same records anew.

        Raises:
            Refused: the estimator is a clone.
        """
        if self._cloned:
            raise Refused(
                "a search or cross-validation fits clones, and each would randomise the records "
                "anew at epsilon",
                value=self.label,
                bound="one fit",
                remedy=f"fit(X, y) with protect=pv.LocallyPrivate(epsilon={self.epsilon:g})",
            )

    def plan(self, model: Model, facts: Facts) -> Plan:
        """Guarantee, expected cost and settings, from public facts alone.

        Raises:
            MissingBounds: the schema gives no bounds, or took them from the data.
            InvalidInput: the model is not linear.
            Refused: the bounds were found by somebody who saw all records.
        """
        require_bounds(facts)
        require_linear(model)
        if facts.bounds_claim is not None:
            raise Refused(
                "bounds found by a private release need somebody who saw all records, and local "
                "privacy promises that nobody does",
                bound="bounds known from the field",
                remedy='bounds_from = "domain"',
            )
        epsilon = min(self.epsilon, LARGEST)
        products = _products(facts)
        s = per_record(products.count, epsilon)
        settings = {"steps": 1, "products": products.count, "per_record": s}
        guarantee = self._guarantee(
            epsilon, {}, f"hybrid on {s} of {products.count} products of a record's numbers", facts
        )
        seconds = 0.1 + 3e-7 * max(facts.rows, 1) * s
        return Plan(guarantee, Cost(seconds=seconds, estimated=True), settings)

    def run(self, model: Model, rows: Rows, plan: Plan, watch: Watch) -> Outcome:
        """Randomise, average, solve. Only reports reach what is returned."""
        step(watch, 0, 1, "randomised records")
        epsilon, s = min(self.epsilon, LARGEST), int(plan.settings["per_record"])
        products = _products(rows.facts)
        x, y, weight = _records(rows)
        if weight is not None and weight.max(initial=0.0) > 1:
            raise InvalidInput("a weight above 1 would let a record say more than others may",
                               bound="weights in [0, 1]: divide them by the greatest possible one",
                               remedy="class_weight={0: 1.0, 1: 0.5}")
        moments = collect(
            x, _targets(y, rows.facts), weight, products, epsilon=epsilon, s=s,
            stream=secret_stream("local training"),
        )  # fmt: skip
        params = solve(moments, str(model.tag["loss"]), rows=len(x), l2=model.l2)
        step(watch, 1, 1, "randomised records")
        notes: tuple[str, ...] = ()
        if len(x) * s < 100 * products.count:
            notes = (f"{products.count} products share {len(x)} records: expect little accuracy; "
                     "more records or fewer columns help",)  # fmt: skip
        # A report: 18 bits of the number; which product it is, is public randomness.
        return Outcome(params, bytes_sent={"devices": 3 * s * len(x)}, rounds=1, notes=notes)

    def sights(self) -> tuple[Sight, ...]:
        """The device sees its record, everyone else what was randomised."""
        return (
            Sight("device, or whoever runs this", "its records in the clear", protected=False),
            Sight("whoever gets the reports", "randomised reports of each record", protected=True),
            Sight("whoever gets the model", "functions of those reports", protected=True),
        )

    def layout(self, data: Dataset) -> Layout:
        """How these data would be perturbed; their rows are counted, no cell is looked at.

        Raises:
            MissingBounds, SchemaError: see `privet.dp.local.layout.layout_for`.
        """
        records = data.count() if self.records is None else self.records
        epsilon = min(self.epsilon, LARGEST)
        return layout_for(data.schema, epsilon, records, columns=self.columns)

    def perturb(
        self,
        data: Dataset,
        *,
        steward: Steward | None = None,
        purpose: str = "",
        before: LocalDPGuarantee | None = None,
    ) -> Perturbed:
        """Randomise every record of a data set: plan, decide, reserve, read, perturb, commit.

        Args:
            data: rows with a schema.
            steward: who grants and records it; None for nobody.
            purpose: why, for the steward.
            before: what the rows were perturbed with before; its epsilon is added.

        Raises:
            MissingBounds, SchemaError: the schema does not say what a record may report; nothing
                was read or spent.
            Refused: the policy or the budget says no, or a row may not be a person.
            DataError: a cell is not what the schema says; what was reserved is spent.
        """
        from privet.data.declared import declared
        from privet.protect.asked import arguments

        layout = self.layout(data)
        rows = data.count()
        guarantee = self._table_guarantee(layout, data, before)
        used = tuple(dict.fromkeys(attribute.column for attribute in layout.attributes))
        request = Request(
            action="perturb",
            data_set=data.name,
            guarantee=guarantee,
            purpose=purpose,
            parameters={"protection": self.label, "arguments": arguments(self),
                        "columns": list(used), "per_record": layout.per_record,
                        "schema": declared(data.schema)},
        )
        with spending(steward or NullSteward(), request) as spend:
            spend.touch()
            data.check_units()
            started = time.perf_counter()
            stream = secret_stream("local perturbation")
            table = randomise(
                records_of(data, used, rows, stream.child("surplus rows")), data.schema, layout,
                stream=stream, guarantee=guarantee,
                dropped=tuple(name for name in data.columns if name not in used),
            )  # fmt: skip
            bits = sum(attribute.randomiser.bits for attribute in layout.attributes)
            sent = table.rows * bits * layout.per_record // len(layout.attributes) // 8
            cost = Cost(seconds=time.perf_counter() - started, bytes_sent={"devices": sent})
            receipt = spend.commit(guarantee, cost.coarse())
        return replace(table, guarantee=replace(guarantee, recorded=receipt.recorded))

    def _table_guarantee(
        self, layout: Layout, data: Dataset, before: LocalDPGuarantee | None
    ) -> LocalDPGuarantee:
        names = {attribute.name: attribute.randomiser.name for attribute in layout.attributes}
        shown = ", ".join(f"{name}: {randomiser}" for name, randomiser in names.items())
        spent = dict.fromkeys(names, layout.share)
        unit = data.schema.unit
        guarantee = self._guarantee(layout.epsilon, spent, shown, unit)
        more: tuple[str, ...] = (layout.reason,)
        if before is not None:
            more += (f"the rows had been perturbed before, at epsilon {before.epsilon:g}, which "
                     "is added",)  # fmt: skip
            guarantee = replace(guarantee, epsilon=guarantee.epsilon + before.epsilon)
        return replace(guarantee, assumptions=guarantee.assumptions + more)

    def _guarantee(
        self, epsilon: float, columns: dict[str, float], randomiser: str, unit: Any
    ) -> LocalDPGuarantee:
        name = unit.unit if isinstance(unit, Facts) else unit.name
        one = (
            "one person contributes one record" if name == "row" else
            f"all rows of one person carry one value of {name!r}; at most {unit.max_rows} of them "
            "are used, how many is not hidden, and the claim is about each: their epsilons add up"
        )
        return LocalDPGuarantee(
            epsilon=epsilon,
            columns=columns,
            randomiser=randomiser,
            unit=name,
            max_rows=unit.max_rows,
            sights=self.sights(),
            assumptions=(
                "the process that randomises the records is trusted with them: it is the device, "
                "or somebody who holds them already",
                "bounds and categories of the schema were not taken from these records",
                one,
                "a record that is perturbed again spends its epsilon again",
                "the number of records is public",
            ),
            checks=(
                "the likelihood ratio of every randomiser is an exact rational number: "
                "privet.local.RandomisedResponse(4, 1.0).ratio",
                "proofs/local-randomisers.md; tests/contract/test_frequency_oracles.py",
            ),
        )


def require_linear(model: Model) -> None:
    """Refuse a model that randomised reports cannot train.

    Raises:
        InvalidInput: always then.
    """
    if not (model.linear and model.tag.get("loss") in _LOSSES):
        raise InvalidInput(
            "randomised records train linear models only",
            value=model.name,
            bound="logistic, linear or additive",
            remedy='pv.Private(epsilon=1.0), or model="logistic"',
        )


def _products(facts: Facts) -> Any:
    classes = facts.classes or 1
    return products_for(
        np.asarray(facts.low, float), np.asarray(facts.high, float), classes,
        0.0 if facts.classes else -1.0,
    )  # fmt: skip


def _records(rows: Rows) -> tuple[Any, Any, Any]:
    """Rows as records: of each unit at most `max_rows`, the places of the others with weight 0."""
    facts = rows.facts
    if rows.unit is None:
        return rows.x, rows.y, rows.weight
    units = gather(rows.x, rows.y, unit=rows.unit, weight=rows.weight, units=facts.units,
                   max_rows=facts.max_rows, stream=secret_stream("surplus rows"))
    return units.x.reshape(-1, rows.x.shape[1]), units.y.reshape(-1), units.weight.reshape(-1)


def _targets(y: Any, facts: Facts) -> Any:
    if facts.classes is None:
        return np.clip(y, -1.0, 1.0)[:, None]
    return np.eye(facts.classes)[y.astype(np.int64)]
