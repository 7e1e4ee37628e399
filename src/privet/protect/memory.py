"""Peak resident memory of a block, sampled: no platform tells it for a block exactly.

The figure is of the whole process. It holds the rows, the parameters and the working arrays,
and also what compiling a function for the first time takes; memory that the process held
before and uses again is not in it. So the first fit of its kind shows more than the next, and
it is the first that a machine must have room for. Memory of an accelerator is not in it.
"""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

_STATM = Path("/proc/self/statm")
_INTERVAL = 0.01


def resident() -> int | None:
    """Bytes of resident memory now, or None where /proc does not tell."""
    import resource

    try:
        pages = int(_STATM.read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return pages * resource.getpagesize()


class PeakMemory:
    """Context manager; `peak` is the greatest rise above the level at its start, in bytes."""

    peak: int | None = None

    def __enter__(self) -> PeakMemory:
        self._start = resident()
        self._high = self._start
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()
        self._look()
        if self._start is not None and self._high is not None:
            self.peak = self._high - self._start

    def _look(self) -> None:
        now = resident()
        if now is not None and (self._high is None or now > self._high):
            self._high = now

    def _watch(self) -> None:
        while not self._done.wait(_INTERVAL):
            self._look()
