"""What can go wrong, and the checks that say so in the same words everywhere.

The tree::

    PrivetError                  every message: problem, value, bound, the line to write instead
    |-- InvalidInput             (also ValueError) decided from arguments, schema or data
    |   |-- SchemaError          the schema is missing, malformed or at odds with the data
    |   |   |-- MissingBounds    a private method needs a bound that no schema gives
    |   |   |-- UnknownColumn    a named column is not in the data
    |   |   |-- UndeclaredMissing  a missing value in a column whose schema allows none
    |   |   `-- UnknownCategory  a value outside the declared categories
    |   |-- DataError            unreadable, empty, constant or otherwise unusable rows
    |   `-- InvalidBudget        epsilon, delta or noise outside what can be guaranteed
    |-- Refused                  (also RuntimeError) legal input, but privacy would be at stake
    |   `-- OutOfBudget          the steward has too little left
    |-- Unavailable              (also RuntimeError) an extra, a compiler or a device is missing
    `-- Cancelled                the run was stopped by its watcher

`InvalidInput` is a `ValueError`, so code written for scikit-learn catches it.
The command line turns any `PrivetError` into one message and exit code 2.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

_ABSENT: Any = object()


class PrivetError(Exception):
    """Base of all errors raised on purpose.

    Args:
        problem: what is wrong, in one sentence that names the offending part.
        value: the value that was found, shown with `repr`. Never pass a private cell here:
            messages reach logs. Schema text, arguments and column names are fine.
        bound: what would have been accepted.
        remedy: the line to write instead.
    """

    def __init__(
        self,
        problem: str,
        *,
        value: Any = _ABSENT,
        bound: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = problem
        self.value = None if value is _ABSENT else value
        self.bound = bound
        self.remedy = remedy
        parts = [problem.rstrip(".")]
        if value is not _ABSENT:
            parts.append(f"got {value!r}")
        if bound:
            parts.append(f"expected {bound}")
        message = "; ".join(parts) + "."
        if remedy:
            message += f"\n  write: {remedy}"
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by message, so that the error survives joblib workers."""
        return (_rebuild, (type(self), self.__dict__.copy(), str(self)))


def _rebuild(kind: type[PrivetError], state: dict[str, Any], message: str) -> PrivetError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = (message,)
    return error


class InvalidInput(PrivetError, ValueError):
    """An argument, a schema or the data cannot be used as given."""


class SchemaError(InvalidInput):
    """The schema is missing, malformed or does not fit the data."""


class MissingBounds(SchemaError):
    """A private method needs a bound that the schema does not give."""


class UnknownColumn(SchemaError):
    """A column is named that the data do not have."""


class UndeclaredMissing(SchemaError):
    """A missing value stands in a column whose schema allows none."""


class UnknownCategory(SchemaError):
    """A value is not among the declared categories."""


class DataError(InvalidInput):
    """The rows cannot be read, or cannot be learnt from."""


class InvalidBudget(InvalidInput):
    """Epsilon, delta or a noise scale outside the range that can be guaranteed."""


class Refused(PrivetError, RuntimeError):
    """Nothing is malformed, but doing it would put privacy at stake."""


class OutOfBudget(Refused):
    """The steward of the data set has too little budget left."""


class Unavailable(PrivetError, RuntimeError):
    """Something optional is not installed or not present on this machine."""


class Cancelled(PrivetError):
    """The run was stopped by the person or program watching it."""


def _single(named: dict[str, Any]) -> tuple[str, Any]:
    ((name, value),) = named.items()
    return name, value


def positive(*, remedy: str | None = None, **named: float) -> float:
    """Return the one named number if it is finite and greater than zero.

    >>> positive(epsilon=1.0)
    1.0
    """
    name, value = _single(named)
    if not _is_real(value) or not math.isfinite(value) or value <= 0:
        kind = InvalidBudget if name in _BUDGET_NAMES else InvalidInput
        raise kind(
            f"{name} must be a finite number above 0",
            value=value,
            bound=f"0 < {name} < inf",
            remedy=remedy or f"{name}=1.0",
        )
    return float(value)


def fraction(*, remedy: str | None = None, **named: float) -> float:
    """Return the one named number if it lies strictly between 0 and 1."""
    name, value = _single(named)
    if not _is_real(value) or not 0 < value < 1:
        kind = InvalidBudget if name in _BUDGET_NAMES else InvalidInput
        raise kind(
            f"{name} must lie strictly between 0 and 1",
            value=value,
            bound=f"0 < {name} < 1",
            remedy=remedy,
        )
    return float(value)


def whole(*, least: int = 1, remedy: str | None = None, **named: int) -> int:
    """Return the one named whole number if it is at least `least`."""
    name, value = _single(named)
    if not _is_real(value) or not float(value).is_integer() or value < least:
        raise InvalidInput(
            f"{name} must be a whole number of at least {least}",
            value=value,
            bound=f"{name} >= {least}",
            remedy=remedy,
        )
    return int(value)


def one_of(choices: Collection[Any], *, remedy: str | None = None, **named: Any) -> Any:
    """Return the one named value if it is among the choices."""
    name, value = _single(named)
    if value not in choices:
        raise InvalidInput(
            f"unknown {name}",
            value=value,
            bound="one of " + ", ".join(map(str, choices)),
            remedy=remedy,
        )
    return value


_BUDGET_NAMES = frozenset({"epsilon", "delta", "rho", "mu", "noise_multiplier"})


def _is_real(value: Any) -> bool:
    """True for one real number; True and False, NumPy's too, are no numbers."""
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if isinstance(value, (bool, str, bytes, complex)) or kind == "b":
        return False
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True
