"""What a request says of a run: everything that changes what is computed, as JSON values.

A person approves one exact job, so whatever somebody could still vary afterwards belongs in
here: the model with all its options and seeds, the protection with all its arguments, the whole
schema, and what else weighs the rows. What must not be shown, since it depends on private cells,
is named under "withheld", and a policy lets nobody approve it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

import numpy as np

from privet.data.declared import plain
from privet.errors import InvalidInput, PrivetError
from privet.protect.base import Facts, Model, Protection

_LINEAR, _LOSSES = "privet.models.linear", "privet.models.losses"


def asked(model: Model, facts: Facts, **settings: Any) -> dict[str, Any]:
    """The parameters of a request to train this model on these rows.

    Args:
        settings: what else there is to say; JSON values.

    Raises:
        InvalidInput: a user's own model cannot be applied to one encoded row.
    """
    found: dict[str, Any] = {
        **settings,
        "model": model.name,
        "options": _options(model),
        "trainer": model.trainer,
        "encoding": model.encoding,
        "loss": getattr(model.loss, "__name__", type(model.loss).__name__),
    }
    if not _is_known(model):
        found["code"] = code_of(model, facts)
    found |= {"columns": list(facts.columns), "schema": facts.declared}
    found |= {name: plain(value) for name, value in facts.adjusted.items()}
    return found | ({"withheld": list(facts.withheld)} if facts.withheld else {})


def arguments(protection: Protection) -> dict[str, Any]:
    """A protection's own settings by name, those that are not set left out."""
    found = {item.name: getattr(protection, item.name) for item in arguments_of(protection)}
    given = {name: plain(value) for name, value in found.items() if value is not None}
    return {"kind": type(protection).__name__, **given}


def arguments_of(value: object) -> list[Field[Any]]:
    """The fields of a dataclass that one writes: no class variable, no inner state."""
    if not is_dataclass(value):
        return []
    return [item for item in fields(value) if item.init and item.repr]


def default_of(item: Field[Any]) -> object:
    """What an argument is where nobody writes it."""
    return item.default if item.default_factory is MISSING else item.default_factory()


def code_of(model: Model, facts: Facts) -> str:
    """SHA-256 of a model as it is compiled, with the parameters that it starts from.

    A name says nothing of the code behind it, nor do the sizes of a network of what a changed copy
    computes. Hashed are the programs of scores, loss and shift
    for one encoded row, with every constant in them, and the first parameters. Another release of
    JAX may compile the same code differently: then it counts as another job.

    Raises:
        InvalidInput: the model cannot be applied to one encoded row.
    """
    import jax

    target = np.int32(0) if facts.classes is not None else np.float32(0)
    row = jax.ShapeDtypeStruct((facts.features,), np.float32)
    digest = hashlib.sha256(b"privet model 1")
    try:
        start = model.init(model.options.get("seed") or 0, facts.features, facts.outputs)
        leaves, tree = jax.tree.flatten(start)
        for leaf in map(np.asarray, leaves):
            digest.update(f"{leaf.dtype} {leaf.shape} ".encode() + leaf.tobytes())
        shapes = jax.tree.unflatten(
            tree, [jax.ShapeDtypeStruct(np.shape(leaf), np.float32) for leaf in leaves]
        )
        programs = [_program(lambda p, x: model.apply(p, x), shapes, row),
                    _program(lambda p, x, y: model.loss(model.apply(p, x), y), shapes, row,
                             jax.ShapeDtypeStruct((), target.dtype))]
        if model.shift is not None:
            shift = model.shift
            programs.append(_program(lambda p, m: shift(p, m), shapes, row))
    except PrivetError:
        raise
    except Exception as error:  # whatever a user's code raises is told in our words
        raise InvalidInput(
            f"the model {model.name!r} cannot be applied to one encoded row of {facts.features} "
            f"numbers ({type(error).__name__})",
            bound=f"pure JAX functions of parameters and a row of shape ({facts.features},)",
        ) from error
    for text in (model.encoding, model.trainer, str(model.linear), str(tree), *programs):
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()


def _program(function: Callable[..., Any], *shapes: Any) -> str:
    import jax

    return str(jax.jit(function).lower(*shapes).as_text())


def _options(model: Model) -> dict[str, Any]:
    named = model.tag.get("options")
    options = dict(named) if isinstance(named, dict) else {}
    found = {**options, **model.options, "l2": model.l2}
    return {name: plain(value) for name, value in found.items() if value is not None}


def _is_known(model: Model) -> bool:
    """True where the names in the request say which functions the model has: a linear one's."""
    functions = (model.init, model.apply, model.loss)
    homes = [getattr(function, "__module__", None) for function in functions]
    return model.linear and model.shift is None and homes == [_LINEAR, _LINEAR, _LOSSES]
