"""Claims from files and ledgers: every field is of the type it declares, or it is named."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from privet.claims import (
    Cost,
    DPGuarantee,
    FLGuarantee,
    Gaussian,
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
from privet.errors import InvalidInput, PrivetError

SIGHTS = (Sight("curator", "every row", False),)
DP = DPGuarantee(
    epsilon=1.0,
    delta=1e-6,
    unit="row",
    relation="zero-out",
    accountant="PLD",
    events=(Gaussian(3.0), PoissonGaussian(9.5, 40, "descent", rate=0.1)),
    delta_split={"mechanism": 1e-6},
    provenance=("bounds: schema",),
    sights=SIGHTS,
    assumptions=("the curator is trusted",),
)
CLAIMS: tuple[Any, ...] = (
    DP,
    NoGuarantee(sights=SIGHTS),
    LocalDPGuarantee(epsilon=2.0, columns={"age": 1.0}, randomiser="unary"),
    MPCGuarantee(parties=3, threshold=1, adversary="semi-honest", revealed_to=("owner",)),
    HEGuarantee(security_bits=128, scheme="CKKS", ring_dimension=8192, modulus_bits=218,
                noise_flooding=True),
    FLGuarantee(sites=4, min_contributors=3, secure_aggregation=True, aggregator_sees=("sums",)),
    JointGuarantee(parts=(DP, NoGuarantee())),
    Cost(seconds=1.5, bytes_sent={"site": 2048}, rounds=3, peak_memory=5),
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, "odd", -1, 0.5, True, 10**400, math.nan, math.inf, [], [1], ["a"], {}, {"a": "b"}, [{}],
    {"kind": "cost"}, [{"kind": "cost"}], [{"kind": "none"}],
)  # fmt: skip


def test_a_value_of_another_type_never_becomes_a_claim() -> None:
    refused = 0
    for claim in CLAIMS:
        for field in dataclasses.fields(claim):
            for odd in ODD:
                try:
                    found = from_json({**to_json(claim), field.name: odd})
                except PrivetError:
                    refused += 1
                    continue
                # What is let through is a claim like any other: it is written and shown.
                assert from_json(to_json(found)) == found
                assert str(found) and (isinstance(found, Cost) or found.describe())
    assert refused > 700


@pytest.mark.parametrize(
    ("claim", "field", "value"),
    [
        (DP, "epsilon", "1.0"),
        (DP, "epsilon", True),
        (DP, "delta", math.nan),
        (DP, "unit", None),
        (DP, "relation", ["zero-out"]),
        (DP, "secret_noise", 1),
        (DP, "recorded", "no"),
        (DP, "assumptions", "the curator is trusted"),
        (DP, "assumptions", [1]),
        (DP, "delta_split", {"mechanism": "1e-6"}),
        (DP, "delta_split", []),
        (DP, "sights", ["curator"]),
        (DP, "events", {}),
        (CLAIMS[3], "parties", 3.0),
        (CLAIMS[3], "adversary", "benign"),
        (CLAIMS[4], "modulus_bits", 2**63),
        (CLAIMS[6], "parts", [to_json(Cost())]),
        (CLAIMS[7], "bytes_sent", {"site": 1.5}),
        (CLAIMS[7], "seconds", 10**400),
        (CLAIMS[7], "estimated", None),
    ],
)
def test_the_field_is_named(claim: Any, field: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=f"field {field!r} of a claim of kind") as caught:
        from_json({**to_json(claim), field: value})
    assert caught.value.bound


@pytest.mark.parametrize(
    "sight",
    [
        {"role": "curator", "sees": "every row", "protected": "yes"},
        {"role": "curator", "sees": "every row"},
        {"role": "curator", "sees": "every row", "protected": True, "why": ""},
    ],
)
def test_a_sight_is_whole(sight: Any) -> None:
    with pytest.raises(InvalidInput, match="what a role sees"):
        from_json({**to_json(DP), "sights": [sight]})


@pytest.mark.parametrize(("field", "value"), [("count", 40.0), ("count", 2**70)])
def test_a_release_is_typed(field: str, value: Any) -> None:
    event = {"kind": "gaussian", "noise_multiplier": 3.0, field: value}
    with pytest.raises(InvalidInput, match=f"field {field!r} of a release"):
        from_json({**to_json(DP), "events": [event]})


def test_missing_fields_are_named() -> None:
    record = to_json(DP)
    del record["delta"], record["unit"]
    with pytest.raises(InvalidInput, match="missing fields") as caught:
        from_json(record)
    assert caught.value.value == ["delta", "unit"]


def test_what_has_a_default_may_be_left_out() -> None:
    assert from_json({"kind": "cost"}) == Cost()
    assert from_json({"kind": "joint", "parts": [{"kind": "none"}]}).parts == (NoGuarantee(),)
