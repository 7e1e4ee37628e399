"""The notebook runs from top to bottom, and is stored without output."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "docs" / "guide" / "notebook.ipynb"
nbformat = pytest.importorskip("nbformat")


def test_notebook_is_stored_without_output():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not any(cell.outputs or cell.execution_count for cell in code)


@pytest.mark.slow
def test_notebook_runs_and_shows_guarantee_and_comparison(tmp_path):
    client = pytest.importorskip("nbclient")
    for name in ("patients.csv", "patients.toml"):
        shutil.copy(ROOT / "examples" / name, tmp_path)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    shown = [
        output.data["text/html"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "execute_result" and "text/html" in output.data
    ]
    assert any("differential privacy" in page for page in shown)
    assert any("<table" in page and "accuracy" in page for page in shown)
