"""`Plain`: training in the clear, the baseline that every protection is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from privet.claims import Cost, NoGuarantee, Sight
from privet.protect.base import Facts, Model, Outcome, Plan, Protection, Rows, Watch

_FLOPS = 2e9
"""Arithmetic per second that an estimate of cost assumes."""


@dataclass(frozen=True)
class Plain(Protection):
    """Train without protection.

    Linear models with a squared, logistic or softmax loss reach the optimum that scikit-learn's
    `LinearRegression`, `Ridge` and `LogisticRegression` define, to solver tolerance; others are
    trained by Adam on shuffled minibatches (Kingma & Ba 2015), in one compiled function.

    Formal guarantees:
        None. The model, its saved file and its exact timings are functions of the rows.
    """

    name: ClassVar[str] = "plain"
    in_the_clear: ClassVar[bool] = True

    def plan(self, model: Model, facts: Facts) -> Plan:
        """Nothing to refuse: any rows will do."""
        guarantee = NoGuarantee(
            sights=self.sights(),
            assumptions=("everyone who sees the model may see the rows it was trained on",),
            checks=("nothing to check: nothing is claimed",),
        )
        passes = int(model.options.get("epochs", 30))
        seconds = 6.0 * passes * facts.rows * facts.features * facts.outputs / _FLOPS
        cost = Cost(seconds=seconds, peak_memory=16 * facts.rows * facts.features)
        return Plan(guarantee, cost.as_estimate(), _settings(model))

    def run(self, model: Model, rows: Rows, plan: Plan, watch: Watch) -> Outcome:
        """Train on the rows as they are."""
        loss = model.tag.get("loss")
        if model.linear and model.trainer == "convex" and loss is not None:
            from privet.protect.convex import fit_linear

            return fit_linear(
                rows.x,
                rows.y,
                rows.weight,
                loss=loss,
                outputs=rows.facts.outputs,
                l2=model.l2,
                max_iter=model.options.get("max_iter", 1000),
                tol=model.options.get("tol", 1e-8),
                watch=watch,
            )
        from privet.protect.descent import fit_convex, fit_stochastic

        train = fit_convex if model.trainer == "convex" else fit_stochastic
        return train(model, rows, watch)

    def sights(self) -> tuple[Sight, ...]:
        """The data owner sees everything; so may whoever gets the model."""
        return (
            Sight("data owner", "all rows and the model", protected=False),
            Sight("whoever gets the model", "the model, and what it reveals of any row", False),
        )


def _settings(model: Model) -> dict[str, Any]:
    kept = {k: v for k, v in model.options.items() if k != "seed"}
    return {"trainer": model.trainer, "l2": model.l2, **kept}
