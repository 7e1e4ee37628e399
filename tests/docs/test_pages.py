"""Every snippet of the README and the docs runs, in order, in a folder of its own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.docs.snippets import Block, Reader, blocks, commands, shape

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / name for name in ("README.md", "SECURITY.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=name_of)
def test_page_works_for_its_reader(page, tmp_path, monkeypatch):
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "home"))  # a ledger of the page's own
    for name in ("patients.csv", "patients.toml"):
        shutil.copy(ROOT / "examples" / name, tmp_path)
    reader = Reader(tmp_path)
    for block in blocks(page):
        reader.follow(block)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_is_well_formed_and_its_links_lead_somewhere(page):
    blocks(page)
    text = page.read_text(encoding="utf-8")
    lost = [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    assert not lost


def test_readme_names_the_two_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text


def run(folder, *found: Block):
    reader = Reader(folder)
    for block in found:
        reader.follow(block)
    return reader


def block(language, body, word=None, value=""):
    return Block("page.md", 1, language, body, word, value)


def test_reader_notices_a_failing_python_block(tmp_path):
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, block("python", "1 / 0\n"))


def test_reader_notices_an_error_that_does_not_come(tmp_path):
    with pytest.raises(AssertionError, match="did not raise KeyError"):
        run(tmp_path, block("python", "x = 1\n", "raises", "KeyError"))
    run(tmp_path, block("python", "{}['x']\n", "raises", "KeyError"))


def test_reader_notices_a_failing_command_and_a_wrong_exit_code(tmp_path):
    with pytest.raises(AssertionError, match="exit 1"):
        run(tmp_path, block("console", "$ false\n$ true\n"))
    with pytest.raises(AssertionError, match="exit 0"):
        run(tmp_path, block("console", "$ true\n", "exit", "2"))
    run(tmp_path, block("console", "$ exit 2\n", "exit", "2"))


def test_reader_compares_output_but_not_its_numbers(tmp_path):
    said = block("python", "print('accuracy 0.91')\n")
    run(tmp_path, said, block("text", "accuracy 0.97\n", "output"))
    with pytest.raises(AssertionError, match="not printed"):
        run(tmp_path, said, block("text", "AUC 0.97\n", "output"))


def test_reader_shares_names_and_files_between_blocks(tmp_path):
    run(
        tmp_path,
        block("toml", "a = 1\n", "file", "a.toml"),
        block("console", "$ cp a.toml \\\n    b.toml\n"),
        block("python", "text = open('b.toml').read()\n"),
        block("python", "assert text == 'a = 1\\n'\n"),
    )


def test_blocks_are_found_with_their_comments(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("x\n\n<!-- exit: 2 -->\n```console\n$ a \\\n  b\nc\n```\n\n```text\nd\n```\n")
    first, second = blocks(page)
    assert (first.line, first.language, first.word, first.value) == (4, "console", "exit", "2")
    assert commands(first.body) == ["a b"]
    assert (second.language, second.body, second.word) == ("text", "d\n", None)
    page.write_text("```python\nx\n")
    with pytest.raises(AssertionError, match="not closed"):
        blocks(page)


def test_shape_drops_numbers_and_rules():
    assert shape("a 0.91 ----\n\u2500\u2500\u2500\n b  1e-6") == ["a #", "b #"]
