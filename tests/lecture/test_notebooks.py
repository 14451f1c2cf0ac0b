"""Every notebook of the lecture runs from top to bottom, and is stored as it was written: without outputs."""

from pathlib import Path

import nbformat
import pytest

from lecture import execution
from lecture.build import LECTURE, notebooks
from lecture.execution import NotebookRunError, execute

ALL = sorted(
    path for path in LECTURE.rglob("*.ipynb") if "built" not in path.parts and ".ipynb_checkpoints" not in path.parts
)
names = [path.relative_to(LECTURE).as_posix() for path in ALL]


def test_the_build_knows_every_notebook():
    assert sorted(notebooks()) == ALL


def test_there_are_six_demos_and_the_minimal_example():
    assert len(names) == 9
    assert sum(name.startswith("demos/") for name in names) == 6
    assert "minimal_example.ipynb" in names


@pytest.mark.parametrize("path", ALL, ids=names)
def test_stored_without_outputs(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None


@pytest.mark.parametrize("path", ALL, ids=names)
def test_runs(path, built_lecture):
    cells = [cell for cell in built_lecture.executed[path].cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    kinds = [output.output_type for cell in cells for output in cell.outputs]
    assert "error" not in kinds
    assert kinds, "a notebook that shows nothing is not for a lecture"


@pytest.mark.parametrize("path", ALL, ids=names)
def test_figures_have_alternative_texts(path, built_lecture):
    pictures = [
        output
        for cell in built_lecture.executed[path].cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert pictures
    for output in pictures:
        assert output.metadata["image/png"]["alt"].strip()


@pytest.mark.parametrize("path", [path for path in ALL if path.parent.name == "demos"], ids=lambda path: path.stem)
def test_every_demo_has_a_slider_and_a_figure_in_its_place(path, built_lecture):
    outputs = [output for cell in built_lecture.executed[path].cells for output in cell.get("outputs", [])]
    widget = "application/vnd.jupyter.widget-view+json"
    with_sliders = [output for output in outputs if widget in output.get("data", {})]
    assert with_sliders
    assert all("image/png" in output.data for output in with_sliders)


def test_the_minimal_example_is_the_chapters():
    source = "\n".join(cell.source for cell in nbformat.read(LECTURE / "minimal_example.ipynb", as_version=4).cells)
    assert "NSTEPS = 200" in source
    assert "integrated_gradients(" not in source, "students are to see the sum itself"


def test_the_minimal_example_has_four_pictures_and_a_label_of_ones_own(built_lecture):
    asked = [
        cell
        for cell in built_lecture.executed[LECTURE / "minimal_example.ipynb"].cells
        if "\nattribute(" in f"\n{cell.source}"
    ]
    assert sum("image/png" in output.get("data", {}) for cell in asked for output in cell.outputs) == 4
    assert any('label="' in cell.source for cell in asked)


def test_the_minimal_example_is_complete(built_lecture):
    """Sum and rise, as printed, agree within the 5 % of the course for what the network says; the worst gap of all is told."""
    cells = built_lecture.executed[LECTURE / "minimal_example.ipynb"].cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    lines = "".join(output.text for output in outputs if output.output_type == "stream").splitlines()
    assert len(lines) == 4
    gaps = {}
    for line in lines:
        words = line.split()
        total, rise = float(words[words.index("to") + 1].rstrip(",")), float(words[-1])
        gaps[line.split(":")[0]] = abs(total - rise) / rise
    assert all(gap <= 0.05 for label, gap in gaps.items() if label != "Egyptian cat"), (
        "that one is not what the network says"
    )
    (told,) = (output.data["text/markdown"] for output in outputs if "text/markdown" in output.get("data", {}))
    assert f"“{max(gaps, key=gaps.get)}”" in told


def _write(path: Path, source: str) -> Path:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbformat.write(notebook, path)
    return path


def test_a_notebook_that_raises_is_named(tmp_path):
    with pytest.raises(NotebookRunError, match=r"broken\.ipynb stops with an error"):
        execute(_write(tmp_path / "broken.ipynb", "1 / 0"))


def test_a_notebook_that_does_not_end_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(execution, "SECONDS_A_CELL", 1)
    with pytest.raises(NotebookRunError, match=r"endless\.ipynb does not come to an end"):
        execute(_write(tmp_path / "endless.ipynb", "import time; time.sleep(60)"))


def test_a_warning_is_not_shown_to_an_audience(tmp_path):
    """Nor a text in another typeface than that of the house style and the pages."""
    source = """
import warnings
from matplotlib.figure import Figure
warnings.warn("old")
Figure().text(0, 0, "in another typeface").get_window_extent()
"""
    with pytest.raises(NotebookRunError, match=r"(?s)standard error:.*old.*outside the house style"):
        execute(_write(tmp_path / "warns.ipynb", source))
