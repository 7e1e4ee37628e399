r"""The shuffle model: what reports reveal once nobody knows who sent which.

n clients randomise at epsilon_0 each; a shuffler removes all marks of origin and puts the reports
into random order. Feldman, McMillan & Talwar 2021 ("Hiding among the clones", theorem 3.1): the
shuffled reports are no easier to tell apart, for two records of one client, than P and Q,

    C ~ Bin(n - 1, e^-epsilon_0), A ~ Bin(C, 1/2), B ~ Bernoulli(e^epsilon_0 / (1 + e^epsilon_0)),
    P = (A + B, C - A + 1 - B),   Q = (A + 1 - B, C - A + B).

`delta_of` is the hockey-stick divergence of the two, summed numerically and rounded up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from privet.claims import DPGuarantee, Sight
from privet.dp.local.number import NumberRandomiser
from privet.dp.local.oracle import Array, FrequencyOracle
from privet.entropy import Stream
from privet.errors import DataError, InvalidBudget, Refused, fraction, positive, whole

_ROUNDING = 1e-8
"""Relative error of the sums in float64, generously."""


def delta_of(epsilon: float, *, local: float, honest: int) -> float:
    """An upper bound of delta at epsilon after shuffling.

    Args:
        epsilon: of the shuffled reports.
        local: epsilon_0, of each report.
        honest: clients that randomise as they should, n; their number, not that of all reports.
    """
    positive(local=local)
    honest = whole(honest=honest)
    if epsilon >= local:
        return 0.0
    from scipy.stats import binom

    chance = math.exp(-local)
    mean = (honest - 1) * chance
    spread = 12 * math.sqrt(mean) + 60  # little is left out, and that is added
    counts = np.arange(max(0, int(mean - spread)), min(honest - 1, int(mean + spread)) + 1)
    weights = binom.pmf(counts, honest - 1, chance)
    left_out = float(binom.cdf(counts[0] - 1, honest - 1, chance)
                     + binom.sf(counts[-1], honest - 1, chance))
    inner = _divergence(counts, epsilon, local)
    return float(weights @ inner) * (1 + _ROUNDING) + left_out + 1e-300


def _divergence(counts: Array, epsilon: float, local: float) -> Array:
    """Hockey-stick divergence given C, for each C: P(U >= t) - e^epsilon Q(U >= t).

    U is the first number of the pair; its likelihood ratio grows with U, and reaches e^epsilon at
    U / (C + 1 - U) = r.
    """
    from scipy.stats import binom

    p = 1 / (1 + math.exp(-local))
    factor = math.exp(epsilon)
    r = (p * factor - (1 - p)) / (p - (1 - p) * factor)
    t = np.ceil(r / (1 + r) * (counts + 1))
    least, more = binom.sf(t - 2, counts, 0.5), binom.sf(t - 1, counts, 0.5)
    found = p * least + (1 - p) * more - factor * ((1 - p) * least + p * more)
    # Below 0 only by rounding, or where t was rounded past the best place, which lowers it.
    return np.asarray(np.maximum(found, 0.0) + 1e-13 * (1 + factor) * least)


def epsilon_of(delta: float, *, local: float, honest: int) -> float:
    """The least epsilon after shuffling at which `delta_of` is at most delta, rounded up.

    Never above epsilon_0, which holds with delta = 0.

    Args:
        delta: chance that the bound fails.
        local: epsilon_0, of each report.
        honest: clients that randomise as they should.
    """
    delta = fraction(delta=delta)
    low, high = 0.0, positive(local=local)
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        if delta_of(middle, local=local, honest=honest) <= delta:
            high = middle
        else:
            low = middle
    return high


@dataclass
class Shuffler:
    """The role that removes the origin of reports: it sees them, and passes on their order alone.

    Attributes:
        randomiser: the one that every client uses; reports of others are refused.
        simulated: the shuffler runs in the process of the clients or of the analyst, which
            protects nobody from anybody. False claims that it is a party of its own.

    Formal guarantees: `release` puts the reports into a uniformly random order, independent of
    them, and passes nothing else on. The guarantee holds against whoever sees what is released,
    does not collude with the shuffler, and controls all clients but the honest ones; it is about
    one report of each client, and lapses to epsilon_0 against the shuffler itself.
    """

    randomiser: FrequencyOracle | NumberRandomiser
    simulated: bool = True
    _batches: list[Array] = field(default_factory=list, repr=False)

    def collect(self, reports: Any, *, randomiser: Any) -> None:
        """Take reports of further clients.

        Raises:
            Refused: they come from another randomiser.
            DataError: something is no report.
        """
        if randomiser != self.randomiser:
            raise Refused("clients of different randomisers do not hide among one another",
                          value=str(randomiser), bound=str(self.randomiser),
                          remedy="Shuffler(randomiser)   # one of its own for each")
        found = np.asarray(reports)
        if isinstance(self.randomiser, FrequencyOracle):
            self.randomiser.counts(found)
        else:
            self.randomiser.checked(found)
        self._batches.append(found)

    def release(
        self, *, honest: int, delta: float, stream: Stream
    ) -> tuple[Array, DPGuarantee]:
        """The reports in random order, and what they reveal then; the shuffler is empty after.

        Args:
            honest: clients that are counted on to randomise as they should; stated, not measured.
            delta: chance that the bound fails.
            stream: where the order comes from.

        Raises:
            DataError: nothing was collected.
            InvalidBudget: more honest clients than reports, or a delta not below 1 / honest.
        """
        if not any(map(len, self._batches)):
            raise DataError("there are no reports to shuffle", value=0, bound=">= 1")
        reports = np.concatenate(self._batches)
        honest, delta = whole(honest=honest), fraction(delta=delta)
        if honest > len(reports):
            raise InvalidBudget("there are fewer reports than honest clients", value=honest,
                                bound=f"<= {len(reports)}", remedy=f"honest={len(reports)}")
        if delta >= 1 / honest:
            raise InvalidBudget("delta must lie below 1 / honest clients", value=delta,
                                bound=f"< {1 / honest:g}", remedy=f"delta={0.1 / honest:g}")
        guarantee = self._guarantee(honest, delta)
        self._batches.clear()
        return reports[stream.permutation(len(reports))], guarantee

    def _guarantee(self, honest: int, delta: float) -> DPGuarantee:
        local = min(self.randomiser.epsilon, 16.0)
        return DPGuarantee(
            epsilon=epsilon_of(delta, local=local, honest=honest),
            delta=delta,
            unit="row",
            relation="replace-one",
            accountant="shuffling, numeric bound (Feldman, McMillan & Talwar 2021)",
            simulated=self.simulated,
            sights=(
                Sight("device", "its record in the clear", protected=False),
                Sight("shuffler", f"each report, {local:g}-locally private", protected=True),
                Sight("whoever gets the reports", "reports in random order", protected=True),
            ),
            assumptions=(
                f"at least {honest} clients randomise as they should, by the same randomiser: "
                f"{self.randomiser.name} at epsilon {local:g}",
                "the shuffler does not collude with whoever gets the reports, and removes all that "
                "tells who sent one, arrival times included",
                "one person sends one report",
                f"against the shuffler alone the guarantee is {local:g}-local",
            ),
            checks=(
                f"privet.local.epsilon_of({delta!r}, local={local!r}, honest={honest})",
            ),
        )
