"""CSV and TSV: layout, meaning of a cell, malformed files, memory."""

from __future__ import annotations

import csv
import gzip
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privet.data.readers import MARKS, open_source
from privet.data.values import Array, label
from privet.errors import DataError


def _read(path: Path, text: str | bytes, size: int = 65_536) -> list[dict[str, Array]]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(open_source(path).batches(size=size))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


def _one(file: Path, *cells: str) -> Array:
    (batch,) = _read(file, "a,b\n" + "".join(f"{cell},x\n" for cell in cells))
    return batch["a"]


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (("1", "-2", " 3 "), np.array([1, -2, 3])),
        (("1", "2.5", "-.5"), np.array([1.0, 2.5, -0.5])),
        (("1", "", "NA"), np.array([1.0, np.nan, np.nan])),
        (("1e-05", "2.5E3", "inf", "-inf"), np.array([1e-5, 2500.0, np.inf, -np.inf])),
        (("true", "False", "TRUE"), np.array([True, False, True])),
        (("true", "", "false"), np.array([True, None, False], dtype=object)),
        (("9223372036854775807",), np.array([2**63 - 1])),
        (("007", "12"), np.array(["007", 12], dtype=object)),
        (("+49301234", "1e5", "1_000", "1,5"[:1] + "x", "0x10"),
         np.array(["+49301234", "1e5", "1_000", "1x", "0x10"], dtype=object)),
        (("9223372036854775808", "1" * 40), np.array([2**63, int("1" * 40)], object)),
        ((str(-(10**20)), "1", "", "1.5", "x"), np.array([-(10**20), 1, None, 1.5, "x"], object)),
        (("9" * 4300,), np.array([10**4300 - 1], object)),
        (("9" * 4301, "-0"), np.array(["9" * 4301, 0], object)),
        (("?", "n/a", "None", "-"), np.array(["?", "n/a", "None", "-"], dtype=object)),
        (("2020-01-31", "31.1.2020"), np.array(["2020-01-31", "31.1.2020"], dtype=object)),
        (("1.0e999", "-1e+400", "1e-400"), np.array([np.inf, -np.inf, 0.0])),
    ],
)
def test_what_a_cell_means(file: Path, cells: tuple[str, ...], wanted: Array) -> None:
    found = _one(file, *cells)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)
    if wanted.dtype == object:
        assert list(map(type, found)) == list(map(type, wanted))


@pytest.mark.parametrize("mark", [*sorted(MARKS), " NA ", '""', '"NaN"', "   "])
def test_every_mark_of_a_missing_value_quoted_or_not(file: Path, mark: str) -> None:
    assert np.isnan(_one(file, mark)).all()
    assert _one(file, mark, "word").tolist() == [None, "word"]
    assert _one(file, mark, "4").tolist()[1] == 4.0


def test_marks_are_missing_in_typed_sources_too_and_a_question_mark_in_none() -> None:
    (batch,) = open_source({"a": np.array(["NA", "?", " ", None], dtype=object)}).batches()
    assert batch["a"].tolist() == [None, "?", None, None]


@pytest.mark.parametrize(("sign", "name"), [(",", "w.csv"), ("\t", "w.tsv"), (";", "w.csv")])
@pytest.mark.parametrize(("line", "count"), [
    (["1", "2", "3", "4", "5", "6", "7"], 7), (["1", "2"], 2), (["1"], 1), (["1"] * 9, 9),
    (['"a,;\tb"', '"say ""so,;\t"""', "2", "3"], 4), (['"two\nlines,;\t"', "2", "3", "4"], 4),
])
def test_a_line_of_another_width_is_told_with_its_own_number_of_cells(
    tmp_path: Path, sign: str, name: str, line: list[str], count: int
) -> None:
    path = tmp_path / name
    path.write_text(f"a{sign}b{sign}c\n1{sign}2{sign}3\n{sign.join(line)}\n")
    with pytest.raises(DataError, match="another number of cells") as caught:
        list(open_source(path).batches())
    assert (caught.value.value, caught.value.bound) == (count, "3 cells")


@pytest.mark.parametrize("odd", ["abc", "007", "true", "", "0.5", "1" * 30, '"a,b"', "?"])
@pytest.mark.parametrize("cells", [("1.50", "1.0", "3"), ("9007199254740993", "7"), ("True", "1")])
def test_one_row_never_changes_how_the_others_are_read(
    file: Path, cells: tuple[str, ...], odd: str
) -> None:
    alone = [label(value) for value in _one(file, *cells)]
    beside = [label(value) for value in _one(file, *cells, odd)]
    assert beside[: len(cells)] == alone


def test_a_late_row_of_another_type_raises_nothing(file: Path) -> None:
    lines = ["a,b"] + [f"{i},x" for i in range(50_000)] + ["late,x"]
    batches = _read(file, "\n".join(lines), size=20_000)
    assert [batch["a"].dtype for batch in batches] == [np.int64, np.int64, np.object_]
    assert batches[2]["a"].tolist()[-2:] == [49_999, "late"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b\nx,y\n", ("a", "b")),
        ("a;b,c;d\n1;2;3\n", ("a", "b,c", "d")),
        ("a\tb\n1\t2\n", ("a", "b")),
        ("a|b\n1|2\n", ("a", "b")),
        ('"a,1";"b"\n1;2\n', ("a,1", "b")),
        ("\ufeffa,b\n1,2\n", ("a", "b")),
        (",a\n0,1\n", ("column0", "a")),
        (" a , b \n1,2\n", ("a", "b")),
        ('"a ""q""","l1\nl2"\n1,2\n', ('a "q"', "l1\nl2")),
        ("a,A\n1,2\n", ("a", "A")),
        ("a\r\n1\r\n", ("a",)),
        ("3,x\n4,y\n", ("column0", "column1")),
    ],
)
def test_names_and_separator_from_the_first_line(
    file: Path, text: str, names: tuple[str, ...]
) -> None:
    (batch,) = _read(file, text)
    assert tuple(batch) == names
    assert {len(values) for values in batch.values()} == {2 if text[0] == "3" else 1}


def test_without_a_header_no_row_is_lost_and_the_source_says_so(file: Path) -> None:
    (batch,) = _read(file, "3,x\n4,y\n")
    assert batch["column0"].tolist() == [3, 4]
    assert "without a header" in open_source(file).describe


def test_a_header_alone_has_columns_and_no_rows(file: Path) -> None:
    assert _read(file, "a,b\n") == []
    assert open_source(file).columns == ("a", "b")


def test_blank_lines(file: Path) -> None:
    (wide,) = _read(file, "a,b\n1,2\n\n3,4\n")
    assert wide["a"].tolist() == [1, 3]
    (narrow,) = _read(file, "a\n1\n\n3\n")
    np.testing.assert_array_equal(narrow["a"], [1.0, np.nan, 3.0])


@pytest.mark.parametrize("width", [1, 2, 301])
def test_every_cell_of_a_wide_file_is_found_in_its_row_and_column(file: Path, width: int) -> None:
    rows = 5_000 if width == 301 else 200_000  # enough for several threads and batches
    kinds = ("{}", "{}.5", "word {}", "", "true")
    lines = [",".join(kinds[(i + j) % 5].format(i * width + j) for j in range(width))
             for i in range(rows)]
    file.write_text("\n".join([",".join(f"c{j}" for j in range(width)), *lines]))
    asked = [f"c{j}" for j in sorted({0, width // 2, width - 1})]
    found = list(open_source(file).batches(asked, size=1_999))
    assert {len(batch[asked[0]]) for batch in found[:-1]} == {1_999}
    for name in asked:
        cells = [label(value) for batch in found for value in batch[name]]
        j = int(name[1:])
        assert cells == [kinds[(i + j) % 5].format(i * width + j) or None for i in range(rows)]


def test_memory_stays_small_over_a_file_of_a_thousand_columns(file: Path) -> None:
    header = ",".join(f"n{i}" for i in range(1_000))
    lines = [",".join(f"{i}.{j}" for j in range(1_000)) for i in range(100)]
    file.write_text("\n".join([header, *lines]))
    assert _peak(file)[2] < 300  # in MB; an expression for every column takes over 1,000


def _peak(file: Path) -> tuple[float, float, float]:
    """Rows, rise of the peak in MB after the first batch, and the peak, in a process of its own."""
    script = (
        "import sys\n"
        "from privet.data.readers import open_source\n"
        # Not getrusage: its peak begins with that of the process which started this one.
        "status = lambda: dict(line.split(':') for line in open('/proc/self/status'))\n"
        "peak = lambda: int(status()['VmHWM'].split()[0]) / 1024\n"
        "source = open_source(sys.argv[1])\n"
        "next(iter(source.batches()))\n"
        "start = peak()\n"
        "rows = sum(len(batch[source.columns[0]]) for batch in source.batches())\n"
        "print(rows, peak() - start, peak())\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True,
                          text=True, check=True)
    rows, rise, peak = map(float, done.stdout.split())
    return rows, rise, peak


SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"a,b\n1,2\n{SECRET},2,3\n", ("line 3", "number of cells", "3", "expected 2")),
        (f"a,b\n1,2\n{SECRET}\n", ("line 3", "number of cells")),
        (b"a,b\n1,2\n" + SECRET.encode() + b",\xff\n", ("line 3", "UTF-8", "iconv")),
        (f'a,b\n1,2\n1,"{SECRET}\n', ("line 3", "quote")),
        ("a,b,a\n1,2,3\n", ("taken for the header", "two columns", "columns 1 and 3", "rename")),
        (f"{SECRET},{SECRET}\nx,y\n", ("taken for the header", "columns 1 and 2")),
        ("\n\n", ("empty",)),
        ("\na,b\n1,2\n", ("blank",)),
        ("a,b\n1,2\n".encode("utf-16"), ("UTF-8", "UTF-16")),
        ("a,b\n1," + SECRET * 500_000 + "\n", ("line 2", "longer")),
    ],
)
def test_malformed_files_say_where_and_show_no_cell(
    file: Path, content: str | bytes, words: tuple[str, ...]
) -> None:
    with pytest.raises(DataError) as caught:
        _read(file, content)
    for word in words:
        assert word in str(caught.value)
    assert SECRET not in str(caught.value)
    # DuckDB's own message quotes the line, so it must not hang on to ours.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_bad_bytes_far_behind_the_head_are_named(file: Path) -> None:
    lines = b"a,b\n" + b"1,xxxxxxxxxxxxxxxxxxxx\n" * 100_000 + b"1,\xff\n"
    with pytest.raises(DataError, match=r"line 100002 .*UTF-8"):
        _read(file, lines)


@pytest.mark.parametrize("cell", ["\0", "\x001", "1\0", "NA\0", f'"{SECRET}\0"'])
def test_nul_bytes_are_refused_wherever_they_stand(file: Path, cell: str) -> None:
    rows = b"1,xxxxxxxxxxxxxxxxxxxx\n" * 100_000  # more than the part that is read beforehand
    for content in (f"a\0,b\n1,{cell}\n".encode(), f"a,b\n1,{cell}\n".encode(),
                    b"a,b\n" + rows + f"2,{cell}\n".encode() + rows):
        with pytest.raises(DataError, match=r"'rows.csv' holds a NUL byte") as caught:
            _read(file, content)
        assert SECRET not in str(caught.value) and "tr -d '\\000'" in str(caught.value)
    with pytest.raises(DataError, match=r"NUL.*\n.*UTF-16"):
        _read(file, "a,b\n1,2\n".encode("utf-16-le"))


def test_a_torn_gzip_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    text = "a,b\n" + "".join(f"{i * 7919 % 10_007},{i}\n" for i in range(50_000))
    path.write_bytes(gzip.compress(text.encode())[:-2_000])
    with pytest.raises(DataError):
        list(open_source(path).batches())
    path.write_bytes(b"not gzip at all")
    with pytest.raises(DataError, match="cannot read"):
        open_source(path)


def test_names_that_mean_something_to_sql_or_to_globbing(tmp_path: Path) -> None:
    path = tmp_path / "a[1]*'?;x=1.csv"
    (batch,) = _read(path, "select,\"drop \"\"t\"\"\",c0\n1,2,3\n")
    assert {name: values.tolist() for name, values in batch.items()} == {
        "select": [1], 'drop "t"': [2], "c0": [3]
    }
    (tmp_path / "a1zz'y;x=1.csv").write_text("a\n9\n")
    assert len(next(iter(open_source(path).batches()))["select"]) == 1


_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from('",;\t\n\'|'),
                max_size=8)
_CELL = (
    _TEXT
    | st.integers(-(2**70), 2**70).map(str)
    | st.floats().map(repr)
    | st.sampled_from(["", "NA", "?", "00", "-0", "1.", ".5", "True", "1e3", "é", "\N{SNOWMAN}",
                       "1" * 20, "-1.e+400"])
)


def _plainly(cell: str) -> Any:
    """The documented meaning of a cell, written again without SQL."""
    import re

    bare = cell.strip(" \t")
    if bare in MARKS or not cell.strip():
        return None
    if bare in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return bare.lower() == "true"
    if re.fullmatch(r"-?(0|[1-9][0-9]*)", bare):
        return int(bare)
    decimal = r"-?((0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
    signed = r"-?(0|[1-9][0-9]*)[eE][+-][0-9]+"
    if re.fullmatch(f"{decimal}|{signed}", bare, re.ASCII):
        return float(bare)
    if bare in ("inf", "-inf"):
        return float(bare)
    return cell


@settings(max_examples=30, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(_CELL, _CELL), min_size=1, max_size=12), st.integers(1, 5),
       st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_what_the_csv_module_writes_is_read_cell_by_cell(
    tmp_path: Path, rows: list[tuple[str, str]], size: int, ending: str, quoting: Any
) -> None:
    file = tmp_path / "rows.csv"
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=ending, quoting=quoting)
    writer.writerow(["a", "b"])
    writer.writerows(rows)
    batches = _read(file, buffer.getvalue(), size=size)
    for place, name in enumerate(("a", "b")):
        found = [label(value) for batch in batches for value in batch[name]]
        assert found == [label(_plainly(row[place])) for row in rows]


@pytest.mark.slow
def test_memory_stays_small_over_a_file_of_300_megabytes(tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    with open(file, "w") as out:
        out.write("id,value,word,flag\n")
        lines = [f"{i},{i / 7:.6f},word number {i % 97} and more,true\n" for i in range(9_999)]
        block = "".join(lines)
        blocks = int(300e6 / len(block))
        for _ in range(blocks):
            out.write(block)
    rows, rise, peak = _peak(file)
    assert rows == 9_999 * blocks
    # Held whole, its cells take over a gigabyte as Python objects.
    assert rise < 200
    assert peak < 500
