"""What the fits behind a comparison compose to, against the theorem and against accounting."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from privet.claims import DPGuarantee, JointGuarantee, NoGuarantee
from privet.claims.events import Gaussian, PoissonGaussian
from privet.data.types import BoundsClaim
from privet.dp.accounting import epsilon_for, noise_multiplier_for
from privet.protect.choose.release import central, composed, release_line


def claim(epsilon: float, delta: float = 1e-6, unit: str = "row") -> DPGuarantee:
    return DPGuarantee(
        epsilon=epsilon, delta=delta, unit=unit, relation="zero-out", accountant="test"
    )


def optimal(epsilon: float, delta: float, count: int, whole: float) -> float:
    """Kairouz, Oh & Viswanath 2015, Theorem 3.3: the least epsilon at delta `whole`.

    k-fold randomised response loses (k - 2l) epsilon with probability C(k, l) e^((k-l) epsilon)
    / (1 + e^epsilon)^k; the parts delta fail in the clear.
    """

    def spent(bound: float) -> float:
        rest = 0.0
        for wrong in range(count + 1):
            loss = (count - 2 * wrong) * epsilon
            chance = math.comb(count, wrong) * math.exp((count - wrong) * epsilon)
            chance /= (1 + math.exp(epsilon)) ** count
            rest += chance * max(0.0, -math.expm1(bound - loss))
        return 1 - (1 - delta) ** count * (1 - rest)

    low, high = 0.0, count * epsilon
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if spent(middle) > whole else (low, middle)
    return high


@pytest.mark.parametrize(("epsilon", "count"), [(0.1, 50), (0.5, 15), (1.0, 5), (3.0, 4)])
def test_equal_claims_compose_optimally(epsilon: float, count: int) -> None:
    delta = 1e-5
    pair = composed([claim(epsilon, delta)] * count)
    assert pair is not None and pair[1] == pytest.approx(2 * count * delta)
    wanted = min(optimal(epsilon, delta, count, pair[1]), count * epsilon)
    assert wanted - 1e-9 <= pair[0] <= wanted + count * 2e-4


@pytest.mark.parametrize(("epsilon", "count"), [(0.5, 5), (1.0, 15)])
def test_composition_holds_for_what_private_training_releases(epsilon: float, count: int) -> None:
    """The accountant's own figure for the Gaussians behind the claims must not exceed it."""
    delta = 1e-3
    noise = noise_multiplier_for(epsilon, delta)
    pair = composed([claim(epsilon, delta)] * count)
    assert pair is not None
    true = epsilon_for(Gaussian(noise_multiplier=noise, count=count), pair[1])
    assert epsilon < true <= pair[0], "more than one fit's, and not more than is said"


@pytest.mark.parametrize("rate", [1.0, 0.1])
def test_named_releases_compose_as_the_accountant_composes_them(rate: float) -> None:
    """Three fits that name their Gaussians cost what three times as many Gaussians cost."""
    delta = {"mechanism": 1e-5 - 1e-13, "noise on a grid": 1e-13}
    event = Gaussian(4.0, 20) if rate == 1 else PoissonGaussian(1.0, 20, rate=rate)
    epsilon = epsilon_for(event, delta["mechanism"])
    silent = DPGuarantee(epsilon=epsilon, delta=1e-5, unit="row", relation="zero-out",
                         accountant="test")  # fmt: skip
    named = replace(silent, events=(event,), delta_split=delta)
    pair, loose = composed([named] * 3), composed([silent] * 3)
    assert pair is not None and loose is not None
    assert pair[1] == 1e-5 < loose[1], "below 1 / units, as that of each of them is"
    true = epsilon_for(replace(event, count=60), pair[1])
    assert true <= pair[0] <= true + 1e-3
    assert composed([named, named, silent]) == loose, "one that names nothing hides the others"


def test_mixed_claims_lie_between_their_greatest_and_their_sum() -> None:
    pair = composed([claim(0.5), claim(1.0), claim(3.0)] * 2)
    assert pair is not None and 3.0 < pair[0] <= 9.0 + 1e-9
    more = composed([claim(0.5), claim(1.0), claim(3.0)] * 3)
    assert more is not None and more[0] > pair[0]


def test_nothing_and_different_relations_have_no_pair() -> None:
    assert composed([]) is None
    other = DPGuarantee(
        epsilon=1.0, delta=1e-6, unit="row", relation="add-remove", accountant="test"
    )
    assert composed([claim(1.0), other]) is None


def test_deltas_that_cover_everything_fall_back_to_the_sum() -> None:
    assert composed([claim(1.0, 0.4), claim(1.0, 0.4)]) == (2.0, 1.0)


def test_the_line_names_the_unit_and_the_share_of_training_sets() -> None:
    claims = [claim(1.0, unit="patient")] * 3
    line = release_line(claims, (2.5, 6e-6), test_size=0.2, unprotected=False)
    assert "unit (patient)" in line and "80%" in line and "epsilon 2.5 at delta 6e-06" in line
    assert "guarantee nothing" not in line


def test_the_central_part_of_a_stack_is_found() -> None:
    stack = JointGuarantee(parts=(NoGuarantee(), JointGuarantee(parts=(claim(2.0),))))
    assert central(stack) == claim(2.0)
    assert central(NoGuarantee()) is None and central(JointGuarantee(parts=())) is None


def test_bounds_that_were_found_privately_are_counted_once_and_delta_stays_small() -> None:
    event, bounds = Gaussian(20.0, 20), Gaussian(9.0, what="histograms")
    epsilon = epsilon_for(event, 1e-5)
    before = BoundsClaim(0.5, 2e-6, "row", "zero-out", (bounds,))
    one = DPGuarantee(
        epsilon=epsilon + 0.5, delta=1.2e-5 + 1e-13, unit="row", relation="zero-out",
        accountant="test", events=(bounds, event),
        delta_split={"mechanism": 1e-5, "noise on a grid": 1e-13, "bounds": 2e-6},
    )  # fmt: skip
    pair = composed([one] * 3, before)
    assert pair is not None
    assert pair[1] == pytest.approx(one.delta)
    true = epsilon_for(replace(event, count=60), 1e-5)
    assert true + 0.5 - 1e-9 <= pair[0] <= true + 0.5 + 1e-3
    strange = replace(one, events=(event, bounds))
    loose = composed([strange] * 3, before)
    assert loose is not None and loose[1] > pair[1], "bounds that do not come first"
