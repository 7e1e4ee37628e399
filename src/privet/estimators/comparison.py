"""`compare`: several protections of one model, on the same splits of the same data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from privet.models import model_for

if TYPE_CHECKING:
    from privet.data import Dataset
    from privet.protect.base import Protection
    from privet.protect.choose import Comparison


def compare(
    data: Dataset,
    model: Any = "logistic",
    protections: Sequence[Protection] | None = None,
    *,
    options: dict[str, Any] | None = None,
    release: float | None = None,
    **settings: Any,
) -> Comparison:
    """Train one model under several protections and say which one to take, and why.

    Args:
        data: a `Dataset` whose schema names the target.
        model: a name or a user's own, see `privet.models.model_for`.
        protections: what to compare; None for `Plain()` and `Private` at epsilon 0.5, 1 and 3.
        options: settings of the model.
        release: None for the curator's eyes only, with exact scores. A number: the comparison may
            be released, and is (release, delta)-differentially private as a whole; its scores are
            noisy, and protections without such a guarantee are refused. None of `protections`
            then means `Private` at epsilon 0.5 and 1.
        settings: `seeds`, `test_size`, `watch`, `steward` and `purpose` of
            `privet.protect.choose.compare`; with `release` also `delta` and `insecure_seed`, and
            no `test_size`, of `privet.protect.choose.compare_publicly`.

    Returns:
        A `Comparison`: a table in a notebook, `to_json()`, `recommendation`.

    Raises:
        SchemaError: no target is named, or bounds are missing.
        InvalidInput: the model does not fit the target.
        InvalidBudget: `release` is too little; the message says what is enough.

    Formal guarantees: without `release` none for the comparison itself. Its figures are exact
    functions of the rows held out, for the curator's eyes; it says what releasing them would
    cost. With `release`, everything in it satisfies `Comparison.guarantee`, which the ledger of
    registered data is charged.
    """
    from privet.estimators.stewardship import stewarded
    from privet.protect.choose import compare as choose
    from privet.protect.choose import compare_publicly

    target = data.schema.required_target()
    if settings.get("steward") is None:
        data, settings["steward"] = stewarded(data)
    classes = None if target.classes is None else len(target.classes)
    built = model_for(model, classes=classes, **(options or {}))
    if release is not None:
        chosen = _private(0.5, 1.0) if protections is None else protections
        return compare_publicly(data, built, chosen, epsilon=release, **settings)
    return choose(data, built, _default() if protections is None else protections, **settings)


def _default() -> list[Protection]:
    from privet.protect import Plain

    return [Plain(), *_private(0.5, 1.0, 3.0)]


def _private(*epsilons: float) -> list[Protection]:
    from privet.protect import Private

    return [Private(epsilon=epsilon) for epsilon in epsilons]
