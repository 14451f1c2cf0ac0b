"""Submitted notebooks: whatever is handed in is read or refused in a sentence, and put back as it was released."""

import contextlib
import json
import os
import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_notebook
from nbgrader.apps.api import NbGraderAPI
from traitlets.config import Config

from autograder.nbgrader_plugin import configure, stray_work
from autograder.nbgrader_plugin import submitted_notebook as submitted
from autograder.nbgrader_plugin.handed_in import digest_of, in_the_way
from autograder.nbgrader_plugin.pages import markdown as markdown_page
from autograder.nbgrader_plugin.reading import in_shape
from autograder.nbgrader_plugin.submitted_notebook import (
    MasterCell,
    SubmissionError,
    files_of,
    handed_in_as,
    read_notebook,
    read_or_why_not,
    restore,
)
from autograder.nbgrader_plugin.timestamps import handed_in_at, no_date_in

NOTEBOOK = "ps1-attribution.ipynb"


def code(source="x = 1", grade_id=None, **flags) -> dict:
    nbgrader = {"nbgrader": {"grade_id": grade_id, **flags}} if grade_id else {}
    return {"cell_type": "code", "source": source, "metadata": nbgrader, "outputs": [], "execution_count": None}


def markdown(source="text", grade_id=None, **flags) -> dict:
    cell = code(source, grade_id, **flags)
    return {"cell_type": "markdown", "source": source, "metadata": cell["metadata"]}


def notebook(*cells, **fields) -> dict:
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | fields


def problem_with(folder: Path, name: str) -> str:
    return read_or_why_not(folder, folder / name)[1]


@pytest.fixture
def handed_in(tmp_path):
    """Hand in a notebook, as bytes, text or something for JSON, and read it."""

    def handed_in(content) -> nbformat.NotebookNode:
        path = tmp_path / NOTEBOOK
        content = content if isinstance(content, bytes | str) else json.dumps(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_notebook(path)

    return handed_in


def sources(read: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in read.cells]


class TestReading:
    def test_takes_type_source_and_grade_id_of_a_cell(self, handed_in):
        read = handed_in(notebook(code("a = 1", "ps1-setup"), markdown("# Title")))
        assert [(cell.cell_type, cell.source) for cell in read.cells] == [("code", "a = 1"), ("markdown", "# Title")]
        assert read.cells[0].metadata == {"grade_id": "ps1-setup"} and read.cells[1].metadata == {}

    def test_leaves_outputs_metadata_and_counts_behind(self, handed_in):
        cell = code("8.0") | {"execution_count": 3, "outputs": [{"output_type": "stream", "name": "x", "text": "8"}]}
        cell["metadata"] = {"deletable": False, "tags": ["remove"], "nbgrader": {"grade_id": "a", "points": 100}}
        read = handed_in(notebook(cell, metadata={"kernelspec": {"name": "ruby"}, "celltoolbar": "x"}))
        assert read.cells[0].outputs == [] and read.cells[0].execution_count is None
        assert read.cells[0].metadata == {"grade_id": "a"} and read.metadata == {}

    def test_takes_a_byte_order_mark(self, handed_in):
        assert sources(handed_in(b"\xef\xbb\xbf" + json.dumps(notebook(code("é"))).encode())) == ["é"]

    def test_takes_sources_in_lines(self, handed_in):
        assert sources(handed_in(notebook(code(["a = 1\n", "b = 2"])))) == ["a = 1\nb = 2"]

    def test_takes_notebooks_of_format_3(self, handed_in):
        cells = [
            {"cell_type": "code", "input": "a = 1", "language": "python", "outputs": [], "collapsed": False},
            {"cell_type": "heading", "level": 2, "source": "Title", "metadata": {}},
        ]
        old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]}
        read = handed_in(old)
        assert sources(read)[0] == "a = 1" and "Title" in sources(read)[1]

    def test_gives_a_valid_notebook(self, handed_in):
        nbformat.validate(handed_in(notebook(code(), markdown(), {"cell_type": "raw", "source": "x"})))

    def test_keeps_pictures_pasted_into_text(self, handed_in):
        attachments = {"photo.png": {"image/png": "iVBORw0KGgo="}}
        read = handed_in(notebook(markdown("![](attachment:photo.png)") | {"attachments": attachments}))
        assert read.cells[0].attachments == attachments

    @pytest.mark.parametrize(
        "attachments", [{"a": 5}, {"a": {"image/png": 5}}, {"a": {"image/png": None}}, {"a": {}}, 5, []]
    )
    def test_leaves_attachments_behind_that_are_none(self, handed_in, attachments):
        read = handed_in(notebook(markdown("![](attachment:a)") | {"attachments": attachments}))
        nbformat.validate(read)

    @pytest.mark.parametrize(
        "cell",
        [
            None,
            5,
            "text",
            [],
            {},
            {"cell_type": "code"},
            {"cell_type": 7, "source": "x"},
            {"cell_type": ["code"], "source": "x"},
            {"cell_type": "code", "source": None},
            {"cell_type": "code", "source": {"a": 1}},
            {"cell_type": "code", "source": ["a", 5, None]},
            {"cell_type": "code", "source": "x", "metadata": None},
            {"cell_type": "code", "source": "x", "metadata": []},
            {"cell_type": "code", "source": "x", "metadata": {"nbgrader": None}},
            {"cell_type": "code", "source": "x", "metadata": {"nbgrader": [1]}},
            {"cell_type": "code", "source": "x", "metadata": {"nbgrader": {"grade_id": 5}}},
            {"cell_type": "code", "source": "x", "metadata": {"nbgrader": {"grade_id": ["a"]}}},
        ],
        ids=str,
    )
    def test_makes_a_cell_of_anything(self, handed_in, cell):
        read = handed_in(notebook(cell, code("after")))
        assert len(read.cells) == 2 and read.cells[1].source == "after"
        assert "grade_id" not in read.cells[0].metadata
        nbformat.validate(read)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["cells", "cell_type", "source", "metadata", "nbgrader", "grade_id", "nbformat"]),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=20,
        )
    )
    def test_reads_or_refuses_any_json(self, tmp_path_factory, content):
        path = tmp_path_factory.mktemp("submission") / NOTEBOOK
        path.write_text(json.dumps(content))
        with contextlib.suppress(SubmissionError):
            nbformat.validate(read_notebook(path))

    @pytest.mark.parametrize("depth", [600, 900, 5000, 100_000])
    @pytest.mark.parametrize("version", [3, 4])
    def test_takes_all_cells_however_deep_their_data_are_nested(self, handed_in, depth, version):
        cells = [
            code("a = 1") | {"metadata": "DEEP", "outputs": "DEEP"},
            markdown("text") | {"attachments": {"a.png": "DEEP"}},
            code("b = 2", "answer"),
        ]
        content = notebook(*cells, metadata={"deep": "DEEP"})
        if version == 3:
            old = [cell | {"input": cell["source"], "language": "python"} for cell in cells]
            content = {"nbformat": 3, "metadata": {"deep": "DEEP"}, "worksheets": [{"cells": old, "metadata": "DEEP"}]}
        read = handed_in(json.dumps(content).replace('"DEEP"', "[" * depth + "]" * depth))
        assert sources(read) == ["a = 1", "text", "b = 2"] and read.cells[2].metadata == {"grade_id": "answer"}
        assert "all cells were graded" in read.metadata.get("salvaged", submitted.NESTED)

    def test_takes_no_longer_for_texts_that_do_not_end(self, handed_in):
        started = time.process_time()
        with pytest.raises(SubmissionError):
            handed_in('{"cells":[{"x":' + '"\\"' * 10**6 + "\\" + "[" * 2000)
        assert time.process_time() - started < 5

    def test_gives_text_that_can_be_written_again(self, handed_in, tmp_path):
        """JSON can hold halves of surrogate pairs, which no file in UTF-8 can."""
        read = handed_in(b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "x = \'\\ud800\'"}]}')
        nbformat.write(read, tmp_path / "written.ipynb")


class TestRefusing:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"not json",
            b"\x00" * 100,
            b"[" * 100_000,
            b'{"cells": [' + json.dumps(code()).encode()[:-10],
        ],
        ids=["empty", "open", "text", "zeros", "nested", "half"],
    )
    def test_what_is_not_json(self, handed_in, content):
        with pytest.raises(SubmissionError, match=f"{NOTEBOOK}` is not readable as JSON"):
            handed_in(content)

    def test_but_not_the_cells_that_are_whole(self, handed_in):
        content = json.dumps(notebook(code("a = 1"), code("b = 2"))).encode()
        read = handed_in(content[: content.index(b"b = 2")])
        assert [cell.source for cell in read.cells] == ["a = 1"]
        assert "Complete cells in it: 1." in read.metadata["salvaged"]

    @pytest.mark.parametrize("content", ["[]", "null", '"notebook"', "4", "true"])
    def test_json_that_is_no_dictionary(self, handed_in, content):
        with pytest.raises(SubmissionError, match="is not a notebook: it holds a"):
            handed_in(content)

    @pytest.mark.parametrize(
        "content", [{}, {"cells": None}, {"cells": {}}, {"cells": "x"}, {"nbformat": 4, "worksheets": []}]
    )
    def test_a_dictionary_without_cells(self, handed_in, content):
        with pytest.raises(SubmissionError, match="no list of cells"):
            handed_in(content)

    @pytest.mark.parametrize("worksheets", [None, 5, [5], [{"cells": 5}], [{"cells": [None]}], [{}]])
    def test_or_reading_an_old_notebook_that_is_damaged(self, handed_in, worksheets):
        try:
            handed_in({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": worksheets})
        except SubmissionError as error:
            assert NOTEBOOK in str(error)

    def test_too_many_cells(self, handed_in):
        with pytest.raises(SubmissionError, match=r"has 12001 cells; expected at most 12000"):
            handed_in(notebook(*[code()] * 12_001))

    def test_too_large_a_file_before_reading_it(self, tmp_path):
        with (tmp_path / NOTEBOOK).open("wb") as file:
            file.truncate((submitted.MAX_NOTEBOOK_MIB + 1) * 2**20)
        with pytest.raises(SubmissionError, match=rf"has \d+ MiB; expected at most {submitted.MAX_NOTEBOOK_MIB} MiB"):
            read_notebook(tmp_path / NOTEBOOK)

    def test_a_link_even_to_a_notebook(self, tmp_path):
        (tmp_path / "real.ipynb").write_text(json.dumps(notebook(code())))
        (tmp_path / NOTEBOOK).symlink_to(tmp_path / "real.ipynb")
        with pytest.raises(SubmissionError, match="is it a link"):
            read_notebook(tmp_path / NOTEBOOK)

    def test_a_folder(self, tmp_path):
        (tmp_path / NOTEBOOK).mkdir()
        with pytest.raises(SubmissionError, match="not a plain file"):
            read_notebook(tmp_path / NOTEBOOK)

    def test_a_pipe_without_waiting(self, tmp_path):
        os.mkfifo(tmp_path / NOTEBOOK)
        with pytest.raises(SubmissionError, match="not a plain file"):
            read_notebook(tmp_path / NOTEBOOK)

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(SubmissionError) as error:
            read_notebook(tmp_path / NOTEBOOK)
        assert str(error.value) == f"There is no {NOTEBOOK} in the submission."

    def test_a_missing_folder(self, tmp_path):
        with pytest.raises(SubmissionError, match="There is no"):
            read_notebook(tmp_path / "nobody" / NOTEBOOK)

    def test_another_name_is_pointed_out(self, tmp_path):
        (tmp_path / "ps1-attribution (1).ipynb").write_text("{}")
        (tmp_path / "a.ipynb").write_text("{}")
        with pytest.raises(SubmissionError, match=r"the folder has `a\.ipynb`, `ps1-attribution \(1\)\.ipynb`"):
            read_notebook(tmp_path / NOTEBOOK)

    @pytest.mark.parametrize(
        ("there", "meant"),
        [
            (["ps1-attribution-1.ipynb"], "ps1-attribution-1.ipynb"),
            (["ps1-attribution (2).ipynb", "cat.png", "notes.ipynb"], "ps1-attribution (2).ipynb"),
            (["Copy of PS1_Attribution.IPYNB", "notes.ipynb"], "Copy of PS1_Attribution.IPYNB"),
            (["homework.ipynb"], "homework.ipynb"),
            (["ps1-attribution.ipynb.txt", "notes.txt"], "ps1-attribution.ipynb.txt"),
            (["ps1-attribution.ipynb.json", "notes.ipynb", "data.json"], "ps1-attribution.ipynb.json"),
            (["ps1-attribution.ipynb.json", "ps1-attribution.ipynb.txt"], NOTEBOOK),
            (["ps1-attribution.ipynb.txt", NOTEBOOK], NOTEBOOK),
            (["ps1-attribution.html", "ps1-attribution.json"], NOTEBOOK),
            (["ps1-attribution-1.ipynb", NOTEBOOK], NOTEBOOK),
            (["ps1-attribution-1.ipynb", "ps1-attribution-2.ipynb"], NOTEBOOK),
            (["homework.ipynb", "notes.ipynb"], NOTEBOOK),
            ([], NOTEBOOK),
        ],
        ids=str,
    )
    def test_another_name_is_taken_where_only_one_can_be_meant(self, tmp_path, there, meant):
        for name in there:
            (tmp_path / name).write_text("{}")
        assert handed_in_as(tmp_path / NOTEBOOK).name == meant

    def test_another_name_that_is_not_text_is_pointed_out_in_text(self, tmp_path):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.ipynb")).write_text("{}")
        with pytest.raises(SubmissionError) as error:
            read_notebook(tmp_path / NOTEBOOK)
        str(error.value).encode()


def master(grade_id, source="", cell_type="code", locked=False, grade=False, solution=False, points=0.0) -> MasterCell:
    return MasterCell(grade_id, cell_type, source, f"checksum of {grade_id}", locked, grade, solution, points)


MASTER = [
    master("setup", "import torch", locked=True),
    master("answer", "raise NotImplementedError", solution=True),
    master("graded", "submit('task', f)", locked=True, grade=True, points=8),
    master("essay", "*Your answer goes here.*", "markdown", grade=True, solution=True, points=4),
]
HANDED_IN = (
    code("import torch", "setup"),
    code("f = 1", "answer"),
    code("submit('task', f)", "graded"),
    markdown("I", "essay"),
)


@pytest.fixture
def restored(handed_in):
    return lambda *cells: restore(handed_in(notebook(*cells)), MASTER).cells


def by_id(cells) -> dict:
    found = {cell.metadata.nbgrader.grade_id: cell for cell in cells if "nbgrader" in cell.metadata}
    assert len(found) == sum("nbgrader" in cell.metadata for cell in cells), "an id is there twice"
    return found


class TestRestoring:
    def test_an_honest_notebook_leaves_its_answers_in_place(self, restored):
        cells = restored(*HANDED_IN, code("an extra cell"))
        assert [cell.source for cell in cells] == ["import torch", "f = 1", "submit('task', f)", "I", "an extra cell"]
        assert by_id(cells).keys() == {"setup", "answer", "graded", "essay"}
        nbformat.validate(new_notebook(cells=cells))

    @pytest.mark.parametrize(
        "forged",
        [
            {"points": 1000},
            {"grade": True, "points": 50, "solution": False, "locked": False},
            {"locked": False},
            {"schema_version": 1},
            {"schema_version": "x"},
            {"checksum": "0"},
            {"task": True},
            {"cell_type": "markdown"},
            {"grade": "yes", "solution": None},
        ],
        ids=str,
    )
    def test_metadata_is_the_masters(self, restored, forged):
        cells = by_id(restored(*(cell | {"metadata": _forge(cell, forged)} for cell in HANDED_IN)))
        for original in MASTER:
            assert cells[original.grade_id].metadata.nbgrader == original.metadata()

    def test_points_are_only_where_the_master_has_some(self, restored):
        cells = by_id(restored(*HANDED_IN))
        assert cells["graded"].metadata.nbgrader.points == 8 and "points" not in cells["answer"].metadata.nbgrader

    def test_a_locked_source_is_put_back(self, restored):
        cells = by_id(restored(code("import os; os._exit(1)", "setup"), code("8.0", "graded")))
        assert cells["setup"].source == "import torch" and cells["graded"].source == "submit('task', f)"

    def test_a_deleted_setup_cell_goes_to_the_start(self, restored):
        cells = restored(*HANDED_IN[1:])
        assert cells[0].source == "import torch" and cells[0].metadata.restored == submitted.RESTORED

    def test_deleted_graded_cells_go_to_the_end(self, restored):
        cells = restored(HANDED_IN[0], HANDED_IN[1], code("more"))
        assert [cell.source for cell in cells[-2:]] == ["submit('task', f)", "*Your answer goes here.*"]
        assert cells[-1].cell_type == "markdown" and cells[-2].metadata.nbgrader.points == 8

    def test_an_empty_notebook_gets_all_that_counts(self, restored):
        assert by_id(restored()).keys() == {"setup", "graded", "essay"}

    def test_a_cell_that_changed_its_type_changes_back(self, restored):
        cells = restored(markdown("import torch", "setup"), markdown("f = 2", "answer"), code("I think", "essay"))
        cells = by_id(cells)
        assert cells["setup"].cell_type == cells["answer"].cell_type == "code"
        assert cells["answer"].source == "f = 2" and cells["answer"].outputs == []
        assert cells["essay"].cell_type == "markdown" and cells["essay"].source == "I think"
        nbformat.validate(new_notebook(cells=list(cells.values())))

    def test_of_two_cells_with_one_id_the_last_counts(self, restored):
        cells = restored(code("f = 1", "answer"), code("f = 2", "answer"))
        assert by_id(cells)["answer"].source == "f = 2"
        assert "f = 1" in [cell.source for cell in cells]

    def test_a_second_locked_cell_is_kept_and_marked(self, restored):
        cells = restored(*HANDED_IN, code("mine", "graded"))
        first = next(cell for cell in cells if "second cell with the id graded" in cell.source)
        assert first.source.endswith("submit('task', f)") and "nbgrader" not in first.metadata
        assert by_id(cells)["graded"].source == "submit('task', f)"

    @pytest.mark.parametrize("grade_id", ["ps1-free-points", "", "Setup", "graded ", "__class__"])
    def test_unknown_ids_are_ordinary_cells(self, restored, grade_id):
        cells = restored(*HANDED_IN, code("8.0", grade_id, grade=True, points=100, locked=True))
        assert cells[-1].source == "8.0" and cells[-1].metadata == {}

    def test_a_restored_notebook_is_restored_to_itself(self, handed_in):
        once = restore(handed_in(notebook(*HANDED_IN[1:3])), MASTER)
        again = restore(handed_in(json.dumps(once)), MASTER)
        assert sources(again) == sources(once) and by_id(again.cells).keys() == by_id(once.cells).keys()


def _forge(cell: dict, forged: dict) -> dict:
    return {"nbgrader": cell["metadata"]["nbgrader"] | forged}


class TestProblems:
    def test_there_is_none_with_a_notebook(self, tmp_path):
        (tmp_path / NOTEBOOK).write_text(json.dumps(notebook(code())))
        assert problem_with(tmp_path, NOTEBOOK) == ""

    def test_a_notebook_that_cannot_be_read_is_one(self, tmp_path):
        (tmp_path / NOTEBOOK).write_text("{")
        assert "not readable as JSON" in problem_with(tmp_path, NOTEBOOK)

    def test_too_many_bytes_of_files_is_one(self, tmp_path, monkeypatch):
        (tmp_path / NOTEBOOK).write_text(json.dumps(notebook(code())))
        (tmp_path / "deep" / "er").mkdir(parents=True)
        (tmp_path / "deep" / "er" / "data.bin").write_bytes(bytes(3 * 2**20))
        assert problem_with(tmp_path, NOTEBOOK) == ""
        monkeypatch.setattr(submitted, "MAX_FILES_MIB", 2)
        assert "more than 2 MiB of files" in problem_with(tmp_path, NOTEBOOK)

    def test_a_file_that_says_it_is_huge_is_neither_read_nor_copied(self, tmp_path):
        (tmp_path / NOTEBOOK).write_text(json.dumps(notebook(code())))
        with (tmp_path / "data.bin").open("wb") as file:
            file.truncate(1 << 40)
        before = time.process_time()
        assert digest_of(tmp_path) and "data.bin" not in {path.name for path in files_of(tmp_path).plain}
        assert "MiB of files" in problem_with(tmp_path, NOTEBOOK) and time.process_time() - before < 5

    def test_the_size_of_what_a_link_leads_to_does_not_count(self, tmp_path, monkeypatch):
        monkeypatch.setattr(submitted, "MAX_FILES_MIB", 2)
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "data.bin").write_bytes(bytes(3 * 2**20))
        folder = tmp_path / "submission"
        folder.mkdir()
        (folder / NOTEBOOK).write_text(json.dumps(notebook(code())))
        (folder / "folder").symlink_to(tmp_path / "elsewhere")
        (folder / "file").symlink_to(tmp_path / "elsewhere" / "data.bin")
        assert problem_with(folder, NOTEBOOK) == ""


class TestUnwelcomeFiles:
    def test_plain_files_and_folders_are_welcome(self, tmp_path):
        (tmp_path / "photos" / "mine").mkdir(parents=True)
        (tmp_path / "photos" / "mine" / "cat.png").write_bytes(b"x")
        (tmp_path / ".hidden").write_text("x")
        assert files_of(tmp_path).left_out == []

    def test_links_and_pipes_are_not(self, tmp_path):
        deep = tmp_path / "deep"
        deep.mkdir()
        (deep / "file").symlink_to("/etc/passwd")
        (deep / "folder").symlink_to("/")
        (deep / "dangling").symlink_to("nowhere")
        (deep / "loop").symlink_to(deep)
        os.mkfifo(deep / "pipe")
        assert {path.name for path in files_of(tmp_path).left_out} == {"file", "folder", "dangling", "loop", "pipe"}

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_what_cannot_be_read_is_not(self, tmp_path):
        (tmp_path / "secret").write_text("x")
        (tmp_path / "secret").chmod(0)
        (tmp_path / "closed").mkdir(mode=0)
        assert {path.name for path in files_of(tmp_path).left_out} == {"secret", "closed"}


NO_DATES = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "link": lambda path: path.symlink_to("/dev/zero"),
    "many dates": lambda path: path.write_text("2026-01-02 " * 10**6),  # each of these took minutes
    "long number": lambda path: path.write_text("1" * 10**6),
    "no text": lambda path: path.write_bytes(b"\xff"),
    "empty": lambda path: path.write_text(""),
    "no date": lambda path: path.write_text("yesterday"),
    "of no time zone": lambda path: path.write_text("9999-12-31 23:59:59 UTC"),
    "path": lambda path: path.write_text("2026-01-02 00:00:00 /usr/share/zoneinfo/UTC"),
}


class TestTimestamps:
    @pytest.mark.parametrize("make", NO_DATES.values(), ids=NO_DATES)
    def test_that_are_none_hold_nobody_up(self, tmp_path, make):
        make(tmp_path / "timestamp.txt")
        started = time.monotonic()
        assert handed_in_at(tmp_path) is None and no_date_in(tmp_path)
        assert time.monotonic() - started < 5

    @pytest.mark.parametrize(
        "text", ["2026-01-02 03:04:05 UTC\n", "2026-01-02 04:04:05.000000 Europe/Berlin", "2026-01-02 03:04:05 +0000"]
    )
    def test_in_any_time_zone_are_read(self, tmp_path, text):
        (tmp_path / "timestamp.txt").write_text(text)
        assert handed_in_at(tmp_path) == datetime(2026, 1, 2, 3, 4, 5) and not no_date_in(tmp_path)

    def test_are_read_so_by_formgrader(self, tmp_path):
        configure(Config())
        api = SimpleNamespace(coursedir=SimpleNamespace(format_path=lambda *_: str(tmp_path), submitted_directory=""))
        os.mkfifo(tmp_path / "timestamp.txt")
        assert NbGraderAPI.get_submitted_timestamp(api, "ps1", "ada") is None


class TestBombs:
    def test_a_heading_of_a_billion_signs_is_a_heading(self, handed_in):
        heading = {"cell_type": "heading", "level": 10**9, "source": "x", "metadata": {}}
        old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [heading]}]}
        assert [len(source) < 20 for source in sources(handed_in(old))] == [True]

    def test_more_files_than_can_be_handled_are_a_problem(self, tmp_path, monkeypatch):
        monkeypatch.setattr(submitted, "MAX_FILES", 50)
        (tmp_path / NOTEBOOK).write_text(json.dumps(notebook(code())))
        for k in range(80):
            (tmp_path / f"{k}.txt").write_text("x")
        assert "more than 50 files" in problem_with(tmp_path, NOTEBOOK)

    def test_a_path_that_would_be_too_long_elsewhere_is_left_out(self, tmp_path):
        deep = tmp_path.joinpath(*["d" * 200] * 6)
        deep.mkdir(parents=True)
        (deep / "x.txt").write_text("x")
        found = files_of(tmp_path)
        assert not found.plain and len(found.left_out) == 1


class TestFilesInTheWay:
    @pytest.mark.parametrize("name", ["photos", "photos/cat.png/x", "verdicts.json/x"])
    def test_of_a_given_one(self, name):
        assert in_the_way(name, ["photos/cat.png", "verdicts.json"])

    @pytest.mark.parametrize("name", ["photos/mine.png", "photo", "verdicts.json", "mine/verdicts.json"])
    def test_are_not_those_beside_it(self, name):
        assert not in_the_way(name, ["photos/cat.png", "verdicts.json"])


class TestWorkElsewhere:
    def test_what_stood_in_a_locked_cell_is_kept(self, restored):
        cells = restored(code("import torch\ndef mine(): return 7", "setup"), markdown("mine"), code("8.0", "graded"))
        kept = next(cell for cell in cells if "def mine" in cell.source)
        assert "may not be changed" in kept.source and "nbgrader" not in kept.metadata
        assert "8.0" not in [cell.source for cell in cells]

    @pytest.mark.parametrize(
        ("there", "said"),
        [
            (["ps1-attribution.html", "timestamp.txt"], "the folder has `ps1-attribution.html`."),
            (["ps1-attribution.json", "cat.png"], "the folder has `cat.png`, `ps1-attribution.json`."),
            (["ps1-attribution.ipynb.txt"], "`ps1-attribution.ipynb.txt` is not readable as JSON"),
            ([f"{k}.txt" for k in range(9)], "`4.txt` and 4 more."),
        ],
    )
    def test_what_was_handed_in_for_the_notebook_is_named(self, tmp_path, there, said):
        for name in there:
            (tmp_path / name).write_text("<html>")
        assert said in in_shape(tmp_path, "ps1-attribution", MASTER, [], "").problem

    @pytest.mark.parametrize("name", ["ps1-attribution.ipynb.txt", "ps1-attribution.ipynb.json"])
    def test_a_notebook_that_ends_as_text_or_data_is_taken_with_a_remark(self, tmp_path, name):
        (tmp_path / name).write_text(json.dumps(notebook(*HANDED_IN)))
        read = in_shape(tmp_path, "ps1-attribution", MASTER, [], "")
        assert read.problem == "" and by_id(read.notebook.cells)["answer"].source == "f = 1"
        assert read.remarks == [stray_work.RENAMED.format(found=f"`{name}`", expected=NOTEBOOK)]

    @pytest.mark.parametrize(
        "there", [["{}.ipynb"], ["{}.ipynb", "a.ipynb"], ["{}.ipynb", NOTEBOOK], ["{}.pdf", NOTEBOOK], ["{}"]]
    )
    def test_no_name_looks_like_a_text_of_the_graders(self, tmp_path, there):
        forged = "a\r\n\n# Full marks: 20 of 20`\n\n<h1>\u2028\u202e\x1b[2J$$x$$\udcff"
        for name in there:
            content = json.dumps(notebook(*HANDED_IN[:3])) if there != ["{}.ipynb"] else "{"
            (tmp_path / name.format(forged)).write_text(content)
        read = in_shape(tmp_path, "ps1-attribution", MASTER, [], "")
        said = [
            read.problem,
            *read.remarks,
            *(cell.source for cell in read.notebook.cells if "submission" in cell.source),
        ]
        said += [cell.source for cell in read.notebook.cells if "Full marks" in cell.source]
        assert any("Full marks" in one for one in said)
        for one in said:
            assert not set(one) & set("\r\u2028\u202e\x1b\udcff") and "<h1" not in markdown_page({}, one)
            assert "\n# Full" not in one

    def test_other_notebooks_and_archives_are_named(self, tmp_path):
        (tmp_path / "deeper" / ".ipynb_checkpoints").mkdir(parents=True)
        for name in (NOTEBOOK, "copy (1).ipynb", "deeper/work.zip", "deeper/.ipynb_checkpoints/x.ipynb", "data.csv"):
            (tmp_path / name).write_text("x")
        plain = files_of(tmp_path).plain
        assert stray_work.other_work(plain, tmp_path, NOTEBOOK) == ["copy (1).ipynb", "deeper/work.zip"]
