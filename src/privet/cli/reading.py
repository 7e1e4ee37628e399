"""Reading rows in the clear: whoever keeps them is asked before, and what was read is recorded.

What a command shows of rows without noise takes nothing from a budget, since no claim limits it.
So a policy decides, and the ledger says that it happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from privet.cli.asking import steward_for

if TYPE_CHECKING:
    from privet.govern.steward import LedgerSteward


@contextmanager
def reading(
    action: str, data_set: str | None, steward: LedgerSteward | None, *, purpose: str,
    who: str, parameters: dict[str, Any],
) -> Iterator[Callable[[], object]]:
    """Ask for a use of rows in the clear; inside, they may be read. Call what it gives when done.

    Args:
        data_set: the registered name of the rows; None if no ledger knows them.
        who: a sentence for those who decide: for whom the result is.
        parameters: JSON values, no cell among them.

    Raises:
        Refused: it is not allowed, and nothing was read.
    """
    from privet.claims import Cost, NoGuarantee, NullSteward, Request, spending

    guarantee = NoGuarantee(assumptions=(who,))
    request = Request(action=action, data_set=data_set, guarantee=guarantee, purpose=purpose,
                      parameters=parameters)
    with spending(steward_for(steward) or NullSteward(), request) as spend:
        started = time.perf_counter()
        spend.touch()
        yield lambda: spend.commit(guarantee, Cost(seconds=time.perf_counter() - started).coarse())
