"""What all estimators share: fit through a protection, predict through the same encoding."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from privet.dp.local.table import Perturbed
from privet.errors import InvalidInput, Refused
from privet.estimators import inputs
from privet.estimators.inputs import Inputs
from privet.models import model_from_tag, scores_of
from privet.models.losses import probabilities
from privet.protect.base import Model, Result
from privet.protect.stack import one_protection

if TYPE_CHECKING:
    from privet.claims import Steward
    from privet.data import Schema
    from privet.protect.base import Protection, Rows, Watch

Array = np.ndarray[Any, Any]


class Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Base of the estimators; subclasses say which model they train (`_model`).

    Attributes:
        guarantee_: the typed claim about the fitted model.
        cost_: what training cost.
        result_: model, parameters, guarantee and cost together.
        schema_: what encodes the rows; None where bare arrays are used as they are.
        n_iter_: optimiser steps; under a private protection the planned number.
        feature_names_out_: (d,) names of the encoded columns, in the order of the parameters.

    Formal guarantees: those of `guarantee_`, and for parameters, saved file and predictions
    alike. Under `Private` no fitted attribute but the parameters depends on the rows (the number
    of rows does, where the relation makes it public; `cost_` only rounded up).
    Anything computed from rows BEFORE they come here, such as a scaler's mean earlier in a
    Pipeline, or a score on held-out rows, is not covered: declare bounds in the schema instead.
    """

    protect: Any
    schema: Any
    _task: str

    def _model(self, classes: int | None) -> Model:
        raise NotImplementedError

    def _module(self) -> Any:
        """The user's own module, for estimators that take one."""
        return None

    def _declared_schema(self, X: Any, y: Any) -> Schema | None:
        """What the caller declared of columns and target; None if nothing was."""
        del X, y
        return None if self.schema is None else inputs.schema_of(self.schema)

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        watch: Watch | None = None,
        steward: Steward | None = None,
        purpose: str = "",
    ) -> Estimator:
        """Train under the protection.

        Args:
            X: a `Dataset` or randomised records (then y is None; the latter cost no budget), a
                frame or an array (n, columns).
            y: (n,) classes or numbers.
            sample_weight: (n,) weights, not negative; None for equal ones.
            watch: hears of progress and may stop the run.
            steward: who grants and records the use of these data. None for that of the ledger
                that is kept here, if it knows the data; else nobody, and then the guarantee says
                that nothing was recorded.
            purpose: why, for the steward.

        Raises:
            InvalidInput: malformed data or parameters (also a ValueError).
            MissingBounds: the protection needs bounds that the schema does not give.
            Refused: the budget does not cover this fit, or the steward says no.
            Cancelled: the watcher stopped the run; what was reserved is spent.
        """
        if isinstance(X, Perturbed):
            return self._fit_randomised(X, y, sample_weight)
        protection = one_protection(self.protect)
        prepared = inputs.prepare(self, X, y, sample_weight, protection)
        if steward is None:
            prepared, steward = prepared.stewarded()
        classes = prepared.classes
        model = self._model(None if classes is None else len(classes))
        source, rows = prepared.rows(model)
        rows = rows.then(self._reweighing(classes, protection)).telling(adjusted=self._adjusted())
        result = protection.fit(model, rows, watch=watch, steward=steward, purpose=purpose)
        self._keep(result, source, classes)
        if result.notes and protection.in_the_clear:
            warnings.warn("; ".join(result.notes), ConvergenceWarning, stacklevel=2)
        return self

    def _fit_randomised(self, table: Perturbed, y: Any, sample_weight: Any) -> Estimator:
        from privet.estimators.randomised import fit_randomised

        if y is not None or sample_weight is not None:
            raise InvalidInput("randomised records bring their own target, and no weights",
                               value="y" if y is not None else "sample_weight",
                               remedy="fit(table)")
        fit_randomised(self, table)
        return self

    def _reweighing(
        self, classes: Array | None, protection: Protection
    ) -> Callable[[Rows], Rows]:
        """Check what the estimator says of weights; hand out the step that applies it."""
        del classes, protection
        return lambda rows: rows

    def _adjusted(self) -> dict[str, Any]:
        """The public settings by which `_reweighing` weighs the rows, for a request."""
        return {}

    def _keep(self, result: Result, source: Inputs, classes: Array | None) -> None:
        self.result_ = result
        self.guarantee_ = result.guarantee
        self.cost_ = result.cost
        self.n_iter_ = result.steps
        self._inputs = source
        self.schema_ = source.schema
        self.feature_names_out_ = np.array(source.names, dtype=object)
        if classes is not None:
            self.classes_ = classes
        if result.model.linear:
            self._keep_linear(result.params)

    def _keep_linear(self, params: dict[str, Array]) -> None:
        raise NotImplementedError

    def _scores(self, X: Any) -> Array:
        """(n, outputs) scores of the rows of X, encoded as in fit."""
        check_is_fitted(self, "result_")
        return scores_of(self.result_.model, self.result_.params, self._inputs.encode(self, X))

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the functions of the model, which its tag rebuilds."""
        state = dict(super().__getstate__())
        if "result_" in state:
            state["_model_tag"] = self.result_.model.tag
            state["result_"] = replace(self.result_, model=None)  # type: ignore[arg-type]  # put back on load
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        tag = state.pop("_model_tag", None)
        super().__setstate__(state)
        if tag is not None:
            model = model_from_tag(tag, module=self._module())
            self.result_ = replace(self.result_, model=model)


class ClassifierBase(ClassifierMixin, Estimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Classification: scores become probabilities and classes."""

    _task = "classes"

    def _keep_linear(self, params: dict[str, Array]) -> None:
        self.coef_ = params["w"].T.copy()
        self.intercept_ = params["b"].copy()

    def decision_function(self, X: Any) -> Array:
        """Scores: (n,) for two classes (positive means the second), else (n, K)."""
        scores = self._scores(X)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict_proba(self, X: Any) -> Array:
        """(n, K) probabilities of the classes, in the order of `classes_`."""
        return probabilities(self._scores(X))

    def predict_log_proba(self, X: Any) -> Array:
        """(n, K) logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    def predict(self, X: Any) -> Array:
        """(n,) the most probable class of each row."""
        scores = self._scores(X)
        if scores.shape[1] == 1:
            return np.asarray(self.classes_[(scores[:, 0] > 0).astype(np.int64)])
        return np.asarray(self.classes_[scores.argmax(axis=1)])

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Mean accuracy on the rows of X, whose own target is used if X is a `Dataset`."""
        X, y = inputs.with_target(self, X, y)
        return float(super().score(X, y, sample_weight))


class RegressorBase(RegressorMixin, Estimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Regression: scores become numbers in the target's own unit."""

    _task = "number"

    def _keep_linear(self, params: dict[str, Array]) -> None:
        # Parameters predict the scaled target; these two predict it in its own unit.
        centre, half = self._inputs.target_scale
        self.coef_ = params["w"][:, 0] * half
        self.intercept_ = float(params["b"][0] * half + centre)

    def predict(self, X: Any) -> Array:
        """(n,) numbers in the target's own unit."""
        scores = self._scores(X)[:, 0]
        centre, half = self._inputs.target_scale
        return np.asarray(scores * half + centre)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """R2 on the rows of X, whose own target is used if X is a `Dataset`."""
        X, y = inputs.with_target(self, X, y)
        return float(super().score(X, y, sample_weight))


def seed_of(random_state: Any) -> int | None:
    """The seed that scikit-learn's `random_state` means; None leaves it to the system."""
    if random_state is None:
        return None
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        if random_state < 0:
            raise InvalidInput("random_state must not be negative", value=int(random_state),
                               bound=">= 0")
        return int(random_state)
    from sklearn.utils import check_random_state

    return int(check_random_state(random_state).randint(2**31 - 1))


def refuse_balanced(protection: Protection) -> None:
    """Refuse class_weight="balanced" where counts of classes are private.

    Raises:
        Refused: always, unless training is in the clear.
    """
    if not protection.in_the_clear:
        raise Refused(
            'class_weight="balanced" counts the classes of the rows, which no budget covers',
            value=protection.label,
            bound="class weights known without these rows",
            remedy="class_weight={0: 1.0, 1: 3.0}",
        )
