"""Saved models: equal after loading, whole or not at all, damage found, nothing private inside."""

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import privet as pv
from privet.errors import DataError, InvalidInput, PrivetError
from privet.estimators.saving import _canonical, _digest

RNG = np.random.default_rng(0)
X = RNG.uniform(0, 1, (60, 3))
Y = (X @ [1.0, -1.0, 0.5] > 0.25).astype(int)
NOISY = np.where(np.arange(60) % 5 == 0, 1 - Y, Y)
NAMED = np.where(Y == 1, "sick", "well")
SCHEMA = pv.Schema.for_arrays(low=[0] * 12, high=[1] * 12, classes=[0, 1])
WIDE = RNG.uniform(0, 1, (60, 12))
RANGED = pv.Schema.for_arrays(low=[0] * 3, high=[1] * 3, target_range=(-2, 2))


def fitted() -> dict[str, Any]:
    private = pv.Private(epsilon=2.0, delta=1e-3)
    return {
        "binary": pv.LogisticRegression(C=2.0).fit(X, Y),
        "no penalty": pv.LogisticRegression(C=math.inf).fit(X, NOISY),
        "names": pv.LogisticRegression(class_weight={"sick": 2.0, "well": 1}).fit(X, NAMED),
        "numbers": pv.LogisticRegression(class_weight={0: 2.0}).fit(X, Y),
        "three": pv.LogisticRegression(random_state=3).fit(X, Y + (X[:, 0] > 0.8)),
        "columns in order": pv.LogisticRegression(schema=SCHEMA).fit(WIDE, Y),
        "least squares": pv.LinearRegression().fit(X, X[:, 0]),
        "ridge": pv.Ridge(0.1, schema=RANGED).fit(X, X[:, 0]),
        "mlp": pv.MLPClassifier((4, 3), max_iter=3, random_state=0).fit(X, NAMED),
        "mlp regressor": pv.MLPRegressor(5, max_iter=3).fit(X, X[:, 0]),
        "additive": pv.Classifier("additive", schema=SCHEMA).fit(WIDE, Y),
        "private": pv.LogisticRegression(protect=private, schema=SCHEMA).fit(WIDE, Y),
    }


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    return fitted()


KEYS = (
    "binary", "no penalty", "names", "numbers", "three", "columns in order", "least squares",
    "ridge", "mlp", "mlp regressor", "additive", "private",
)


def test_every_model_is_named(models: Any) -> None:
    assert tuple(models) == KEYS


@pytest.mark.parametrize("key", KEYS)
def test_a_loaded_model_is_the_saved_one(key: str, models: Any, tmp_path: Path) -> None:
    model = models[key]
    file = tmp_path / "model.safetensors"
    pv.save(model, file)
    again = pv.load(file)
    x = WIDE if model.n_features_in_ == 12 else X
    assert type(again) is type(model)
    assert np.array_equal(again.predict(x), model.predict(x))
    assert again.predict(x).dtype == model.predict(x).dtype
    if hasattr(model, "predict_proba"):
        assert np.array_equal(again.predict_proba(x), model.predict_proba(x))
        assert again.classes_.tolist() == model.classes_.tolist()
    assert again.guarantee_ == model.guarantee_
    assert again.n_iter_ == model.n_iter_
    assert again.n_features_in_ == model.n_features_in_
    assert again.feature_names_out_.tolist() == model.feature_names_out_.tolist()
    mine, theirs = again.get_params(deep=False), model.get_params(deep=False)
    assert repr(mine) == repr(theirs)
    y = np.resize(model.classes_, 60) if hasattr(model, "classes_") else X[:, 0]
    again.set_params(protect=None).fit(x, y)


def test_a_data_set_and_a_frame_predict_after_loading(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"age": [10.0, 20, 30, 40], "city": ["a", "b", "a", "b"],
                          "sick": ["no", "no", "yes", "yes"]})
    schema = {"target": "sick", "columns": {
        "age": {"kind": "number", "bounds": [0, 100]},
        "city": {"kind": "category", "categories": ["a", "b"]},
        "sick": {"kind": "category", "categories": ["no", "yes"]}}}
    data = pv.read(frame, schema=schema)
    model = pv.LogisticRegression().fit(data)
    pv.save(model, tmp_path / "m")
    again = pv.load(tmp_path / "m")
    assert again.predict(frame).tolist() == model.predict(data).tolist()
    assert again.score(data) == model.score(data)
    assert again.feature_names_in_.tolist() == ["age", "city"]
    assert again.schema is None
    again.fit(data)


def test_a_users_module_must_be_passed_again(tmp_path: Path) -> None:
    import jax.numpy as jnp

    def pair(width: int) -> Any:
        return (lambda key, x: {"w": jnp.ones((x.shape[0], width))},
                lambda params, x: x @ params["w"])

    module = pair(1)
    model = pv.Classifier(module, options={"epochs": 2}, random_state=0).fit(X, Y)
    pv.save(model, tmp_path / "m")
    with pytest.raises(InvalidInput, match="model=module"):
        pv.load(tmp_path / "m")
    again = pv.load(tmp_path / "m", model=module)
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    with pytest.raises(PrivetError):
        pv.load(tmp_path / "m", model=pair(2))
    pv.save(pv.LogisticRegression().fit(X, Y), tmp_path / "n")
    with pytest.raises(InvalidInput, match="no module belongs"):
        pv.load(tmp_path / "n", model=module)


def test_what_cannot_be_saved_is_refused(tmp_path: Path) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.linear_model import Ridge

    with pytest.raises(NotFittedError) as caught:
        pv.save(pv.Ridge(), tmp_path / "m")
    assert isinstance(caught.value, InvalidInput)
    assert caught.value.remedy == "pv.save(estimator.fit(X, y), path)"
    assert "Ridge without a fit" in str(pickle.loads(pickle.dumps(caught.value)))
    with pytest.raises(InvalidInput):
        pv.save(Ridge().fit(X, Y), tmp_path / "m")  # type: ignore[arg-type]  # that is the test
    with pytest.raises(DataError, match="cannot be written") as refused:
        pv.save(pv.Ridge().fit(X, Y), tmp_path / "no" / "m")
    assert refused.value.value == str(tmp_path / "no" / "m")
    assert refused.value.remedy == f"mkdir -p {tmp_path / 'no'}"
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: Any) -> None:
    file = tmp_path / "m"
    pv.save(pv.Ridge().fit(X, Y), file)
    before = file.read_bytes()
    monkeypatch.setattr("os.replace", _full)
    with pytest.raises(DataError, match="No space"):
        pv.save(pv.Ridge(7.0).fit(X, Y), file)
    assert file.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["m"]


def _full(*_: Any, **__: Any) -> None:
    import errno

    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"\xff" * 8, b"\x02" + b"\0" * 7 + b"{}", b"\x80\x04\x95pickle", b"\0" * 1000],
)
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(DataError, match="damaged or no privet model"):
        pv.load(tmp_path / "m")


def test_a_missing_file_and_a_strangers_safetensors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read") as caught:
        pv.load(tmp_path / "none")
    assert caught.value.value == str(tmp_path / "none")
    assert caught.value.remedy == f"pv.save(model, {str(tmp_path / 'none')!r})"
    with pytest.raises(DataError, match="directory") as caught:
        pv.load(tmp_path)
    assert caught.value.remedy == f"ls -l {tmp_path}"
    safetensors.numpy.save_file({"w": np.zeros(3)}, tmp_path / "m", {"format": "np"})
    with pytest.raises(DataError, match="damaged or no privet model"):
        pv.load(tmp_path / "m")


def forged(model: Any, file: Path, change: Any, *, tensors: Any = None) -> None:
    """A file with another record or tensors, and a digest that fits."""
    pv.save(model, file)
    content = file.read_bytes()
    size = int.from_bytes(content[:8], "little")
    record = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["privet"])["record"]
    change(record)
    arrays = safetensors.numpy.load(content)
    arrays = tensors(arrays) if tensors else arrays
    digest = _digest(_canonical(record), arrays)
    envelope = {"sha256": digest, "record": record}
    safetensors.numpy.save_file(arrays, file, {"privet": json.dumps(envelope)})


CHANGES = {
    "format": lambda r: r.update(format=2),
    "kind": lambda r: r.update(kind="other"),
    "extra field": lambda r: r.update(more=1),
    "lost field": lambda r: r.pop("steps"),
    "class": lambda r: r.update({"class": "Exploit"}),
    "function for a class": lambda r: r.update({"class": "load"}),
    "params": lambda r: r["params"].update(evil=1),
    "params of another type": lambda r: r.update(params=3),
    "tag": lambda r: r["tag"].update(name="forest"),
    "protection": lambda r: r.update(protect={"name": "perfect", "settings": {}}),
    "settings": lambda r: r.update(protect={"name": "private", "settings": {"epsilon": -1}}),
    "private field": lambda r: r.update(
        protect={"name": "private", "settings": {"epsilon": 1.0, "_cloned": True}}
    ),
    "guarantee": lambda r: r["guarantee"].update(kind="total"),
    "guarantee field": lambda r: r["guarantee"].update(epsilon=0.0),
    "a cost for a guarantee": lambda r: r.update(guarantee=r["cost"]),
    "cost": lambda r: r["cost"].update(seconds=-1.0),
    "outputs": lambda r: r.update(outputs=3),
    "outputs of another type": lambda r: r.update(outputs="many"),
    "names": lambda r: r.update(names=r["names"] * 2),
    "steps": lambda r: r.update(steps="many"),
    "classes": lambda r: r.update(classes={"dtype": "O8,evil", "values": [1]}),
    "schema": lambda r: r.update(schema={"columns": {"a": {"kind": "evil"}}}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_unknown_or_malformed_fields_are_refused(name: str, models: Any, tmp_path: Path) -> None:
    forged(models["columns in order"], tmp_path / "m", CHANGES[name])
    with pytest.raises(PrivetError):
        pv.load(tmp_path / "m")


@pytest.mark.parametrize(
    "change",
    [
        lambda t: {**t, "w": np.full_like(t["w"], np.nan)},
        lambda t: {**t, "w": np.full_like(t["w"], np.inf)},
        lambda t: {**t, "w": t["w"][:-1]},
        lambda t: {**t, "more": t["w"]},
        lambda t: {"w": t["w"]},
        lambda t: {**t, "w": t["w"].astype(np.float32)},
    ],
    ids=["nan", "inf", "shape", "more", "less", "dtype"],
)
def test_tensors_that_do_not_fit_are_refused(change: Any, models: Any, tmp_path: Path) -> None:
    forged(models["binary"], tmp_path / "m", lambda record: None, tensors=change)
    with pytest.raises(DataError):
        pv.load(tmp_path / "m")


def test_an_unchanged_forgery_loads(models: Any, tmp_path: Path) -> None:
    """Otherwise the refusals above would prove nothing."""
    forged(models["binary"], tmp_path / "m", lambda record: None)
    assert np.array_equal(pv.load(tmp_path / "m").coef_, models["binary"].coef_)


def same(first: Any, second: Any) -> bool:
    return (
        type(first) is type(second)
        and np.array_equal(first.predict_proba(WIDE), second.predict_proba(WIDE))
        and first.guarantee_ == second.guarantee_
        and repr(first.get_params()) == repr(second.get_params())
    )


def test_flipped_bytes_give_an_error_or_an_equal_model(models: Any, tmp_path: Path) -> None:
    file = tmp_path / "m"
    pv.save(models["private"], file)
    sound = file.read_bytes()
    reference = pv.load(file)
    rng = np.random.default_rng(2024)
    loaded = 0
    for _ in range(600):
        content = bytearray(sound)
        for place in rng.integers(0, len(sound), rng.integers(1, 4)):
            content[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(content)
        try:
            model = pv.load(file)
        except PrivetError:
            continue
        loaded += 1
        assert same(model, reference)
    assert loaded < 60


def test_truncated_files_are_refused(models: Any, tmp_path: Path) -> None:
    file = tmp_path / "m"
    pv.save(models["private"], file)
    sound = file.read_bytes()
    for length in np.linspace(0, len(sound) - 1, 60).astype(int):
        file.write_bytes(sound[:length])
        with pytest.raises(DataError):
            pv.load(file)


def contents(y: Any, tmp_path: Path) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    protect = pv.Private(epsilon=2.0, delta=1e-3, insecure_seed=7)
    model = pv.LogisticRegression(protect=protect, schema=SCHEMA).fit(WIDE, y)
    pv.save(model, tmp_path / "m")
    content = (tmp_path / "m").read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    envelope = json.loads(header["__metadata__"]["privet"])
    attributes = {k: v for k, v in vars(model).items() if k not in ("protect", "schema")}
    return envelope["record"], attributes, content


def test_neighbouring_data_under_equal_noise_differ_in_noised_parameters_only(
    tmp_path: Path,
) -> None:
    other = Y.copy()
    other[0] = 1 - other[0]
    record, attributes, content = contents(Y, tmp_path)
    record2, attributes2, content2 = contents(other, tmp_path)
    assert record == record2
    assert "7" not in json.dumps(record["protect"]["settings"].get("insecure_seed", ""))
    assert len(content) == len(content2)
    moved = {"coef_", "intercept_", "result_", "cost_"}
    assert set(attributes) == set(attributes2)
    for name in set(attributes) - moved:
        assert np.array_equal(attributes[name], attributes2[name]), name
    assert not np.array_equal(attributes["coef_"], attributes2["coef_"])


def test_equal_data_and_noise_give_equal_bytes(tmp_path: Path) -> None:
    assert contents(Y, tmp_path)[2] == contents(Y, tmp_path)[2]


def test_budgets_given_as_numpy_numbers_are_saved(tmp_path):
    protect = pv.Private(np.float32(1), np.float32(1e-3), fits=np.int64(2), steps=np.int64(20))
    assert (protect.fits, type(protect.fits), type(protect.epsilon)) == (2, int, float)
    x = np.linspace(0, 1, 60)[:, None]
    schema = pv.Schema.for_arrays([0.0], [1.0], classes=[0, 1])
    model = pv.LogisticRegression(protect=protect, schema=schema).fit(x, (x[:, 0] > 0.5) * 1)
    pv.save(model, tmp_path / "m.safetensors")
    assert pv.load(tmp_path / "m.safetensors").protect == protect
