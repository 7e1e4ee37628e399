"""Golden vectors of certificate transparency (merkletree tests of its reference code)."""

from __future__ import annotations

import pytest

from privet.errors import InvalidInput
from privet.govern.ledger import merkle

LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
A = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
B = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
C = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
D = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
E = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
F = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
INCLUSION = [
    (0, 8, [A, B, C]),
    (5, 8, [D, E, ROOTS[3]]),
    (2, 3, [ROOTS[1]]),
    (1, 5, [ROOTS[0], B, D]),
    (0, 1, []),
]
CONSISTENCY = [
    (1, 1, []),
    (1, 8, [A, B, C]),
    (6, 8, [F, E, ROOTS[3]]),
    (2, 5, [B, D]),
]


def node(level: int, index: int) -> bytes:
    return merkle.root(LEAVES[index << level : (index + 1) << level])


def test_roots():
    assert [merkle.root(LEAVES[: n + 1]).hex() for n in range(8)] == ROOTS
    assert merkle.root([]).hex() == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


@pytest.mark.parametrize(("index", "size", "path"), INCLUSION)
def test_inclusion_proofs(index, size, path):
    proof = merkle.inclusion(node, index, size)
    assert [item.hex() for item in proof] == path
    leaf, root = merkle.leaf_hash(LEAVES[index]), merkle.root(LEAVES[:size])
    assert merkle.verify_inclusion(leaf, index, size, proof, root)


@pytest.mark.parametrize(("old", "new", "path"), CONSISTENCY)
def test_consistency_proofs(old, new, path):
    proof = merkle.consistency(node, old, new)
    assert [item.hex() for item in proof] == path
    roots = merkle.root(LEAVES[:old]), merkle.root(LEAVES[:new])
    assert merkle.verify_consistency(old, new, *roots, proof)


def test_places_outside_the_tree_are_refused():
    for call in (
        lambda: merkle.inclusion(node, 8, 8),
        lambda: merkle.inclusion(node, -1, 8),
        lambda: merkle.consistency(node, 0, 8),
        lambda: merkle.consistency(node, 9, 8),
    ):
        with pytest.raises(InvalidInput):
            call()
    assert not merkle.verify_inclusion(b"", 8, 8, [], b"")
    assert not merkle.verify_consistency(0, 8, b"", b"", [])
    assert not merkle.verify_consistency(3, 8, b"", b"", [])
