"""Errors name the value, the bound and the remedy; the tree is what the docstring draws."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from privet import errors
from privet.errors import (
    InvalidBudget,
    InvalidInput,
    MissingBounds,
    OutOfBudget,
    PrivetError,
    Refused,
    SchemaError,
    fraction,
    one_of,
    positive,
    whole,
)

BOOLEANS = [True, np.True_, np.array(True)]
CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, PrivetError)
]


def test_message_has_problem_value_bound_and_remedy_in_this_order():
    error = InvalidInput("rows are odd.", value=3, bound="an even number", remedy="rows=4")
    assert str(error) == "rows are odd; got 3; expected an even number.\n  write: rows=4"
    assert (error.problem, error.value, error.bound, error.remedy) == (
        "rows are odd.",
        3,
        "an even number",
        "rows=4",
    )


def test_message_leaves_out_what_is_not_given():
    assert str(PrivetError("it broke")) == "it broke."


def test_none_is_shown_when_it_was_the_value():
    assert "got None" in str(PrivetError("no name", value=None))
    assert PrivetError("no name").value is None


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_survives_pickling(kind):
    error = kind("problem", value=[1], bound="b", remedy="r")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_stands_in_the_drawn_tree(kind):
    assert kind.__name__ in errors.__doc__


def test_builtin_handlers_catch_what_the_tree_says():
    assert issubclass(InvalidInput, ValueError)
    assert issubclass(MissingBounds, SchemaError)
    assert issubclass(InvalidBudget, InvalidInput)
    assert issubclass(OutOfBudget, Refused)
    assert issubclass(Refused, RuntimeError)
    assert not issubclass(Refused, ValueError)


@pytest.mark.parametrize("value", [1, 0.5, 1e-300])
def test_positive_returns_the_number(value):
    assert positive(epsilon=value) == float(value)


@pytest.mark.parametrize(
    "value", [0, -1, math.inf, math.nan, "2", None, [], 1j, 10**400, *BOOLEANS]
)
def test_positive_refuses(value):
    with pytest.raises(InvalidBudget, match="epsilon must be a finite number above 0"):
        positive(epsilon=value)


def test_only_budgets_are_budget_errors():
    with pytest.raises(InvalidInput) as caught:
        positive(width=0)
    assert type(caught.value) is InvalidInput
    assert caught.value.remedy == "width=1.0"


@pytest.mark.parametrize("value", [0, 1, -0.1, 1.5, math.nan, "half", *BOOLEANS])
def test_fraction_refuses(value):
    with pytest.raises(InvalidBudget, match="0 < delta < 1"):
        fraction(delta=value)


def test_fraction_returns_the_number():
    assert fraction(delta=1e-6) == 1e-6


@pytest.mark.parametrize("value", [0, -3, 1.5, "3", math.nan, math.inf, 10**400, *BOOLEANS])
def test_whole_refuses(value):
    with pytest.raises(InvalidInput, match="seeds must be a whole number of at least 1"):
        whole(seeds=value)


def test_false_is_not_zero():
    for value in (False, np.False_):
        with pytest.raises(InvalidInput):
            whole(least=0, seeds=value)


def test_whole_returns_an_int():
    assert whole(seeds=3.0) == 3
    assert isinstance(whole(seeds=3.0), int)
    assert whole(least=0, seeds=0) == 0


def test_one_of_names_the_choices():
    assert one_of(("a", "b"), kind="a") == "a"
    with pytest.raises(InvalidInput, match="unknown kind; got 'c'; expected one of a, b"):
        one_of(("a", "b"), kind="c")
