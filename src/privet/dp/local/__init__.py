"""Local differential privacy: noise on each record before it leaves its device.

>>> from privet import local
>>> local.best_oracle(4, epsilon=2.0, n=1000).oracle.name
'grr'

Frequency oracles (`RandomisedResponse`, `HadamardResponse`, `SubsetSelection`, `UnaryEncoding`)
randomise one value of a known domain, `Duchi`, `Piecewise` and `Hybrid` a number within bounds,
`VectorCode` a vector of bounded length. `PrefixSearch` finds frequent values of domains too large
to list; `Shuffler` and `epsilon_of` say what shuffled reports reveal. `read`, `histogram` and
`mean` read what `privet perturb` or `pv.perturb` wrote.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from privet.dp.local.choose import Choice, best_oracle
    from privet.dp.local.estimate import Histogram, histogram, mean
    from privet.dp.local.files import read, write
    from privet.dp.local.heavy import Hitters, PrefixSearch, decode_texts, encode_texts
    from privet.dp.local.number import Average, NumberRandomiser
    from privet.dp.local.numbers import Duchi, Hybrid, Piecewise
    from privet.dp.local.oracle import Frequencies, FrequencyOracle
    from privet.dp.local.oracles import (
        HadamardResponse,
        RandomisedResponse,
        SubsetSelection,
        UnaryEncoding,
    )
    from privet.dp.local.shuffle import Shuffler, epsilon_of
    from privet.dp.local.table import Perturbed, join
    from privet.dp.local.vectors import VectorCode

__all__ = [
    "Average",
    "Choice",
    "Duchi",
    "Frequencies",
    "FrequencyOracle",
    "HadamardResponse",
    "Histogram",
    "Hitters",
    "Hybrid",
    "NumberRandomiser",
    "Perturbed",
    "Piecewise",
    "PrefixSearch",
    "RandomisedResponse",
    "Shuffler",
    "SubsetSelection",
    "UnaryEncoding",
    "VectorCode",
    "best_oracle",
    "decode_texts",
    "encode_texts",
    "epsilon_of",
    "histogram",
    "join",
    "mean",
    "read",
    "write",
]

_HOMES = {
    "Average": "number",
    "Choice": "choose",
    "Duchi": "numbers",
    "Frequencies": "oracle",
    "FrequencyOracle": "oracle",
    "HadamardResponse": "oracles",
    "Histogram": "estimate",
    "Hitters": "heavy",
    "Hybrid": "numbers",
    "NumberRandomiser": "number",
    "Perturbed": "table",
    "Piecewise": "numbers",
    "PrefixSearch": "heavy",
    "RandomisedResponse": "oracles",
    "Shuffler": "shuffle",
    "SubsetSelection": "oracles",
    "UnaryEncoding": "oracles",
    "VectorCode": "vectors",
    "best_oracle": "choose",
    "decode_texts": "heavy",
    "encode_texts": "heavy",
    "epsilon_of": "shuffle",
    "histogram": "estimate",
    "join": "table",
    "mean": "estimate",
    "read": "files",
    "write": "files",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"privet.dp.local.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
