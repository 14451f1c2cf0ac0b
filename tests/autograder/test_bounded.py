"""The judge's own work is bounded: too much of it ends, with a reason, and nothing of it stays."""

import importlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pytest
from jinja2 import Environment
from nbformat.v4 import new_code_cell, new_notebook
from traitlets.config import Config

from autograder.nbgrader_plugin import FILTERS, execution, judging, reading
from autograder.nbgrader_plugin.feedback_pages import CourseFeedback, page_of
from autograder.nbgrader_plugin.submitted_notebook import MasterCell
from autograder.problem_sets.checking import Run
from autograder.sandbox.bounded import LONGEST_PLACE, OverLimitError, in_bounds
from autograder.sandbox.limits import OwnLimits

PS1_TASKS = ("ps1-input-gradient", "ps1-integrated-gradients", "ps1-photo")
SMALL = OwnLimits(seconds=60, cpu_seconds=20, memory=1500)


def double(number: int) -> int:
    return 2 * number


def complain(words: str) -> None:
    raise ValueError(words)


def hoard() -> int:
    return len([bytearray(100 << 20) for _ in range(30)])


def spin() -> None:
    while True:
        pass


def test_an_answer_and_an_error_come_back():
    assert in_bounds(SMALL, double, 21) == 42
    with pytest.raises(ValueError, match="as it is"):
        in_bounds(SMALL, complain, "as it is")


def test_memory_ends_it():
    with pytest.raises(OverLimitError, match="1,500 MiB of memory"):
        in_bounds(SMALL, hoard)


def test_processor_time_ends_it():
    with pytest.raises(OverLimitError, match="1 seconds of the processor"):
        in_bounds(OwnLimits(seconds=60, cpu_seconds=1, memory=1500), spin)


def test_time_ends_it():
    started = time.monotonic()
    with pytest.raises(OverLimitError, match="more than 1 seconds"):
        in_bounds(OwnLimits(seconds=1, cpu_seconds=600, memory=1500), time.sleep, 100)
    assert time.monotonic() - started < 30


def test_the_tasks_of_a_submission_share_their_time(monkeypatch):
    """The judge's work on one submission ends with what its tasks have together, whatever each of them may use alone."""
    limits = OwnLimits()
    assert limits.after(0, 0) == limits == limits.after(100, 100)
    late = limits.after(limits.submission_seconds - 700, limits.submission_cpu_seconds - 70)
    assert (late.seconds, late.cpu_seconds) == (700, 70)
    assert (limits.after(1e9, 1e9).seconds, limits.after(1e9, 1e9).cpu_seconds) == (600, 60)
    monkeypatch.setattr("autograder.sandbox.limits.ONE_NOTEBOOK", OwnLimits(seconds=60, cpu_seconds=1))
    together = {"submission_seconds": 60, "submission_cpu_seconds": 4}
    run = Run(1, evidence=dict.fromkeys(PS1_TASKS))
    monkeypatch.setattr(judging, "judge", spin_on)
    monkeypatch.setattr(judging, "OwnLimits", lambda: OwnLimits(seconds=60, cpu_seconds=3, **together))
    monkeypatch.setattr(judging, "look_at", len)
    cells = [new_code_cell("", metadata={"nbgrader": {"grade_id": task, "grade": True}}) for task in PS1_TASKS]
    judging.judge_run(new_notebook(cells=cells), run, "ps1-attribution", logging.getLogger(), {})
    said = [run.verdicts[task].notes[0] for task in PS1_TASKS]
    assert [note.split("more than ")[1][0] for note in said] == ["3", "1", "1"]


@pytest.mark.parametrize("length", [LONGEST_PLACE, 200])
def test_where_temporary_files_lie_has_no_say(length):
    asked = "from autograder.sandbox import bounded, limits; bounded.preload(); "
    asked += "print(bounded.in_bounds(limits.OwnLimits(), len, 'four'))"
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        place = Path(folder, "a" * (length - len(folder) - 1))
        place.mkdir()
        answered = subprocess.run(
            [sys.executable, "-c", asked], env=os.environ | {"TMPDIR": str(place)}, capture_output=True, text=True
        )
        assert answered.stdout == "4\n", answered.stderr
        assert not list(place.glob("pymp-*"))


def test_what_judges_has_the_model_loaded():
    there = "__import__('sys').modules['autograder.judge.studies.named_models']._load.cache_info().currsize"
    asked = "from autograder.sandbox import bounded, limits; "
    asked += f'print(bounded.in_bounds(limits.OwnLimits(), eval, "{there}"))'
    answered = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True)
    assert answered.stdout == "1\n", answered.stderr


def test_the_process_that_leaves_judging_to_workers_loads_nothing_for_it():
    asked = "from autograder import __main__; from autograder.sandbox import bounded, limits; "
    asked += "__main__._leave_judging_to_workers(); "
    there = "['timm' in __import__('sys').modules, 'nbgrader' in __import__('sys').modules]"
    asked += f'print(bounded.in_bounds(limits.OwnLimits(), eval, "{there}"))'
    answered = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True)
    assert answered.stdout == "[False, True]\n", answered.stderr


def test_the_templates_of_a_page_are_compiled_once(tmp_path, monkeypatch):
    """Those of the course when a process is loaded; beside pages with other filters, which may not take the page's context."""
    path = tmp_path / "page.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1")]), path)
    grades = {"notebook": "page", "score": 0, "max_score": 0, "late_penalty": 0}
    course = CourseFeedback()
    ours = course.config.copy()
    ours.HTMLExporter.filters = FILTERS

    def page(config: Config) -> str:
        return page_of(course.exporter_class, [], config, str(path), {"nbgrader": grades})

    plain = page(course.config)
    assert importlib.import_module("autograder.nbgrader_plugin.preloaded")
    monkeypatch.setattr(Environment, "_generate", lambda *_: pytest.fail("a template is compiled again"))
    assert "highlight" in page(ours) and page(course.config) == plain


class TestOfOneNotebook:
    """What a hostile submission makes the grader do is ended, with a sentence, in each of the places where that is."""

    LITTLE = OwnLimits(seconds=60, cpu_seconds=1, memory=1500)

    def test_reading_it(self, tmp_path, monkeypatch):
        monkeypatch.setattr(reading, "ONE_NOTEBOOK", self.LITTLE)
        code = {
            "cell_type": "code",
            "metadata": {},
            "source": "x=1\n" * 4_000_000,
            "outputs": [],
            "execution_count": None,
        }
        (tmp_path / "ps1.ipynb").write_text(
            json.dumps({"cells": [code], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        )
        answer = MasterCell("mine", "code", "pass", "", locked=False, grade=True, solution=True, points=0)
        found = reading.read(tmp_path, "ps1", [answer], [])
        assert found.problem.startswith("Reading it was ended: it took more than")
        assert found.problem in found.notebook.cells[0].source and len(found.notebook.cells) == 2

    def test_comparing_its_code(self, monkeypatch, caplog):
        monkeypatch.setattr(judging, "ONE_NOTEBOOK", self.LITTLE)
        notebook = new_notebook(cells=[new_code_cell("x=1\n" * 500_000 + "x=(")])
        found = judging._own_work(notebook, "ps1-attribution", {}, logging.getLogger())
        assert found["remark"].startswith(
            "the code could not be compared: it took more than 1 seconds of the processor"
        )

    def test_judging_a_function(self, monkeypatch):
        monkeypatch.setattr(judging, "judge", spin_on)
        run = Run(1, evidence={"ps1-input-gradient": None})
        verdict = judging._verdict("ps1-input-gradient", run, logging.getLogger(), None, judging.Shared(self.LITTLE))
        assert verdict.points == 0 and "ended: it took more than 1 seconds of the processor" in verdict.notes[0]

    def test_reading_its_evidence(self, tmp_path, monkeypatch):
        monkeypatch.setattr(execution, "ONE_NOTEBOOK", self.LITTLE)
        monkeypatch.setattr(execution, "read_all", spin_on)
        run, step = Run(1), execution.SandboxedExecute()
        step._evidence = tmp_path
        cell = new_code_cell("", metadata={"nbgrader": {"grade_id": "ps1-input-gradient"}})
        step._collect(run, new_notebook(cells=[cell]))
        assert run.damaged["ps1-input-gradient"].startswith("reading it was ended: it took more than 1 seconds of")


def spin_on(*arguments: object) -> None:
    spin()
