"""SIGKILL of the grader or of a worker at random moments: the next start goes on, and the gradebook is the undisturbed one.

A few kills here, and in `make kills` fifty. The submissions are damaged files: most of the time then goes into writing, where a
kill can hurt.
"""

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import dask
import psutil
import pytest
from distributed import LocalCluster
from nbgrader.api import Gradebook
from rich.console import Console

from autograder.course.classroom import grade_class
from autograder.nbgrader_plugin.kept_evidence import KEPT, digest
from autograder.problem_sets.ps1.task import PROBLEM_SET as PS1
from tests.autograder.alike import alike, record_of

KILLS, STUDENTS = (50, 20) if os.environ.get("KILLS") else (3, 2)
LONGEST = 300


@pytest.fixture(scope="module")
def cluster():
    with (
        dask.config.set({"distributed.worker.daemon": False}),
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, memory_limit=0) as cluster,
    ):
        yield cluster


def grade(course: Path, scheduler: str, again: bool) -> None:
    with (course / "screen.txt").open("w") as screen:
        grade_class(course, ["ps1"], Console(file=screen), count=1, scheduler=scheduler, again=again)


def written(course: Path) -> set[tuple[str, int]]:
    return {(str(path), path.stat().st_mtime_ns) for path in course.glob("autograded/*/*/verdicts.json")}


def state(course: Path) -> dict:
    """All grades, records and pages, but for what is by the clock."""
    found = {}
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "integrated-gradients") as book:
        for submission in book.assignment_submissions(PS1.id):
            assert submission.student_id not in found, "graded twice"
            found[submission.student_id] = [
                (grade.name, grade.auto_score, grade.manual_score, grade.needs_manual_grade)
                for notebook in submission.notebooks
                for grade in sorted(notebook.grades, key=lambda grade: grade.name)
            ]
    for student, grades in found.items():
        folder, record = course / "autograded" / student / PS1.id, record_of(course, student, PS1.id)
        kept = digest((folder / KEPT).read_bytes())
        assert not list(folder.glob(".*.partial")) and kept == record["evidence"]["sha256"]
        found[student] = grades, *alike(course, student, PS1.id)
    return found


def test_kills_at_random_moments_change_nothing_in_the_end(tmp_path, released_course, cluster):
    undisturbed = released_course(PS1.id, tmp_path / "undisturbed")
    config = undisturbed / "nbgrader_config.py"
    config.write_text(config.read_text() + "\nc.SandboxedExecute.key = 'the same for both'\n")
    for k in range(STUDENTS):
        folder = undisturbed / "submitted" / f"student {k}" / PS1.id
        folder.mkdir(parents=True)
        (folder / f"{PS1.id}.ipynb").write_text(f"damaged {k}")
    course = shutil.copytree(undisturbed, tmp_path / "killed")
    grade(undisturbed, cluster.scheduler_address, again=False)

    drawn = random.Random(12)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["autograder.course.classroom"])
    ended = 0
    for kill in range(KILLS):
        before = written(course)
        grader = context.Process(target=grade, args=(course, cluster.scheduler_address, bool(kill % 2)))
        grader.start()
        deadline = time.monotonic() + LONGEST
        while written(course) == before and grader.is_alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(drawn.uniform(0, 0.5))
        if kill % 3 == 2:
            os.kill(cluster.workers[0].pid, signal.SIGKILL)
            grader.join(LONGEST)
        ended += grader.exitcode is not None
        grader.kill()
        grader.join()
    assert ended < KILLS  # some were in the middle
    grade(course, cluster.scheduler_address, again=False)
    assert state(course) == state(undisturbed)
    assert len(state(course)) == STUDENTS


ENDLESS = "import subprocess; subprocess.run(['sleep', '1000'])"


@pytest.mark.skipif("KILLS" not in os.environ, reason="takes a grader of its own: make kills")
def test_a_killed_grader_leaves_no_process(tmp_path, released_course):
    """Its workers, the servers they fork from, the sandboxes with the students' processes, and what judges: all are gone."""
    course = released_course(PS1.id, tmp_path)
    released = json.loads((course / "assignments" / PS1.id / f"{PS1.id}.ipynb").read_text())
    endless = {"cell_type": "code", "source": ENDLESS, "metadata": {}, "outputs": [], "execution_count": None}
    folder = course / "submitted" / "ada" / PS1.id
    folder.mkdir(parents=True)
    (folder / f"{PS1.id}.ipynb").write_text(json.dumps(released | {"cells": [endless, *released["cells"]]}))
    command = [sys.executable, "-m", "autograder", "grade", "ps1", "--workers", "1", "--course", str(course)]
    grader = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen: set[psutil.Process] = set()
    deadline = time.monotonic() + LONGEST
    while "sleep" not in map(name_of, seen) and grader.is_running() and time.monotonic() < deadline:
        seen |= set(grader.children(recursive=True))
        time.sleep(0.1)
    assert {"bwrap", "sleep"} <= set(map(name_of, seen))
    grader.kill()
    grader.wait()
    deadline = time.monotonic() + 60
    while (left := [one for one in seen if name_of(one)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def name_of(process: psutil.Process) -> str:
    """The name of a process that runs; empty where it has ended, waited for or not."""
    try:
        return process.name() if process.is_running() and process.status() != psutil.STATUS_ZOMBIE else ""
    except psutil.NoSuchProcess:
        return ""
