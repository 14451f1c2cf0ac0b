"""Grading a class of ps1: throughput against stock nbgrader, two workers against one, warm starts, the verdict by part, replay.

    python -m benchmarks.class_run --students 60
    python -m benchmarks.class_run --students 60 --cost  # of these, what one submission costs, and replay

All contestants grade the same notebooks in turn in one run. Stock nbgrader has its own preprocessors and no sandbox; a graded
cell then checks its answer in the notebook, as `submit` does outside of the grader. Processor seconds are those of everything
that a command started, as the operating system's accounting of a cgroup has them.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import os
import random
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import nbformat

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
from benchmarks.setting import FEW, FEW_BY_TWO, FEW_COLD, OF_A_CLASS, ONE, STOCK, TWO, keep

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
COUNTS = """
import time

def tell_processor_time(*result):
    print("processor seconds so far:", time.process_time())

get_ipython().events.register("post_run_cell", tell_processor_time)
"""
STOCK_CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "integrated-gradients"
c.Execute.timeout = 1200
"""
CPU_ACCOUNTS = Path("/sys/fs/cgroup/cpuacct")
"""Where cgroups account for processor time, in version 1, and only root may make one."""
GRADE = [sys.executable, "-m", "autograder", "grade", ASSIGNMENT, "--again"]
REPLAY = [sys.executable, "-m", "autograder", "replay", ASSIGNMENT]
AUTOGRADE = [sys.executable, "-m", "nbgrader", "autograde", ASSIGNMENT, "--force"]
TASKS = [task.id for task in PROBLEM_SETS[ASSIGNMENT].tasks if task.automatic]
REPLAYED = "replay, two workers"
AGAIN = f"{TASKS[-1]}, with the photo and baseline of another"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--students", type=int, default=STUDENTS)
    options.add_argument(
        "--cost", action="store_true", help="one worker's runs and replay alone: what a submission costs"
    )
    asked = options.parse_args()
    count = asked.students
    os.environ["OMP_NUM_THREADS"] = (
        "1"  # of the verdicts that are timed here, and of stock nbgrader; `grade` sets its workers' own
    )
    _keep_byte_code()
    with tempfile.TemporaryDirectory(prefix="ig-bench-") as folder:
        ours, stock = Path(folder) / "ours", Path(folder) / "stock"
        ours.mkdir()
        make_course(ours)
        nbgrader(ours, "generate_assignment", ASSIGNMENT)
        hand_in(ours, made_up(count))
        _count_from_the_first_cell(ours)
        shutil.copytree(ours, stock)
        (stock / "nbgrader_config.py").write_text(STOCK_CONFIG)
        cold = shutil.copytree(ours, Path(folder) / "cold")
        with (cold / "nbgrader_config.py").open("a") as config:
            config.write("\nc.SandboxedExecute.warm_start = False\n")
        seconds: dict[str, dict[str, float]] = {}
        some = [student.name for student in made_up(count)[: max(1, count // 4)]]
        runs = {
            TWO: (ours, [*GRADE, "--workers", "2"]),
            STOCK: (stock, AUTOGRADE),
            ONE: (ours, [*GRADE, "--workers", "1"]),
            FEW: (ours, [*GRADE, "--workers", "1", "--students", *some]),
            FEW_COLD: (cold, [*GRADE, "--workers", "1", "--students", *some]),
            FEW_BY_TWO: (ours, [*GRADE, "--workers", "2", "--students", *some]),
            REPLAYED: (ours, [*REPLAY, "--workers", "2"]),
        }
        if asked.cost:
            runs = {name: runs[name] for name in (ONE, FEW, REPLAYED)}
        for name, (course, command) in runs.items():
            log = Path(folder) / f"{name}.log"
            print(f"{time.strftime('%H:%M:%S')} {name}: what it says goes to {log}", flush=True)
            graded = some if name in (FEW, FEW_COLD, FEW_BY_TWO) else [student.name for student in made_up(count)]
            seconds[name] = {"students": len(graded), **_seconds(course, command, log)}
            if name in (ONE, FEW):
                seconds[name] |= _by_whom(course, graded)
        spent = {
            "cost": cost(seconds[ONE], seconds[FEW]),
            "verdict": verdict_by_part(ours),
            "replay": seconds.pop(REPLAYED),
        }
        keep("class_cost", spent, OF_A_CLASS)
        if not asked.cost:
            keep("class_run", {"students": count, "seconds": seconds}, OF_A_CLASS)


def _keep_byte_code() -> None:
    """Have every module compiled before, as after a first run: stock nbgrader would compile torch anew for each submission.

    A sandbox cannot write byte code, and whoever has set this variable has none.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for folder in (
        sysconfig.get_path("purelib"),
        Path(__file__).parents[1] / "autograder",
        Path(__file__).parents[1] / "igref",
    ):
        compileall.compile_dir(folder, maxlevels=20, quiet=2, workers=0)


def made_up(count: int) -> tuple[Student, ...]:
    """A class that is right in two styles, each with one of ten photos and one of two baselines, as chance would have it."""
    draw = random.Random(0)
    styles = ((GRADIENT, INTEGRATED), (ANOTHER_STYLE, ANOTHER_STYLE_INTEGRATED))
    return tuple(
        Student(
            f"student{k:03}",
            "made up",
            {
                "ps1-input-gradient": styles[k % 2][0],
                "ps1-integrated-gradients": styles[k % 2][1],
                "ps1-photo": PHOTO.format(photo=draw.randrange(10), fill=draw.choice(("zeros", "ones"))),
            },
        )
        for k in range(count)
    )


def _count_from_the_first_cell(course: Path) -> None:
    """Put a cell that counts processor seconds before all others."""
    for path in course.glob(f"submitted/*/{ASSIGNMENT}/{ASSIGNMENT}.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.insert(0, nbformat.v4.new_code_cell(COUNTS))
        nbformat.write(notebook, path)


def cost(all_: dict[str, float], few: dict[str, float]) -> dict[str, float]:
    """Processor seconds that one submission more takes with one worker, and who spends them.

    What is spent once a run, on starting the worker and on its imports, is left out by comparing a run of all with one of a few.
    """
    more = all_["students"] - few["students"]
    each, cells, verdicts = ((all_[name] - few[name]) / more for name in ("cpu", "cells", "verdicts"))
    all_else = each - cells - verdicts
    once = few["cpu"] - few["cells"] - few["verdicts"] - few["students"] * all_else
    found = {
        "in all": each,
        "the notebook's cells": cells,
        "its verdicts": verdicts,
        "all else": all_else,
        "once a run": once,
    }
    print(found, flush=True)
    return found


def _by_whom(course: Path, students: list[str]) -> dict[str, float]:
    """Processor seconds of the notebooks' cells and of the verdicts, by the accounts of the run that has just ended."""
    opened = Course(course)
    told = [
        re.search(r"the verdicts ([\d.]+)", opened.log_of(ASSIGNMENT, student).read_text())[1] for student in students
    ]
    cells = sum(_cells(opened.graded_folder(ASSIGNMENT, student)) for student in students)
    return {"cells": cells, "verdicts": sum(map(float, told))}


def _cells(graded: Path) -> float:
    """Processor seconds that a notebook's kernel spent on the cells that were handed out, by its own account."""
    notebook = nbformat.read(graded / f"{ASSIGNMENT}.ipynb", as_version=4)
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    told = [float(found) for found in re.findall(r"processor seconds so far: ([\d.]+)", printed)]
    return told[-1] - told[0]


def verdict_by_part(course: Path) -> dict[str, float]:
    """Processor seconds of the verdict on each task of one submission, each in a process as the grader's."""
    opened, student = Course(course), made_up(1)[0].name
    record = opened.record(ASSIGNMENT, student)
    run = unpack((opened.graded_folder(ASSIGNMENT, student) / KEPT).read_bytes(), record["evidence"]["sha256"])
    # The first one starts the process that the others are forked from.
    in_bounds(OwnLimits(), timed, TASKS[0], run.evidence[TASKS[0]], run.seed)
    found = {task: in_bounds(OwnLimits(), timed, task, run.evidence[task], run.seed) for task in TASKS}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("kept", AGAIN):
            found[name] = in_bounds(OwnLimits(), timed, TASKS[-1], run.evidence[TASKS[-1]], run.seed, Path(folder))
    del found["kept"]
    print(found, flush=True)
    return found


def timed(task: str, evidence: Evidence, seed: int, kept: Path | None = None) -> float:
    """Processor seconds of a verdict in this process, without the imports of this module, which the grader's do not need."""
    before = time.process_time()
    judge(task, evidence, seed, kept=kept)
    return time.process_time() - before


def _seconds(course: Path, command: list[str], log: Path) -> dict[str, float]:
    """Wall and processor seconds of a command, and of all that it starts."""
    group = CPU_ACCOUNTS / f"bench-{os.getpid()}-{time.monotonic_ns()}"
    group.mkdir()
    inside = ["/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group), *command]
    started = time.perf_counter()
    with log.open("w") as output:
        ended = subprocess.run(inside, cwd=course, stdout=output, stderr=subprocess.STDOUT)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {ended.returncode}:\n{log.read_text()[-3000:]}")
    wall = time.perf_counter() - started
    found = {"wall": wall, "cpu": int((group / "cpuacct.usage").read_text()) / 1e9}
    print(command[2:], found, flush=True)
    with contextlib.suppress(OSError):  # a process that is still ending keeps it
        group.rmdir()
    return found


if __name__ == "__main__":
    main()
