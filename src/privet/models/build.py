"""`model_for`: the one door to every model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from privet.errors import InvalidInput, one_of, positive, whole
from privet.models import linear, losses, mlp
from privet.protect.base import Model

MODELS = ("linear", "logistic", "additive", "mlp")
"""The built-in models by name."""

_CONVEX: dict[str, Any] = {"l2": 1.0, "max_iter": 1000, "tol": 1e-8}
_STOCHASTIC: dict[str, Any] = {
    "l2": 1e-4,
    "epochs": 200,
    "batch": 200,
    "step_size": 1e-3,
    "seed": None,
}
_MLP: dict[str, Any] = {"hidden": (100,), "activation": "relu", **_STOCHASTIC}


def model_for(model: Any, *, classes: int | None, **options: Any) -> Model:
    """The model meant by a name or by a user's own code.

    Args:
        model: "linear", "logistic", "additive" or "mlp"; a pair (init(key, x), apply(params, x))
            of pure JAX functions on ONE row x (d,), apply returning (outputs,) scores; a Flax
            (linen or nnx) or Equinox module that maps one row to its scores; or a `Model`.
        classes: number of classes; None for regression. Two classes have one score.
        options: "l2" (strength of the quadratic penalty on weights, as 1/C or alpha in
            scikit-learn) and the trainer's settings: "max_iter" and "tol" for the convex
            models, "epochs", "batch", "step_size" and "seed" for the others, and "hidden" and
            "activation" ("relu", "tanh", "gelu") for "mlp".

    Returns:
        A `Model` whose tag rebuilds it (`model_from_tag`), if it is built in.

    Raises:
        InvalidInput: unknown name, option or value; a module with mutable state (BatchNorm),
            which per-example training cannot protect (its scores depend on other rows).
    """
    if isinstance(model, Model):
        return model
    if classes is not None:
        whole(least=2, classes=classes)
    if isinstance(model, str):
        return _BUILDERS[one_of(MODELS, model=model, remedy='model="logistic"')](classes, options)
    from privet.models.modules import functions_of

    name, init, apply = functions_of(model)
    settings = _settings(name, _STOCHASTIC, options)
    tag = {"name": "module", "module": name, "classes": classes, "options": settings}
    return _assemble(name, init, apply, classes, settings, tag)


def model_from_tag(tag: dict[str, Any], *, module: Any = None) -> Model:
    """Rebuild the model that a tag describes.

    Args:
        tag: what `Model.tag` held when the model was saved.
        module: the user's own module or pair, for models that are not built in.

    Raises:
        InvalidInput: the tag is malformed, or belongs to a module that was not passed.
    """
    try:
        name, classes, options = tag["name"], tag["classes"], dict(tag["options"])
    except (KeyError, TypeError, ValueError):
        raise InvalidInput("the tag of a saved model is malformed", value=tag) from None
    if not (classes is None or (isinstance(classes, int) and not isinstance(classes, bool))):
        raise InvalidInput("the tag of a saved model has malformed classes", value=classes)
    if name != "module":
        if module is not None:
            raise InvalidInput(
                f"the saved model is the built-in {name!r}, so no module belongs to it",
                remedy="pv.load(path)",
            )
        return model_for(one_of(MODELS, model=name), classes=classes, **options)
    if module is None:
        raise InvalidInput(
            f"the saved model is your own module {tag.get('module')!r}; code is never stored",
            remedy="pv.load(path, model=module)",
        )
    return model_for(module, classes=classes, **options)


def _linear(classes: int | None, options: dict[str, Any]) -> Model:
    if classes is not None:
        raise InvalidInput(
            "the linear model predicts a number, but the target has classes",
            value=f"{classes} classes",
            remedy='model="logistic"',
        )
    return _convex("linear", classes, options)


def _logistic(classes: int | None, options: dict[str, Any]) -> Model:
    if classes is None:
        raise InvalidInput(
            "the logistic model predicts classes, but the target is a number",
            remedy='model="linear"',
        )
    return _convex("logistic", classes, options)


def _additive(classes: int | None, options: dict[str, Any]) -> Model:
    return _convex("additive", classes, options)


def _convex(name: str, classes: int | None, options: dict[str, Any]) -> Model:
    settings = _settings(name, _CONVEX, options)
    tag = {"name": name, "classes": classes, "options": settings}
    return _assemble(name, linear.init, linear.apply, classes, settings, tag)


def _mlp(classes: int | None, options: dict[str, Any]) -> Model:
    settings = _settings("mlp", _MLP, options)
    hidden = settings["hidden"]
    hidden = (hidden,) if isinstance(hidden, int) else tuple(hidden)
    settings["hidden"] = [whole(hidden=size) for size in hidden]
    one_of(mlp.ACTIVATIONS, activation=settings["activation"])
    init, apply = mlp.functions(tuple(settings["hidden"]), settings["activation"])
    tag = {"name": "mlp", "classes": classes, "options": settings}
    return _assemble("mlp", init, apply, classes, settings, tag)


_BUILDERS: dict[str, Callable[[int | None, dict[str, Any]], Model]] = {
    "linear": _linear,
    "logistic": _logistic,
    "additive": _additive,
    "mlp": _mlp,
}


def _assemble(
    name: str,
    init: Any,
    apply: Any,
    classes: int | None,
    settings: dict[str, Any],
    tag: dict[str, Any],
) -> Model:
    convex = name in ("linear", "logistic", "additive") and tag["name"] == name
    loss = losses.loss_name(classes)
    return Model(
        name=name,
        init=init,
        apply=apply,
        loss=losses.LOSSES[loss],
        encoding="bins" if convex and name == "additive" else "scaled",
        linear=convex,
        l2=settings["l2"],
        trainer="convex" if convex else "stochastic",
        options={key: value for key, value in settings.items() if key not in _NOT_OPTIONS},
        tag={**tag, "loss": loss},
        shift=mlp.shift if tag["name"] == "mlp" else None,
    )


_NOT_OPTIONS = ("l2", "hidden", "activation")


def _settings(name: str, known: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    for key in given:
        one_of(tuple(known), **{f"option of the {name} model": key})
    settings = {**known, **given}
    l2 = settings["l2"]
    if not (isinstance(l2, (int, float)) and 0 <= l2 < float("inf")):
        raise InvalidInput("l2 must be finite and not negative", value=l2, bound="0 <= l2 < inf")
    settings["l2"] = float(l2)
    for key in ("max_iter", "epochs", "batch"):
        if key in settings:
            settings[key] = whole(**{key: settings[key]})
    for key in ("tol", "step_size"):
        if key in settings:
            settings[key] = positive(**{key: settings[key]})
    if settings.get("seed") is not None:
        settings["seed"] = whole(least=0, seed=settings["seed"])
    return settings
