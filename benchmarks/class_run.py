"""Grading a class of ps1: throughput against stock nbgrader, two workers against one, the verdict by part, cost, replay.

    python -m benchmarks.class_run --students 60

All contestants grade the same notebooks in turn in one run. Stock nbgrader has its own preprocessors and no sandbox; a graded
cell then checks its answer in the notebook, as `submit` does outside of the grader. Processor seconds are those of all processes
that were waited for, or, in the sandbox and for verdicts, as the grader counts them.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from autograder.course.commands import nbgrader
from autograder.course.demo import (
    ANOTHER_STYLE,
    ANOTHER_STYLE_INTEGRATED,
    ASSIGNMENT,
    GRADIENT,
    INTEGRATED,
    Student,
    hand_in,
)
from autograder.course.folder import Course
from autograder.course.release import make_course
from autograder.nbgrader_plugin.kept_evidence import KEPT, unpack
from autograder.problem_sets import PROBLEM_SETS
from autograder.problem_sets.checking import judge
from autograder.sandbox.bounded import in_bounds
from autograder.sandbox.limits import OwnLimits
from autograder.student.evidence import Evidence
from benchmarks.setting import OF_A_CLASS, keep

STUDENTS = 60
PHOTO = """
model = load_model("efficientnet_lite0")
photo = load_photos()[{photo}]
image = photo.pixels
baseline = torch.{fill}_like(image)
target = int(model.probabilities(image[None]).argmax())
n_steps = 50

attribution = integrated_gradients(model.probabilities, image, baseline, target, n_steps)
gradient_times_input = image * input_gradient(model.probabilities, image, target)
"""
STOCK = """
c = get_config()
c.CourseDirectory.course_id = "integrated-gradients"
c.Execute.timeout = 1200
"""
AUTOGRADE = [sys.executable, "-m", "nbgrader", "autograde", ASSIGNMENT, "--force"]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
TASKS = [task.id for task in PROBLEM_SETS[ASSIGNMENT].tasks if task.automatic]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--students", type=int, default=STUDENTS)
    count = options.parse_args().students
    with tempfile.TemporaryDirectory(prefix="ig-bench-") as folder:
        ours, stock = Path(folder) / "ours", Path(folder) / "stock"
        ours.mkdir()
        make_course(ours)
        nbgrader(ours, "generate_assignment", ASSIGNMENT)
        hand_in(ours, made_up(count))
        shutil.copytree(ours, stock)
        (stock / "nbgrader_config.py").write_text(STOCK)
        grade = [sys.executable, "-m", "autograder", "grade", ASSIGNMENT, "--again", "--workers"]
        replay = [sys.executable, "-m", "autograder", "replay", ASSIGNMENT, "--workers", "2"]
        results: dict[str, object] = {"students": count}
        seconds = results["seconds"] = {}
        parts = {
            "grade, one worker": lambda name: seconds.update({name: _seconds(ours, [*grade, "1"])}),
            "cost": lambda name: results.update({name: cost(ours, count)}),
            "verdict": lambda name: results.update({name: verdict_by_part(ours)}),
            "stock nbgrader": lambda name: seconds.update({name: _seconds(stock, AUTOGRADE)}),
            "grade, two workers": lambda name: seconds.update({name: _seconds(ours, [*grade, "2"])}),
            "replay, two workers": lambda name: seconds.update({name: _seconds(ours, replay)}),
        }
        for name, measure in parts.items():
            measure(name)
            keep("class_run", results, OF_A_CLASS)


def made_up(count: int) -> tuple[Student, ...]:
    """A class that is right in two styles, each with one of ten photos and one of two baselines."""
    styles = ((GRADIENT, INTEGRATED), (ANOTHER_STYLE, ANOTHER_STYLE_INTEGRATED))
    return tuple(
        Student(
            f"student{k:03}",
            "made up",
            {
                "ps1-input-gradient": styles[k % 2][0],
                "ps1-integrated-gradients": styles[k % 2][1],
                "ps1-photo": PHOTO.format(photo=k // 2 % 10, fill=("zeros", "ones")[k // 20 % 2]),
            },
        )
        for k in range(count)
    )


def cost(course: Path, count: int) -> dict[str, float]:
    """Median processor seconds of a submission, by who spends them, from the records and logs of the last run."""
    opened = Course(course)
    said = [opened.log_of(ASSIGNMENT, student.name).read_text() for student in made_up(count)]
    worker = [float(re.search(r"([\d.]+) CPU seconds of the worker", log)[1]) for log in said]
    verdicts = [float(re.search(r"([\d.]+) of them for the verdicts", log)[1]) for log in said]
    records = [opened.record(ASSIGNMENT, student.name) for student in made_up(count)]
    found = {
        "in the sandbox: the kernel's start and the notebook's cells": statistics.median(
            one["cpu_seconds"] for one in records
        ),
        "the worker, but for verdicts": statistics.median(a - b for a, b in zip(worker, verdicts, strict=True)),
        "the worker's part of the verdicts": statistics.median(verdicts),
    }
    print(found, flush=True)
    return found


def verdict_by_part(course: Path) -> dict[str, float]:
    """Processor seconds of the verdict on each task of one submission, each in a process as the grader's."""
    opened, student = Course(course), made_up(1)[0].name
    record = opened.record(ASSIGNMENT, student)
    run = unpack((opened.graded_folder(ASSIGNMENT, student) / KEPT).read_bytes(), record["evidence"]["sha256"])
    in_bounds(
        OwnLimits(), timed, TASKS[0], run.evidence[TASKS[0]], run.seed
    )  # starts the process that others are forked from
    found = {task: in_bounds(OwnLimits(), timed, task, run.evidence[task], run.seed) for task in TASKS}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("kept", f"{TASKS[-1]}, explained before by another"):
            found[name] = in_bounds(OwnLimits(), timed, TASKS[-1], run.evidence[TASKS[-1]], run.seed, Path(folder))
    del found["kept"]
    print(found, flush=True)
    return found


def timed(task: str, evidence: Evidence, seed: int, kept: Path | None = None) -> float:
    """Processor seconds of a verdict in this process."""
    judge(task, evidence, seed, kept=kept)
    return time.process_time()


def _seconds(course: Path, command: list[str]) -> dict[str, float]:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run(command, cwd=course, env=ENVIRONMENT, capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(
            f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}"
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {
        "wall": time.perf_counter() - started,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }
    print(command[2:], found, flush=True)
    return found


if __name__ == "__main__":
    main()
