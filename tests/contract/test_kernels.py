"""Every compiled kernel gives what its NumPy twin gives, bit for bit."""

from __future__ import annotations

import builtins
import importlib.util
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from privet import native
from privet.dp import discrete
from privet.dp.mechanisms import discrete_gaussian, sample
from privet.entropy import reproducible_stream

compiled = pytest.mark.skipif(not native.available(), reason=native.reason())


def _twin(*_: Any) -> None:
    raise AssertionError("the twin was used although the kernel is there")


@compiled
@pytest.mark.parametrize("margin", [discrete.MARGIN, 2.0**-3])
@pytest.mark.parametrize("s", [0, 1, 2, 17, 32, 40])
@pytest.mark.parametrize("count", [0, 1, 255, 3000])
def test_gaussian_kernel_equals_its_twin(count: int, s: int, margin: float) -> None:
    if margin > discrete.MARGIN:
        count = min(count, 500)
    kernel = native.kernel("gaussian_block", _twin)
    first, second = reproducible_stream(count), reproducible_stream(count)
    expected = sample(count, first, s, discrete.numpy_kernel, margin)
    assert np.array_equal(sample(count, second, s, kernel, margin), expected)
    assert first.read(8) == second.read(8), "the two consumed different amounts of randomness"


@compiled
def test_gaussian_kernel_over_several_blocks() -> None:
    kernel = native.kernel("gaussian_block", _twin)
    expected = sample(300_000, reproducible_stream(1), 32, discrete.numpy_kernel)
    assert np.array_equal(sample(300_000, reproducible_stream(1), 32, kernel), expected)


@pytest.mark.parametrize("name", ["twin", "compiled"])
def test_ties_are_left_alone(name: str) -> None:
    """A kernel never decides where 64 bits do not: at each threshold, and near a probability."""
    if name == "compiled" and not native.available():
        pytest.skip(native.reason())
    kernel = discrete.numpy_kernel
    if name == "compiled":
        kernel = native.kernel("gaussian_block", _twin)
    tables = discrete.tables()
    ties = [[int(t), 5, 0] for t in tables.thresholds]
    y = 2**31
    near = [[0, y, int(np.exp(-0.125) * 2.0**64) + shift] for shift in (-(2**19), 0, 2**19)]
    out = np.empty(4, np.int64)
    for row in ties + near:
        words = np.array([[0, 0, 2**62], row], np.uint64)
        got = kernel(words, 0, out, 0, 32, discrete.MARGIN, tables)
        assert tuple(got) == (1, 1, True), row
    clear = np.array([[0, y, int(np.exp(-0.125) * 2.0**64) - 2**22]], np.uint64)
    assert tuple(kernel(clear, 0, out, 0, 32, discrete.MARGIN, tables)) == (1, 1, False)


@compiled
def test_kernel_refuses_arguments_that_leave_its_arrays() -> None:
    kernel = native.kernel("gaussian_block", _twin)
    words, out, tables = np.zeros((2, 3), np.uint64), np.zeros(4, np.int64), discrete.tables()
    short = discrete.Tables(tables.thresholds, tables.exponentials[:10])
    for bad in (
        (words, 3, out, 0, 32, 0.0, tables),
        (words, 0, out, 4, 32, 0.0, tables),
        (words, 0, out, 0, 41, 0.0, tables),
        (words, 0, out, 0, 32, 0.0, short),
    ):
        with pytest.raises(ValueError, match="range"):
            kernel(*bad)
    with pytest.raises(TypeError):
        kernel(words.astype(np.float64)[:, :2], 0, out, 0, 32, 0.0, tables)


def _load_without(module: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A second copy of `privet.native`, in a world where `module` cannot be imported."""
    original = builtins.__import__

    def guarded(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "privet" and args and args[2] and module in args[2]:
            raise ImportError(f"no {module} here")
        return original(name, *args, **kwargs)

    assert native.__spec__ is not None and native.__spec__.origin is not None
    spec = importlib.util.spec_from_file_location("native_copy", native.__spec__.origin)
    assert spec is not None and spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(builtins, "__import__", guarded)
    spec.loader.exec_module(copy)
    monkeypatch.undo()
    return copy


def test_without_a_compiled_module_the_twins_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = _load_without("_native", monkeypatch)
    assert not absent.available()
    assert "NumPy twins in use" in absent.reason() and "no _native here" in absent.reason()
    assert "pip install" in absent.reason()
    assert absent.kernel("gaussian_block", _twin) is _twin
    usual = discrete_gaussian(500, stream=reproducible_stream(2))
    monkeypatch.setattr("privet.dp.mechanisms.native", absent)
    assert np.array_equal(discrete_gaussian(500, stream=reproducible_stream(2)), usual)


def test_reason_says_which_kernels_are_in_use() -> None:
    assert native.reason().startswith("compiled" if native.available() else "NumPy twins")
