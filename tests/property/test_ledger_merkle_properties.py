"""Proofs of trees of any size: right ones are accepted, any changed bit is refused."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from privet.govern.ledger import merkle

LEAVES = [number.to_bytes(4, "big") for number in range(70)]


def reference(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if len(leaves) <= 1:
        return hashlib.sha256(b"\0" + leaves[0] if leaves else b"").digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + reference(leaves[:k]) + reference(leaves[k:])).digest()


def node(level: int, index: int) -> bytes:
    return reference(LEAVES[index << level : (index + 1) << level])


def flipped(raw: bytes, bit: int) -> bytes:
    bit %= 8 * len(raw)
    changed = bytearray(raw)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


sizes = st.integers(1, len(LEAVES))


@given(sizes)
def test_growing_gives_the_root_and_every_complete_subtree(size):
    peaks: merkle.Peaks = ()
    for number in range(size):
        leaf = merkle.leaf_hash(LEAVES[number])
        peaks, done = merkle.grow(peaks, number, leaf)
        for level, found in enumerate(done, 1):
            assert found == node(level, ((number + 1) >> level) - 1)
        assert 1 << len(done) == (number + 1) & -(number + 1)
    assert merkle.root_of(peaks) == reference(LEAVES[:size])
    assert peaks == tuple(node(*name) for name in merkle.peak_names(size))


@given(st.data(), sizes, st.integers(0, 2**16))
def test_inclusion(data, size, bit):
    index = data.draw(st.integers(0, size - 1))
    root, leaf = reference(LEAVES[:size]), merkle.leaf_hash(LEAVES[index])
    proof = merkle.inclusion(node, index, size)
    assert merkle.verify_inclusion(leaf, index, size, proof, root)
    assert len(proof) <= size.bit_length()
    assert not merkle.verify_inclusion(flipped(leaf, bit), index, size, proof, root)
    assert not merkle.verify_inclusion(leaf, index, size, proof, flipped(root, bit))
    assert not merkle.verify_inclusion(leaf, index, size, [*proof, root], root)
    for at in range(len(proof)):
        bad = [*proof[:at], flipped(proof[at], bit), *proof[at + 1 :]]
        assert not merkle.verify_inclusion(leaf, index, size, bad, root)
        assert not merkle.verify_inclusion(leaf, index, size, proof[:at], root)
    other = data.draw(st.integers(0, size - 1))
    assert merkle.verify_inclusion(leaf, other, size, proof, root) == (other == index)


@given(st.data(), sizes, st.integers(0, 2**16))
def test_consistency(data, new, bit):
    old = data.draw(st.integers(1, new))
    first, second = reference(LEAVES[:old]), reference(LEAVES[:new])
    proof = merkle.consistency(node, old, new)
    assert merkle.verify_consistency(old, new, first, second, proof)
    assert not merkle.verify_consistency(old, new, flipped(first, bit), second, proof)
    assert not merkle.verify_consistency(old, new, first, flipped(second, bit), proof)
    assert not merkle.verify_consistency(old, new, first, second, [*proof, second])
    for at in range(len(proof)):
        bad = [*proof[:at], flipped(proof[at], bit), *proof[at + 1 :]]
        assert not merkle.verify_consistency(old, new, first, second, bad)
        assert not merkle.verify_consistency(old, new, first, second, proof[:at])
