"""The example notebooks run from the first cell to the last, and show what they say."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")
nbclient = pytest.importorskip("nbclient")

NOTEBOOKS = Path(__file__).parents[2] / "examples" / "notebooks"


@pytest.mark.slow
def test_the_notebook_of_a_comparison(tmp_path, monkeypatch):
    # so that `harness` is found, as in an activated environment
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    notebook = nbformat.read(NOTEBOOKS / "compare.ipynb", as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    texts = [output.get("text", "") + str(output.get("data", "")) for output in outputs]
    assert any("60 runs: 60 finished" in text for text in texts)
    assert any("adam" in text and "sgd" in text and "p_holm" in text for text in texts)
    assert sum("image/png" in output.get("data", ()) for output in outputs) == 2
