"""A part of the lecture is made again where its sources have changed or its files are not what they were, and only then."""

import re
from base64 import b64encode
from io import BytesIO
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from lecture import build as lecture_build
from lecture.record import BuiltPart, Record

FIGURE = BytesIO()
Image.new("RGB", (640, 200), "white").save(FIGURE, "PNG")


@pytest.fixture
def part(tmp_path) -> BuiltPart:
    source, folder, made = tmp_path / "a.ipynb", tmp_path / "beside", tmp_path / "a.html"
    folder.mkdir()
    (folder / "figures.py").write_text("x = 1")
    source.write_text("source")
    made.write_text("made")
    return BuiltPart("a", (source, folder), (made,))


@pytest.fixture
def record(tmp_path, part) -> Record:
    record = Record(tmp_path / "kept" / "made.json")
    assert not record.holds(part)
    record.keep(part)
    assert record.holds(part)
    return record


def test_what_was_made_is_known_at_the_next_build(record, part, tmp_path):
    assert Record(tmp_path / "kept" / "made.json").holds(part)


@pytest.mark.parametrize("name", ["a.ipynb", "beside/figures.py", "beside/new.py", "a.html"])
def test_a_change_of_a_source_or_of_what_was_made_is_seen(record, part, tmp_path, name):
    (tmp_path / name).write_text("changed")
    assert not record.holds(part)


def test_what_is_gone_is_made_again(record, part, tmp_path):
    (tmp_path / "a.html").unlink()
    assert not record.holds(part)
    record.keep(part)
    assert not record.holds(part), "nothing was made"


def test_an_edit_while_a_part_is_made_counts_as_later(record, part, tmp_path):
    (tmp_path / "a.ipynb").write_text("edited")
    assert not record.holds(part)
    (tmp_path / "a.ipynb").write_text("edited once more, while the part is made")
    record.keep(part)
    assert not record.holds(part)


def test_byte_code_is_no_source(record, part, tmp_path):
    (tmp_path / "beside" / "__pycache__").mkdir()
    (tmp_path / "beside" / "__pycache__" / "figures.pyc").write_text("")
    assert record.holds(part)


def test_a_damaged_record_means_that_all_is_made(record, part, tmp_path):
    (tmp_path / "kept" / "made.json").write_text("{")
    assert not Record(tmp_path / "kept" / "made.json").holds(part)


@pytest.fixture
def made(monkeypatch) -> list[str]:
    """What is computed while the lecture is built, by name; nothing of it takes time here."""
    seen: list[str] = []

    def execute(paths: list[Path]) -> list[NotebookNode]:
        seen.extend(path.name for path in paths)
        output = new_output(
            "display_data",
            data={"image/png": b64encode(FIGURE.getvalue()).decode()},
            metadata={"image/png": {"alt": "a figure of three words"}},
        )
        heading = new_markdown_cell("# A heading\n\nA sentence.", metadata={"slideshow": {"slide_type": "slide"}})
        on_the_handout = {"tags": [f"handout-{name}" for name in ("plane", "map", "success")]}
        figure = new_code_cell(outputs=[output], metadata=on_the_handout)
        return [new_notebook(cells=[heading, figure]) for _ in paths]

    def page(name: str):
        def write(folder: Path, *_: object) -> None:
            seen.append(name)
            (folder / name).write_text("a page")

        return write

    monkeypatch.setattr(lecture_build, "execute_in_turn", execute)
    monkeypatch.setattr(lecture_build, "_build_explorer", page("explorer.html"))
    monkeypatch.setattr(lecture_build, "_build_live", page("live.html"))
    monkeypatch.setattr(lecture_build.handout, "BROWSERS", ())
    return seen


def _code(path: Path) -> str:
    return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")


@pytest.mark.parametrize("path", lecture_build.notebooks(), ids=lambda path: path.name)
def test_what_a_notebook_imports_of_the_lecture_is_among_its_sources(path):
    part = lecture_build._notebook_part(path, Path("kept"))
    for name in re.findall(r"^(?:from|import) (\w+)", _code(path), re.MULTILINE):
        for module in (path.parent / name, path.parent / f"{name}.py"):
            assert not module.exists() or module in part.sources, module


def test_only_what_changed_is_built_again(made, tmp_path):
    lines: list[str] = []

    def built() -> set[str]:
        made.clear()
        lecture_build.build(tmp_path, say=lines.append)
        return set(made)

    all_of_it = {path.name for path in lecture_build.notebooks()} | {"explorer.html", "live.html"}
    assert built() == all_of_it
    assert {line.split(": ")[1].split(" in ")[0] for line in lines if " of 5: " in line} == {
        "slides.ipynb", "demos", "report.ipynb and minimal_example.ipynb", "explorer.html", "live.html"
    }  # fmt: skip
    index = (tmp_path / "index.html").read_text()
    assert built() == set()
    assert set(lecture_build.kept_notebooks(tmp_path)) == set(lecture_build.notebooks())
    (tmp_path / "live.html").unlink()
    (tmp_path / "demos" / "3_baselines.html").write_text("damaged")
    (tmp_path / ".kept" / "report.ipynb").unlink()
    assert lecture_build.REPORT not in lecture_build.kept_notebooks(tmp_path)
    assert built() == {"live.html", "report.ipynb"}
    assert "A sentence." in (tmp_path / "demos" / "3_baselines.html").read_text()
    assert (tmp_path / "index.html").read_text() == index
