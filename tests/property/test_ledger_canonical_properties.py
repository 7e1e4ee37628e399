"""One value, one encoding."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from privet.govern.ledger.canonical import canonical, framed, parse

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    plain | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_encoding_is_read_back_exactly_and_is_its_own_encoding(value):
    raw = canonical(value)
    assert parse(raw) == value
    assert canonical(parse(raw)) == raw
    assert json.loads(raw) == value
    assert raw.isascii()


@given(st.dictionaries(text, plain, max_size=6), st.randoms(use_true_random=False))
def test_order_of_keys_does_not_count(value, random):
    keys = list(value)
    random.shuffle(keys)
    assert canonical({key: value[key] for key in keys}) == canonical(value)


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_framing_is_injective(first, second):
    assert (framed(b"d", *first) == framed(b"d", *second)) == (first == second)
