"""Merkle trees of RFC 6962 (section 2.1), with the verification of RFC 9162 (section 2.1).

A tree of n leaves is kept as its peaks: the roots of the complete subtrees of sizes given by
the binary digits of n, largest first. Appending one leaf completes as many subtrees as n + 1
has trailing zeros; their hashes are stored once and never change, so proofs read O(log n).

A node is named by `(level, index)`: level 0 are leaf hashes, and node (l, i) is the root over
the leaves i * 2^l up to (i + 1) * 2^l - 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from privet.errors import InvalidInput

Peaks = tuple[bytes, ...]
Node = Callable[[int, int], bytes]
EMPTY = hashlib.sha256().digest()


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def grow(peaks: Peaks, size: int, leaf: bytes) -> tuple[Peaks, list[bytes]]:
    """Append a leaf hash to a tree of `size` leaves.

    Returns:
        the new peaks, and the completed subtrees' hashes at levels 1, 2, ...
    """
    rest, node, done = list(peaks), leaf, []
    while size & 1:
        node = node_hash(rest.pop(), node)
        done.append(node)
        size >>= 1
    return (*rest, node), done


def root_of(peaks: Peaks) -> bytes:
    """The tree's root from its peaks."""
    if not peaks:
        return EMPTY
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def peak_names(size: int) -> list[tuple[int, int]]:
    """(level, index) of the peaks of a tree of `size` leaves, largest first."""
    names, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            names.append((level, start >> level))
            start += 1 << level
    return names


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf data (not hashes), from nothing."""
    peaks: Peaks = ()
    for size, data in enumerate(leaves):
        peaks, _ = grow(peaks, size, leaf_hash(data))
    return root_of(peaks)


def inclusion(node: Node, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962, 2.1.1, from the bottom up.

    Raises:
        InvalidInput: the index is not in the tree.
    """
    if not 0 <= index < size:
        raise InvalidInput("no such leaf", value=index, bound=f"0 <= index < {size}")
    path, start, stop = [], 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(_span(node, middle, stop))
            stop = middle
        else:
            path.append(_span(node, start, middle))
            start = middle
    return path[::-1]


def consistency(node: Node, old: int, new: int) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 6962, 2.1.2.

    Raises:
        InvalidInput: unless 0 < old <= new.
    """
    if not 0 < old <= new:
        raise InvalidInput("no such tree", value=old, bound=f"0 < old <= {new}")
    path, start, stop, whole = [], 0, new, True
    while stop > old:
        middle = start + _split(stop - start)
        if old <= middle:
            path.append(_span(node, middle, stop))
            stop = middle
        else:
            path.append(_span(node, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(_span(node, start, stop))
    return path[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """RFC 9162, 2.1.3.2: does the leaf hash stand at `index` under this root?"""
    if not 0 <= index < size:
        return False
    position, last, found = index, size - 1, leaf
    for item in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            found = node_hash(item, found)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            found = node_hash(found, item)
        position, last = position >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """RFC 9162, 2.1.4.2: is the tree of `old` leaves a prefix of the tree of `new` leaves?"""
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = path[0]
    for item in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            first, second = node_hash(item, first), node_hash(item, second)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            second = node_hash(second, item)
        position, last = position >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _split(count: int) -> int:
    """The largest power of two below count."""
    return 1 << ((count - 1).bit_length() - 1)


def _span(node: Node, start: int, stop: int) -> bytes:
    """The root over leaves start..stop-1, where start is a multiple of a large enough power."""
    count = stop - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(count)
    return node_hash(_span(node, start, middle), _span(node, middle, stop))
