"""Canonical JSON, framing, commitments and keyed hashes."""

from __future__ import annotations

import enum
import hashlib
import hmac

import numpy as np
import pytest

from privet.errors import InvalidInput
from privet.govern.ledger.canonical import canonical, commitment, framed, keyed_hash, parse


class Colour(enum.IntEnum):
    RED = 1


def test_known_encoding():
    value = {"b": [1, 1.0, -0.0, 1e-300, True, None], "a": "é\x00\u2028", "A": {}}
    assert canonical(value) == (
        rb'{"A":{},"a":"\u00e9\u0000\u2028","b":[1,1.0,-0.0,1e-300,true,null]}'
    )
    assert canonical((1, 2)) == canonical([1, 2])


@pytest.mark.parametrize(
    "value",
    [
        float("nan"), float("inf"), b"x", {1: 2}, {None: 1}, {1, 2}, object(), 1j,
        np.float64(1), np.int64(1), np.zeros(2), Colour.RED, "\ud800", {"\udfff": 1},
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_values_are_refused_by_path_and_not_shown(value):
    with pytest.raises(InvalidInput, match=r"payload\.here\[1\]") as caught:
        canonical({"here": [0, value]})
    assert "b'x'" not in str(caught.value)


def test_deep_nesting_is_refused():
    value: list = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(InvalidInput, match="nested"):
        canonical(value)
    with pytest.raises(InvalidInput):
        parse("[" * 5000 + "]" * 5000)


@pytest.mark.parametrize(
    "text", ['{"a": 1}', '{"b":1,"a":2}', '{"a":1,"a":1}', "NaN", "1.00", '"é"', "", '{"a":1}\n']
)
def test_text_that_is_not_canonical_is_refused(text):
    with pytest.raises(InvalidInput):
        parse(text)


def test_commitment_by_hand():
    body = b"\0\0\0\x1aprivet ledger commitment 1\0\0\0\x02ss\0\0\0\x01p"
    assert commitment(b"ss", b"p") == hashlib.sha256(body).digest()
    assert commitment(b"s", b"sp") != commitment(b"ss", b"p")


def test_framing_by_hand():
    assert framed(b"d", 1, "é", b"") == (
        b"\0\0\0\x01d\0\0\0\x08\0\0\0\0\0\0\0\x01\0\0\0\x02\xc3\xa9\0\0\0\0"
    )


def test_keyed_hash_by_hand_and_by_chunks():
    key = bytes(range(32))
    prefix = framed(b"privet ledger keyed hash 1")
    assert keyed_hash(key, [b"ab", b"c"]) == keyed_hash(key, [b"abc"])
    assert keyed_hash(key, [b"abc"]) == hmac.new(key, prefix + b"abc", "sha256").hexdigest()
    assert keyed_hash(bytes(32), [b"abc"]) != keyed_hash(key, [b"abc"])
    with pytest.raises(InvalidInput, match="32 bytes"):
        keyed_hash(b"short", [b"abc"])
