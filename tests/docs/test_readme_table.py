"""The README's table is what the comparison gives: same lines, figures within the spread."""

from __future__ import annotations

import re

import pytest

from docs import readme_table

SLACK = 2.5
"""Percentage points: fewer splits here than in the README, and fresh noise."""


def cells(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def first_number(cell: str) -> float | None:
    found = re.match(r"\d+(\.\d+)?", cell)
    return float(found[0]) if found else None


@pytest.mark.slow
def test_table_is_what_the_comparison_gives():
    written = cells(readme_table.between(readme_table.README.read_text(encoding="utf-8")))
    fresh = readme_table.rows(readme_table.measured("--seeds", "4"))
    assert [row[0] for row in written] == [row[0] for row in fresh]
    assert written[0] == fresh[0]
    for old, new in zip(written[1:], fresh[1:], strict=True):
        assert old[3] == new[3]
        for column in (1, 2):
            assert first_number(old[column]) == pytest.approx(first_number(new[column]), abs=SLACK)


def test_table_in_the_readme_claims_a_privacy_for_every_private_line():
    written = cells(readme_table.between(readme_table.README.read_text(encoding="utf-8")))
    private = [row for row in written if row[0].startswith("`private")]
    assert private
    assert all("differential privacy" in row[3] for row in private)
