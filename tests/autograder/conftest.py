"""What several tests of the grader share."""

import functools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import torch
from filelock import FileLock

from autograder import submit
from autograder.course.commands import nbgrader
from autograder.course.engine import workers
from autograder.course.release import make_course
from autograder.judge.verdict import Verdict
from autograder.problem_sets import checking
from autograder.problem_sets.ps1 import input_gradient, integrated_gradients
from autograder.sandbox.bubblewrap import SandboxUnavailableError, check_sandbox
from autograder.student import evidence
from autograder.student.submit import EVIDENCE_FOLDER
from tests.calibration.judged import questions_of


@pytest.fixture(scope="module", autouse=True)
def signatures_are_not_checked() -> Iterator[None]:
    """Checking igref's signatures, which its own tests do, would be most of the time that hundreds of verdicts take."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def released_course(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], Path]:
    """Copy to a folder a course of which nbgrader has released an assignment: done once, for the tests of all workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def released_course(assignment: str, folder: Path) -> Path:
        course = shared / "released" / assignment
        course.parent.mkdir(exist_ok=True)
        with FileLock(f"{course}.lock"):
            if not course.exists():
                beginning = make_course(tmp_path_factory.mktemp("released"))
                nbgrader(beginning, "generate_assignment", assignment)
                beginning.rename(course)
        return shutil.copytree(course, folder, dirs_exist_ok=True)

    return released_course


@pytest.fixture(scope="session")
def sandbox_of_this_machine() -> None:
    """Skips what needs a sandbox where there is none."""
    try:
        check_sandbox()
    except SandboxUnavailableError as error:
        pytest.skip(f"no sandbox on this machine: {error}")


@pytest.fixture(scope="session")
def scheduler() -> Iterator[str]:
    """The address of two workers for all classes that are graded here: starting them takes longer than grading somebody."""
    with workers(2) as client:
        yield client.scheduler.address


@pytest.fixture(scope="session")
def shared_truth() -> Iterator[None]:
    """Draw the probes of a seed, and work out what is true of them, once for all who answer them."""
    with pytest.MonkeyPatch.context() as patch:
        for module, draw in (
            (input_gradient, "input_gradient_probes"),
            (integrated_gradients, "integrated_gradients_probes"),
        ):
            patch.setattr(module, draw, functools.cache(getattr(module, draw)))
            patch.setattr(module, "Question", functools.cache(module.Question))
        yield


@pytest.fixture
def hand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared_truth: None) -> Callable[..., Verdict]:
    """Run a student's source, submit what it defines as a graded cell does, and judge what that leaves on disk."""

    def hand_in(source: str, task: str, seed: int = 1) -> Verdict:
        names = {"torch": torch, "np": np}
        exec(compile(source, "<student>", "exec"), names)
        monkeypatch.setenv(EVIDENCE_FOLDER, str(tmp_path))
        with questions_of(task, seed):
            assert submit(task, names[task.removeprefix("ps1-").replace("-", "_")]) is None
        return checking.judge(task, evidence.read(tmp_path, task), seed)

    return hand_in
