"""AES-256-CTR key streams, separated by label, bound to one process.

A stream's key K is never used directly: the key stream is AES-256-CTR under
HKDF-Expand(K, "stream"), and the n-th child asked for under a label has the key
HKDF-Expand(K, "child", label, n) (RFC 5869, SHA-256). So neither a stream's output nor the
order of reads tells anything about its children, and two children never coincide.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, NoReturn, cast

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from numpy.typing import NDArray

from privet.errors import InvalidInput, Refused, whole

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

KEY_BYTES = 32
_BUFFER_BYTES = 4096
_ZEROS = bytes(1 << 16)
_NONCE = bytes(16)


class Stream:
    """A stream of uniform random bytes; reads never overlap, also from several threads.

    Make one with `secret_stream` or `reproducible_stream`. The bytes depend only on the key and
    on how many were read before, not on how the reads were cut.

    Formal guarantees:
        - Under the assumption that AES-256 is a pseudorandom permutation and HMAC-SHA-256 a
          pseudorandom function, and if `secret` is True, no efficient observer of any number of
          outputs tells them from uniform bytes, nor children of one stream from independent
          streams. Statements of exact distributions elsewhere hold given uniform bytes.
        - In a forked child every read raises `Refused`, so that no two processes use the same
          noise. A stream cannot be pickled or copied for the same reason.
        - Not claimed: the key is erased from memory, or reads take constant time.

    Attributes:
        secret: True if the key came from the operating system.
    """

    __slots__ = ("_buffer", "_children", "_cipher", "_key", "_lock", "_pid", "secret")

    def __init__(self, key: bytes, *, secret: bool) -> None:
        if len(key) != KEY_BYTES:
            raise InvalidInput("a stream's key has the wrong length", bound=f"{KEY_BYTES} bytes")
        self.secret = secret
        self._key = key
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._children: dict[str, int] = {}
        self._buffer = memoryview(b"")
        self._cipher = Cipher(
            algorithms.AES(_derive(key, b"stream")), modes.CTR(_NONCE)
        ).encryptor()

    def read(self, n: int) -> bytes:
        """The next n bytes.

        Raises:
            Refused: this process is a fork of the one that made the stream.
        """
        n = whole(least=0, n=n)
        with self._lock:
            self._check_process()
            if n <= len(self._buffer):
                return self._take(n)
            if n < _BUFFER_BYTES:
                head = self._take(len(self._buffer))
                self._buffer = memoryview(self._cipher.update(_ZEROS[:_BUFFER_BYTES]))
                return head + self._take(n - len(head))
        out = np.empty(n, np.uint8)
        self.fill(out)
        return out.tobytes()

    def fill(self, out: NDArray[Any]) -> None:
        """Overwrite a writable contiguous array of any integer type with the next bytes."""
        target = memoryview(cast("Buffer", out)).cast("B")
        n = len(target)
        with self._lock:
            self._check_process()
            start = min(n, len(self._buffer))
            target[:start] = self._take(start)
            while start < n:
                stop = min(n, start + len(_ZEROS))
                self._cipher.update_into(memoryview(_ZEROS)[: stop - start], target[start:stop])
                start = stop

    def words(self, count: int) -> NDArray[np.uint64]:
        """The next 8 * count bytes as little-endian words: shape (count,), writable."""
        count = whole(least=0, count=count)
        if 8 * count < _BUFFER_BYTES:
            return np.frombuffer(self.read(8 * count), "<u8").astype(np.uint64)
        out = np.empty(count, "<u8")
        self.fill(out)
        return out.astype(np.uint64, copy=False)

    def below(self, bound: int, count: int) -> NDArray[np.int64]:
        """`count` independent integers, exactly uniform in [0, bound), by rejection.

        Raises:
            InvalidInput: bound is not in 1..2**63.
        """
        bound, count = whole(bound=bound), whole(least=0, count=count)
        if bound > 2**63:
            raise InvalidInput("bound does not fit 63 bits", value=bound, bound="<= 2**63")
        # Words from `limit` on would make small residues likelier, so they are thrown away.
        largest = np.uint64(2**64 - 2**64 % bound - 1)
        parts: list[NDArray[np.int64]] = []
        missing = count
        while missing:
            drawn = self.words(missing)
            drawn = drawn[drawn <= largest]
            parts.append((drawn % np.uint64(bound)).astype(np.int64))
            missing -= len(drawn)
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def permutation(self, n: int) -> NDArray[np.int64]:
        """An exactly uniform permutation of 0..n-1.

        Sorting by random words is uniform given that the words are distinct; a draw with equal
        words is thrown away whole.
        """
        n = whole(least=0, n=n)
        while True:
            keys = self.words(n)
            order = np.argsort(keys, kind="stable")
            ranked = keys[order]
            if not np.any(ranked[1:] == ranked[:-1]):
                return order.astype(np.int64, copy=False)

    def child(self, label: str) -> Stream:
        """A new stream, independent of this one and of every other child.

        The n-th call with a label gives the n-th child of that label, so asking twice never
        gives the same noise twice; a reproducible parent gives reproducible children.
        """
        with self._lock:
            self._check_process()
            index = self._children.get(label, 0)
            self._children[label] = index + 1
        name = label.encode()
        info = b"child" + len(name).to_bytes(8, "little") + name + index.to_bytes(8, "little")
        return Stream(_derive(self._key, info), secret=self.secret)

    def _take(self, n: int) -> bytes:
        head = bytes(self._buffer[:n])
        self._buffer = self._buffer[n:]
        return head

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise Refused(
                "a random stream was carried into a forked process, which would repeat its noise",
                remedy='stream = privet.entropy.secret_stream("label")  # in the new process',
            )

    def _no_copy(self, *_: Any) -> NoReturn:
        raise Refused(
            "a random stream cannot be pickled or copied, since both copies would give one noise",
            remedy='stream.child("label")',
        )

    __copy__ = __deepcopy__ = __reduce__ = __reduce_ex__ = __getstate__ = _no_copy

    def __repr__(self) -> str:
        return f"<Stream {'secret' if self.secret else 'reproducible: no privacy'}>"


def secret_stream(label: str) -> Stream:
    """A stream with a fresh key from the operating system; two calls never coincide.

    Args:
        label: what the stream is for; separates uses even of one key.
    """
    return Stream(_derive(os.urandom(KEY_BYTES), b"root" + label.encode()), secret=True)


def reproducible_stream(seed: int, label: str = "") -> Stream:
    """The same stream for the same seed and label: for tests and simulations only.

    Nothing fed from it is private against a person who knows the seed; `secret` is False.
    """
    seed = whole(least=0, seed=seed)
    material = seed.to_bytes(max(8, (seed.bit_length() + 7) // 8), "little")
    info = b"privet reproducible" + label.encode()
    key = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(material)
    return Stream(key, secret=False)


def _derive(key: bytes, info: bytes) -> bytes:
    return HKDFExpand(
        algorithm=SHA256(), length=KEY_BYTES, info=b"privet entropy 1 " + info
    ).derive(key)
