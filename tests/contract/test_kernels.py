"""Every compiled kernel gives what its NumPy twin gives, bit for bit."""

from __future__ import annotations

import builtins
import importlib.util
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from privet import native
from privet.dp import discrete
from privet.dp.discrete import discrete_gaussian, sample
from privet.dp.laws import Law, Tables, tables
from privet.entropy import reproducible_stream

NAMES = ("inversion_block", "layered_block")
compiled = pytest.mark.skipif(not native.available(), reason=native.reason())


def _twin(*_: Any) -> None:
    raise AssertionError("the twin was used although the kernel is there")


LAWS = [
    Law(power, Fraction(scale))
    for power in (1, 2)
    for scale in (0.1, 1, 12.5, 256, 257, 1024, 1025, 12345.678, 2**32, 2**52)
]


def _compiled() -> discrete.Kernels:
    return discrete.Kernels(*(native.kernel(name, _twin) for name in NAMES))


@pytest.fixture(params=["twins", "compiled"])
def kernels(request: pytest.FixtureRequest) -> discrete.Kernels:
    """Every implementation there is."""
    if request.param == "twins":
        return discrete.TWINS
    if not native.available():
        pytest.skip(native.reason())
    return _compiled()


@compiled
@pytest.mark.parametrize("margin", [discrete.MARGIN, 2.0**-3])
@pytest.mark.parametrize("law", LAWS, ids=str)
@pytest.mark.parametrize("count", [0, 1, 255, 3000])
def test_kernels_equal_their_twins(count: int, law: Law, margin: float) -> None:
    if margin > discrete.MARGIN:
        count = min(count, 300)
    first, second = reproducible_stream(count), reproducible_stream(count)
    expected = sample(count, first, law, discrete.TWINS, margin)
    assert np.array_equal(sample(count, second, law, _compiled(), margin), expected)
    assert first.read(8) == second.read(8), "the two consumed different amounts of randomness"


@compiled
@pytest.mark.parametrize("law", LAWS, ids=str)
def test_kernels_over_several_blocks(law: Law) -> None:
    expected = sample(150_000, reproducible_stream(1), law, discrete.TWINS)
    assert np.array_equal(sample(150_000, reproducible_stream(1), law, _compiled()), expected)


@pytest.mark.parametrize("law", LAWS[:4] + LAWS[10:14], ids=str)
def test_ties_of_an_inversion_are_left_alone(kernels: discrete.Kernels, law: Law) -> None:
    """A kernel never decides where 63 bits do not."""
    constants = tables(law)
    out = np.empty(4, np.int64)
    for level, tie in enumerate(constants.thresholds.tolist()):
        for sign in (0, 1):
            words = np.array([[0], [tie << 1 | sign], [0]], np.uint64)
            assert tuple(kernels.inversion(words, 0, out, 0, constants)) == (1, 1, True)
        if level == 0 or tie - 1 > constants.thresholds[level - 1]:
            words = np.array([[(tie - 1) << 1 | 1]], np.uint64)
            assert tuple(kernels.inversion(words, 0, out, 2, constants)) == (1, 3, False)
            assert out[2] == -level


def test_ties_of_the_layers_are_left_alone(kernels: discrete.Kernels) -> None:
    law = Law(2, Fraction(2**32))
    s, constants, out = law.low_bits, tables(law), np.empty(4, np.int64)
    slopes = discrete.Slopes(2.0**-11, 2.0**-10, 0.0)
    margin = discrete.MARGIN + 2.0 ** (s - 64)

    def run(*row: int) -> tuple[Any, ...]:
        words = np.array([[0, 5], row], np.uint64)
        return tuple(kernels.layered(words, 0, out, 0, constants, s, slopes, margin))

    for tie in constants.thresholds.tolist():
        assert run(tie << 1, 5) == (1, 1, True), tie
    y = 2 ** (s - 1)
    u = (int(constants.thresholds[9]) + 1) << 1
    w = int(np.exp(-(0.25 + 2 * 10 * 0.5) / 2048) * 2.0 ** (64 - s))
    for shift in (0, 1):
        assert run(u, (w + shift) << s | y) == (1, 1, True)
    assert run(u, (w - 2) << s | y) == (2, 2, False)
    assert out[1] == (10 << s) + y
    assert run(u, (w + 2) << s | y) == (2, 1, False)


@compiled
def test_kernels_refuse_arguments_that_leave_their_arrays() -> None:
    inversion, layered = _compiled()
    one, two = np.zeros((2, 1), np.uint64), np.zeros((2, 2), np.uint64)
    out, good = np.zeros(4, np.int64), tables(Law(2, Fraction(10)))
    last, slopes = good.thresholds[-1:], discrete.Slopes(0.0, 0.0, 0.0)
    wrong = [
        Tables(good.thresholds[:-1], good.guide),
        Tables(good.thresholds[:0], good.guide),
        Tables(last, good.guide),
        Tables(good.thresholds, good.guide[:-1]),
        Tables(good.thresholds, good.guide[:0]),
    ]
    for first, written, constants in [(3, 0, good), (0, 4, good), *((0, 0, bad) for bad in wrong)]:
        with pytest.raises(ValueError, match="range"):
            inversion(one, first, out, written, constants)
        with pytest.raises(ValueError, match="range"):
            layered(two, first, out, written, constants, 5, slopes, 0.0)
    with pytest.raises(ValueError, match="range"):
        layered(two, 0, out, 0, good, 49, slopes, 0.0)
    with pytest.raises(TypeError):
        inversion(two, 0, out, 0, good)
    with pytest.raises(TypeError):
        layered(two.astype(np.float64), 0, out, 0, good, 5, slopes, 0.0)


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
    for sigma, name in zip((10, 2**32), NAMES, strict=True):
        assert absent.kernel(name, _twin) is _twin
        usual = discrete_gaussian(500, stream=reproducible_stream(2), sigma=sigma)
        with monkeypatch.context() as patch:
            patch.setattr("privet.dp.discrete.native", absent)
            drawn = discrete_gaussian(500, stream=reproducible_stream(2), sigma=sigma)
        assert np.array_equal(drawn, usual)


def test_reason_says_which_kernels_are_in_use() -> None:
    assert native.reason().startswith("compiled" if native.available() else "NumPy twins")
