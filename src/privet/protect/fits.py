"""Counts the fits that one budget covers, through every copy of the protection in this process.

scikit-learn's searches and cross-validation fit many clones of one estimator, and so of its
protection. A budget that says "one model" must not be spent by each of them in silence.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

from privet.entropy import secret_stream
from privet.errors import OutOfBudget, Refused

_known: weakref.WeakValueDictionary[str, FitCount] = weakref.WeakValueDictionary()


class FitCount:
    """How many fits were counted; copies of it are the same object.

    Pickled and read back in the same process it is itself again. In another process it is
    foreign and counts nothing, since the two could not agree on what is left.
    """

    def __init__(self, *, foreign: bool = False) -> None:
        self._lock = threading.Lock()
        self._used = 0
        self._kind: str | None = None
        self._foreign = foreign
        self._process = os.getpid()
        self._token = secret_stream("count of fits").read(16).hex()
        if not foreign:
            _known[self._token] = self

    @property
    def used(self) -> int:
        """Fits counted so far."""
        return self._used

    def take(self, most: int, kind: str) -> None:
        """Count one more fit.

        Args:
            most: fits that the budget covers.
            kind: how the fits share it; equal shares add up only among fits of one kind.

        Raises:
            OutOfBudget: `most` fits were counted already.
            Refused: this is a copy in another process than the first.
        """
        if self._foreign or os.getpid() != self._process:
            raise Refused(
                "the fits of one budget are counted in one process, and this is another",
                value=f"fits={most}",
                bound="one process",
                remedy="n_jobs=1",
            )
        with self._lock:
            if self._used >= most:
                raise OutOfBudget(
                    "the budget covers no further fit",
                    value=f"{self._used} fits done",
                    bound=f"fits={most}",
                    remedy=f"pv.Private(..., fits={most + 1})   # smaller budget for each",
                )
            if self._kind not in (None, kind):
                raise Refused(
                    "one budget for several fits is shared among linear models, or among others",
                    value=kind,
                    bound=str(self._kind),
                    remedy="a pv.Private(..., fits=...) of its own for each kind of model",
                )
            self._kind = kind
            self._used += 1

    def __copy__(self) -> FitCount:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> FitCount:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (_found, (self._token,))


def _found(token: str) -> FitCount:
    return _known.get(token) or FitCount(foreign=True)
