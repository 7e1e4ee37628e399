"""An estimator as a JSON object and parameters, and back. Every field is checked on the way."""

from __future__ import annotations

import math
from dataclasses import fields as fields_of
from dataclasses import replace
from typing import Any

import numpy as np

from privet.claims import Cost, Guarantee, to_json
from privet.data import Schema
from privet.errors import DataError, InvalidInput, one_of
from privet.estimators import record_fields as fields
from privet.estimators.base import Estimator
from privet.estimators.inputs import Inputs
from privet.models import model_from_tag
from privet.protect.base import Model, Protection, Result
from privet.protect.fits import FitCount
from privet.protect.rows import outputs_for
from privet.protect.stack import one_protection

Array = np.ndarray[Any, Any]
FORMAT = 1
KIND = "privet-estimator"
_FIELDS = frozenset(
    (
        "format",
        "kind",
        "class",
        "params",
        "protect",
        "tag",
        "schema",
        "own_schema",
        "encoding",
        "names",
        "columns",
        "named",
        "classes",
        "outputs",
        "guarantee",
        "cost",
        "steps",
        "notes",
        "versions",
    )
)
_RECORDED = "entry"
"""The ledger's name for the entry of the training; not there where nothing was recorded."""
_NOT_SAVED = ("insecure_seed", "_count", "_cloned")


def record_of(estimator: Estimator) -> dict[str, Any]:
    """What is saved beside the tensors, JSON-compatible."""
    result, source = estimator.result_, estimator._inputs
    protection = one_protection(estimator.protect)
    cost = result.cost
    if not protection.exact_timing:
        cost = replace(cost, seconds=None, peak_memory=None)
    named = getattr(estimator, "feature_names_in_", None)
    recorded = {_RECORDED: result.entry} if result.entry else {}
    return recorded | {
        "format": FORMAT,
        "kind": KIND,
        "class": type(estimator).__name__,
        "params": _params(estimator),
        "protect": None if estimator.protect is None else _protect_record(protection),
        "tag": result.model.tag,
        "schema": None if source.schema is None else source.schema.to_dict(),
        "own_schema": estimator.schema is not None,
        "encoding": source.encoding,
        "names": list(source.names),
        "columns": int(estimator.n_features_in_),
        "named": None if named is None else [str(name) for name in named],
        "classes": _classes_record(getattr(estimator, "classes_", None)),
        "outputs": _outputs(estimator),
        "guarantee": to_json(result.guarantee),
        "cost": to_json(cost),
        "steps": int(result.steps),
        "notes": list(result.notes),
    }


def read_record(record: dict[str, Any], tensors: dict[str, Array], module: Any) -> Estimator:
    """The fitted estimator that a record and its tensors describe.

    Raises:
        DataError: fields are unknown or missing, or tensors do not fit the model.
        InvalidInput: a user's module is needed.
    """
    if set(record) - {_RECORDED} != _FIELDS:
        raise DataError(
            "the saved model has unknown or missing fields",
            value=sorted((set(record) - {_RECORDED}) ^ _FIELDS),
        )
    cls = _classes_by_name()[one_of(tuple(_classes_by_name()), estimator=record["class"])]
    schema = None if record["schema"] is None else Schema.parse(fields.table(record, "schema"))
    classes = _read_classes(cls, record["classes"], schema)
    model = _model(record, classes, module)
    source = _source(record, schema, model)
    outputs = outputs_for(None if classes is None else len(classes))
    if fields.count(record, "outputs", least=1) != outputs:
        fields.refuse("outputs", record["outputs"], f"{outputs}, as there are classes")
    fields.check_tensors(model, tensors, len(source.names), outputs)
    estimator = _unfitted(cls, record, schema, module)
    estimator.n_features_in_ = record["columns"]
    if record["named"] is not None:
        estimator.feature_names_in_ = np.array(record["named"], dtype=object)
    estimator._keep(_result(record, model, tensors), source, classes)
    return estimator


def _model(record: dict[str, Any], classes: Array | None, module: Any) -> Model:
    """The model that the tag describes, if it is one of these classes."""
    tag = fields.table(record, "tag")
    model = model_from_tag(tag, module=module)
    if tag != model.tag:
        fields.refuse("tag", tag.get("name"), f"what describes the model {model.name!r}")
    if tag["classes"] != (None if classes is None else len(classes)):
        fields.refuse("tag", tag["classes"], "the number of classes")
    return model


def _source(record: dict[str, Any], schema: Schema | None, model: Model) -> Inputs:
    """How rows are encoded, if the model's parameters belong to rows that are encoded so."""
    names, encoding = fields.texts(record, "names"), fields.text(record, "encoding")
    named = None if record["named"] is None else fields.texts(record, "named")
    if encoding != model.encoding:
        fields.refuse("encoding", encoding, f"{model.encoding!r}, as the model needs it")
    columns = fields.count(record, "columns", least=1)
    if schema is None and columns != len(names):
        fields.refuse("columns", columns, f"{len(names)}, as columns are named")
    fields.check_names(names, named, columns, schema, encoding)
    return Inputs(names, schema, encoding)


def _unfitted(
    cls: type[Estimator], record: dict[str, Any], schema: Schema | None, module: Any
) -> Estimator:
    params = {name: _read(value) for name, value in fields.table(record, "params").items()}
    if module is not None:
        params["model"] = module
    elif not isinstance(params.get("model", ""), str):
        fields.refuse("params.model", params["model"], "the name of a model")
    own = fields.truth(record, "own_schema")
    if own and schema is None:
        fields.refuse("own_schema", own, "false, without a schema")
    return cls(**params, protect=_protection(record), schema=schema if own else None)


def _result(record: dict[str, Any], model: Model, tensors: dict[str, Array]) -> Result:
    guarantee = fields.claim(record, "guarantee", Guarantee)
    cost = fields.claim(record, "cost", Cost)
    if not all(isinstance(each, str) for each in fields.table(record, "versions").values()):
        fields.refuse("versions", None, "texts")
    notes, steps = fields.texts(record, "notes"), fields.count(record, "steps")
    entry = fields.text(record, _RECORDED) if _RECORDED in record else ""
    return Result(model, tensors, guarantee, cost, notes, steps, entry)


def _classes_by_name() -> dict[str, type[Estimator]]:
    from privet import estimators

    return {
        name: getattr(estimators, name)
        for name in estimators.__all__
        if isinstance(getattr(estimators, name), type)
    }


def _params(estimator: Estimator) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in estimator.get_params(deep=False).items():
        if name in ("protect", "schema"):
            continue
        if name == "model" and not isinstance(value, str):
            continue
        out[name] = _plain(name, value)
    return out


def _plain(name: str, value: Any) -> Any:
    """The value in JSON's terms; lists and tuples alike become lists."""
    if isinstance(value, np.generic):
        value = value.item()
    if name == "random_state" and hasattr(value, "randint"):
        return None  # a generator's state is no setting
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(name, item) for item in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: _plain(name, item) for key, item in value.items()}
        return {"__pairs__": [[_plain(name, k), _plain(name, v)] for k, v in value.items()]}
    if isinstance(value, float) and not math.isfinite(value):
        return {"__float__": repr(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise InvalidInput(
        f"the parameter {name!r} cannot be saved",
        value=type(value).__name__,
        bound="numbers, texts, lists and dicts of them",
    )


def _read(value: Any) -> Any:
    """What `_plain` wrote, lists as tuples (scikit-learn's parameters are such)."""
    if isinstance(value, list):
        return tuple(_read(item) for item in value)
    if isinstance(value, dict) and set(value) == {"__pairs__"}:
        return {_read(key): _read(item) for key, item in value["__pairs__"]}
    if isinstance(value, dict) and set(value) == {"__float__"}:
        return float(value["__float__"])
    if isinstance(value, dict):
        return {key: _read(item) for key, item in value.items()}
    return value


def _protect_record(protection: Protection) -> dict[str, Any]:
    settings = {
        field.name: _plain(field.name, getattr(protection, field.name))
        for field in fields_of(protection)  # type: ignore[arg-type]  # a dataclass
        if field.init and field.name not in _NOT_SAVED
    }
    return {"name": protection.name, "settings": settings}


def _protection(saved: dict[str, Any]) -> Protection | None:
    if saved["protect"] is None:
        return None
    from privet.protect import LocallyPrivate, Plain, Private

    record = fields.table(saved, "protect")
    if set(record) != {"name", "settings"}:
        fields.refuse("protect", sorted(record), "name and settings")

    kinds: tuple[type[Protection], ...] = (Plain, Private, LocallyPrivate)
    known = {kind.name: kind for kind in kinds}
    settings = {name: _read(value) for name, value in fields.table(record, "settings").items()}
    planted = sorted(set(settings) & set(_NOT_SAVED))
    if planted:
        raise InvalidInput("a saved protection holds what is never saved", value=planted)
    if settings.get("fits") is not None:
        # How many of the fits are left is known only where they were counted.
        settings["_count"] = FitCount(foreign=True)
    return known[one_of(tuple(known), protection=record["name"])](**settings)


def _classes_record(classes: Array | None) -> dict[str, Any] | None:
    if classes is None:
        return None
    if classes.dtype.kind not in fields.LABEL_KINDS or classes.nbytes > fields.MOST_LABEL_BYTES:
        raise InvalidInput(
            "classes of this type cannot be saved",
            value=str(classes.dtype),
            bound="numbers, texts or booleans, of a moderate size",
        )
    return {
        "dtype": classes.dtype.str if classes.dtype.kind != "O" else "O",
        "values": [_plain("classes_", item) for item in classes.tolist()],
    }


def _read_classes(cls: type[Estimator], record: Any, schema: Schema | None) -> Array | None:
    if schema is not None and schema.required_target().is_classes != (cls._task == "classes"):
        fields.refuse("class", cls.__name__, "an estimator of what the schema's target is")
    if cls._task != "classes":
        return None if record is None else fields.refuse("classes", record, "none, for a number")
    return fields.labels(fields.table({"classes": record}, "classes"), schema, _read)


def _outputs(estimator: Estimator) -> int:
    classes = getattr(estimator, "classes_", None)
    return outputs_for(None if classes is None else len(classes))
