"""Guarantees and costs: refused when malformed, readable, and equal after a trip through JSON."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from privet.claims import (
    Cost,
    DPGuarantee,
    FLGuarantee,
    Gaussian,
    Guarantee,
    HEGuarantee,
    JointGuarantee,
    LocalDPGuarantee,
    MPCGuarantee,
    NoGuarantee,
    PoissonGaussian,
    Sight,
    from_json,
    to_json,
)
from privet.claims.cost import human_bytes
from privet.claims.guarantees import RELATIONS, kinds
from privet.errors import InvalidInput

SIGHTS = (Sight("curator", "every row", False), Sight("reader of the model", "weights", True))


def dp(**changes):
    fields = {
        "epsilon": 1.0,
        "delta": 1e-6,
        "unit": "row",
        "relation": "zero-out",
        "accountant": "PLD (dp-accounting 0.6.0)",
        "events": (Gaussian(3.1, what="centre"), PoissonGaussian(9.5, 40, "descent", rate=0.1)),
        "delta_split": {"mechanism": 1e-6},
        "provenance": ("bounds: schema",),
        "sights": SIGHTS,
        "assumptions": ("the curator is trusted",),
        "checks": ("compose the events again",),
    }
    return DPGuarantee(**fields | changes)


EXAMPLES = [
    NoGuarantee(sights=SIGHTS),
    dp(),
    dp(recorded=True, secret_noise=False),
    LocalDPGuarantee(epsilon=2.0, columns={"age": 1.0, "city": 1.0}, randomiser="unary"),
    LocalDPGuarantee(epsilon=2.0, unit="person", max_rows=3),
    MPCGuarantee(parties=3, threshold=1, adversary="semi-honest", revealed_to=("owner",)),
    HEGuarantee(
        security_bits=128,
        scheme="CKKS",
        ring_dimension=8192,
        modulus_bits=218,
        noise_flooding=True,
    ),
    FLGuarantee(sites=4, min_contributors=3, secure_aggregation=True, aggregator_sees=("sums",)),
    JointGuarantee(parts=(dp(), NoGuarantee()), simulated=True),
]
COST = Cost(
    seconds=1.5, bytes_sent={"site": 2048, "aggregator": 10}, rounds=3, peak_memory=5, depth=2
)


@pytest.mark.parametrize("claim", [*EXAMPLES, COST, Cost()], ids=lambda claim: type(claim).__name__)
def test_json_round_trip_is_lossless(claim):
    text = json.dumps(to_json(claim), allow_nan=False)
    assert from_json(json.loads(text)) == claim


def test_every_kind_has_an_example_and_no_two_share_a_name():
    assert {type(claim) for claim in EXAMPLES} == set(kinds().values())
    assert len(kinds()) == len(set(kinds().values()))
    assert set(Guarantee.__subclasses__()) == set(kinds().values())


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "promise"},
        {},
        {"kind": "dp", "epsilon": 1.0},
        to_json(dp()) | {"epsilons": [1.0]},
        to_json(dp()) | {"epsilon": -1.0},
        [],
        "dp",
    ],
    ids=repr,
)
def test_half_understood_claims_are_refused(record):
    with pytest.raises(InvalidInput):
        from_json(record)


@pytest.mark.parametrize(
    "changes",
    [
        {"epsilon": -0.1},
        {"epsilon": math.inf},
        {"epsilon": math.nan},
        {"delta": 1.0},
        {"delta": -1e-9},
        {"relation": "swap"},
        {"delta_split": {"mechanism": 1e-6, "threshold": 1e-7}},
    ],
    ids=repr,
)
def test_impossible_dp_claims_are_refused(changes):
    with pytest.raises(InvalidInput):
        dp(**changes)


def test_dp_claims_at_the_edge_are_allowed():
    assert dp(epsilon=0.0, delta=0.0, delta_split={}).epsilon == 0
    assert dp(delta_split={"a": 5e-7, "b": 5e-7}).delta == 1e-6
    assert {dp(relation=relation).relation for relation in RELATIONS} == set(RELATIONS)


def test_dp_reads_with_its_unit_relation_and_delta():
    assert str(dp(recorded=True)) == ("(1, 1e-06)-differential privacy per row, zero-out relation")


def test_caveats_are_shown_and_only_where_they_hold():
    assert str(dp()).endswith("[not recorded in a ledger]")
    notes = dp(secret_noise=False, simulated=True).caveats()
    assert [note.split(":")[0] for note in notes] == [
        "reproducible noise",
        "simulated, no protection",
        "not recorded in a ledger",
    ]


def test_a_delta_that_makes_the_claim_hollow_is_a_caveat():
    assert any("0.5 nothing is promised" in note for note in dp(delta=0.5).caveats())
    assert not any("promised" in note for note in dp(delta=0.01).caveats())


def test_joint_caveats_say_each_thing_once():
    joint = JointGuarantee(parts=(dp(secret_noise=False), dp(secret_noise=False)))
    assert len(joint.caveats()) == len(set(joint.caveats())) == 2


@pytest.mark.parametrize("claim", EXAMPLES, ids=lambda claim: claim.kind)
def test_every_guarantee_answers_the_four_questions(claim):
    answers = claim.describe()
    assert {"claim", "who learns what", "under which assumption", "how to check it"} <= set(answers)
    assert answers["claim"][0] == claim.headline()


def test_html_escapes_what_a_user_wrote():
    page = dp(unit="<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "who learns what" in page


def test_guarantees_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        dp().epsilon = 0.1


@pytest.mark.parametrize("threshold", [0, 3, 4])
def test_mpc_needs_an_honest_party(threshold):
    with pytest.raises(InvalidInput, match="honest party"):
        MPCGuarantee(parties=3, threshold=threshold, adversary="semi-honest")


def test_costs_add_up_one_after_the_other():
    total = COST + Cost(seconds=0.5, bytes_sent={"site": 1}, rounds=1, peak_memory=9, depth=1)
    assert total == Cost(
        seconds=2.0,
        bytes_sent={"site": 2049, "aggregator": 10},
        rounds=4,
        peak_memory=9,
        depth=2,
    )
    assert (Cost() + Cost()).seconds is None
    assert (Cost() + Cost(seconds=1)).seconds == 1
    assert (COST + Cost().as_estimate()).estimated


@pytest.mark.parametrize(
    "fields", [{"seconds": -1}, {"bytes_sent": {"site": -1}}, {"rounds": -1}, {"seconds": math.nan}]
)
def test_negative_costs_are_refused(fields):
    with pytest.raises(InvalidInput):
        Cost(**fields)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, 0.1),
        (0.1, 0.1),
        (0.11, 0.2),
        (1.0, 1.0),
        (1.01, 2.0),
        (2.3, 5.0),
        (51, 100),
        (100, 100),
    ],
)
def test_coarse_seconds_round_up_to_one_two_five(seconds, shown):
    assert Cost(seconds=seconds).coarse().seconds == pytest.approx(shown)


def test_coarse_hides_exact_figures_and_is_idempotent():
    one, other = (
        Cost(seconds=2.31, peak_memory=21_000_001),
        Cost(seconds=4.9, peak_memory=49_000_000),
    )
    assert one.coarse() == other.coarse() == one.coarse().coarse()
    assert Cost().coarse() == Cost()


@pytest.mark.parametrize(
    ("memory", "shown"),
    [(5, "10 MB"), (51_000_000, "100 MB"), (190_700_000, "200 MB"), (2**31, "5 GB")],
)
def test_a_rounded_figure_looks_rounded(memory, shown):
    assert str(Cost(peak_memory=memory).coarse()) == f"{shown} peak memory, 0 B sent"


def test_cost_reads_as_a_line():
    assert str(COST) == "1.5 s, 5 B peak memory, 2.06 kB sent, 3 rounds, depth 2"
    assert str(Cost().as_estimate()) == "about 0 B sent"
    assert COST._repr_html_() == f"<p>{COST}</p>"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1536, "1.54 kB"),
        (999_499, "999 kB"),
        (999_501, "1 MB"),
        (3 * 10**9, "3 GB"),
        (10**15, "1000 TB"),
    ],
)
def test_bytes_for_people(count, text):
    assert human_bytes(count) == text


@pytest.mark.parametrize(
    "record",
    [
        "4 x Gaussian",
        {"noise_multiplier": 1.0},
        {"kind": "laplace", "noise_multiplier": 1.0},
        {"kind": "gaussian"},
        {"kind": "gaussian", "noise_multiplier": 0.0},
        {"kind": "gaussian", "noise_multiplier": "1"},
        {"kind": "gaussian", "noise_multiplier": 1.0, "count": 0},
        {"kind": "gaussian", "noise_multiplier": 1.0, "rate": 0.1},
        {"kind": "gaussian", "noise_multiplier": 1.0, "what": 7},
        {"kind": "poisson-gaussian", "noise_multiplier": 1.0, "rate": 1.5},
        {"kind": "poisson-gaussian", "noise_multiplier": 1.0, "sampler": "magic"},
    ],
)
def test_a_release_that_is_not_understood_is_refused(record):
    whole = to_json(dp())
    with pytest.raises(InvalidInput):
        from_json({**whole, "events": [record]})
