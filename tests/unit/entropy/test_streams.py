"""Streams: the bytes do not depend on how reads are cut, and no two streams share them."""

from __future__ import annotations

import copy
import os
import pickle
import threading

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from privet.entropy import Stream, reproducible_stream, secret_stream
from privet.entropy.streams import _derive
from privet.errors import InvalidInput, Refused


def test_reads_cut_anyhow_give_the_same_bytes() -> None:
    whole = reproducible_stream(1).read(500_000)
    stream = reproducible_stream(1)
    cut = [stream.read(n) for n in (0, 1, 7, 4000, 96, 5000, 3, 200_000)]
    cut.append(stream.words(1000).astype("<u8").tobytes())
    cut.append(stream.words(3).astype("<u8").tobytes())
    joined = b"".join(cut)
    assert joined == whole[: len(joined)]


def test_bytes_are_the_key_stream_of_aes_256_ctr() -> None:
    key = bytes(range(32))
    cipher = Cipher(algorithms.AES(_derive(key, b"stream")), modes.CTR(bytes(16))).encryptor()
    assert Stream(key, secret=False).read(10_000) == cipher.update(bytes(10_000))


def test_golden_bytes_of_a_reproducible_stream() -> None:
    # A changed derivation would silently change every seeded experiment.
    assert reproducible_stream(7, "golden").read(16).hex() == "5312cd0daf9a3caaf0dcb98a60348458"


def test_secret_streams_never_coincide() -> None:
    first, second = secret_stream("noise"), secret_stream("noise")
    assert first.secret and second.secret
    assert first.read(32) != second.read(32)


def test_seed_and_label_both_separate_reproducible_streams() -> None:
    drawn = {reproducible_stream(s, label).read(32) for s in (0, 1, 2**70) for label in ("", "a")}
    assert len(drawn) == 6
    assert not reproducible_stream(0).secret
    with pytest.raises(InvalidInput):
        reproducible_stream(-1)


def test_children_differ_from_one_another_and_their_parent() -> None:
    parent = reproducible_stream(3)
    streams = [parent.child("a"), parent.child("a"), parent.child("b"), parent.child("a").child("")]
    drawn = {stream.read(32) for stream in (parent, *streams)}
    assert len(drawn) == 5
    assert not any(stream.secret for stream in streams)
    assert secret_stream("x").child("y").secret


def test_children_do_not_depend_on_what_the_parent_read() -> None:
    first, second = reproducible_stream(3), reproducible_stream(3)
    first.read(1000)
    assert first.child("a").read(32) == second.child("a").read(32)


@pytest.mark.parametrize("act", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_stream_cannot_be_duplicated(act) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Refused, match="copied"):
        act(secret_stream("x"))


def test_repr_shows_no_key() -> None:
    stream = Stream(b"k" * 32, secret=True)
    assert "kkkk" not in repr(stream) and b"k".hex() * 4 not in repr(stream)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*")
def test_a_forked_child_is_refused() -> None:
    stream = secret_stream("x")
    stream.read(1)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        outcomes = b""
        for use in (lambda: stream.read(1), lambda: stream.words(9999), lambda: stream.child("a")):
            try:
                use()
                outcomes += b"!"
            except Refused:
                outcomes += b"r"
        os.write(writer, outcomes)
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 10) == b"rrr"
    os.close(reader)
    os.close(writer)
    assert len(stream.read(8)) == 8


def test_threads_never_share_bytes() -> None:
    stream, drawn = secret_stream("x"), []

    def work() -> None:
        drawn.extend(stream.words(1).item() for _ in range(500))
        drawn.extend(stream.words(2000).tolist())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(drawn)) == len(drawn) == 10_000


@pytest.mark.parametrize("bound", [1, 2, 7, 2**32 + 1, 2**63])
def test_below_stays_below(bound: int) -> None:
    drawn = reproducible_stream(4).below(bound, 1000)
    assert drawn.dtype == np.int64 and drawn.shape == (1000,)
    assert drawn.min() >= 0 and int(drawn.max()) < bound


def test_below_rejects_the_incomplete_last_run() -> None:
    # 3 * 2**62 words would fold unevenly: without rejection, the first third is twice as likely.
    bound = 3 * 2**61
    drawn = reproducible_stream(4).below(bound, 20_000)
    assert abs(np.mean(drawn < bound // 3) - 1 / 3) < 0.02


@pytest.mark.parametrize("bound", [0, -1, 2**63 + 1])
def test_below_refuses_other_bounds(bound: int) -> None:
    with pytest.raises(InvalidInput):
        reproducible_stream(0).below(bound, 1)


@pytest.mark.parametrize("n", [0, 1, 2, 1000])
def test_permutation_holds_each_index_once(n: int) -> None:
    assert np.array_equal(np.sort(reproducible_stream(5).permutation(n)), np.arange(n))


def test_counts_are_checked() -> None:
    for use in (Stream.read, Stream.words, Stream.permutation):
        with pytest.raises(InvalidInput):
            use(reproducible_stream(0), -1)
    with pytest.raises(InvalidInput):
        Stream(b"short", secret=True)
