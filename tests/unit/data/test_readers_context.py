"""What a reader's error carries along: no cell, not even where only a debugger looks."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb
import pytest

from privet.data.readers import open_source
from privet.errors import DataError, PrivetError


def carried(error: BaseException | None) -> str:
    """Everything that hangs on an error, as text."""
    parts = []
    while error is not None:
        parts.append(repr(error) + repr(vars(error)) + str(error))
        error = error.__context__ or error.__cause__
    return "\n".join(parts)


@pytest.mark.parametrize(
    "content",
    [b"a,b\n1,2\n3,4,ALICEHIV\n", b'a,b\n1,"ALICEHIV\n', b"a,b\n1,\xff\xfeALICEHIV\n"],
    ids=["ragged", "unclosed quote", "no UTF-8"],
)
def test_a_malformed_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        list(open_source(path).batches())
    assert "ALICEHIV" not in carried(caught.value)


def test_a_sqlite_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(DataError, match="no such SQLite file"):
        open_source(f"sqlite:///{path}", table="t")
    assert not path.exists()


def test_a_wide_file_is_read_in_seconds(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    line = ",".join(f"{i / 7:.3f}" for i in range(300))
    path.write_text("\n".join([",".join(f"f{i}" for i in range(300)), *[line] * 60]) + "\n")
    started = time.process_time()
    (batch,) = open_source(path).batches()
    # It took minutes once; the bound is wide, so that a slow machine passes.
    assert time.process_time() - started < 30
    assert len(batch) == 300 and batch["f7"].tolist() == [1.0] * 60


def test_a_query_that_fails_on_a_cell(tmp_path: Path) -> None:
    path = tmp_path / "d.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE t AS SELECT 'ALICEHIV' AS a")
    with pytest.raises(PrivetError) as caught:
        list(open_source(path, query="SELECT CAST(a AS DOUBLE) AS a FROM t").batches())
    assert "ALICEHIV" not in carried(caught.value)
