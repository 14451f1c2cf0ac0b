"""Handing in an entry and judging it, as the grader does: evidence in files, a verdict from them alone."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from autograder import submit
from autograder.judge.probes import write_questions
from autograder.judge.studies import named_models
from autograder.judge.verdict import Verdict
from autograder.problem_sets import TASKS, checking
from autograder.student import evidence
from autograder.student.questions import QUESTIONS_FOLDER
from autograder.student.submit import EVIDENCE_FOLDER
from corpus import Entry, models

RUN_SEED = 20_170_306
MORE_SEEDS = (1, 2)
PROBED = ("ps1-input-gradient", "ps1-integrated-gradients", "ps4-measure")  # tasks that are asked what the seed draws


@dataclass(frozen=True)
class Result:
    """What became of an entry."""

    entry: Entry
    points: float
    max_points: float
    mistake: str

    @property
    def accepted(self) -> bool:
        return self.points == self.max_points

    @property
    def diagnosed(self) -> bool:
        return self.entry.mistakes is None or self.mistake in self.entry.mistakes

    @property
    def as_expected(self) -> bool:
        return self.accepted if self.entry.correct else not self.accepted


@dataclass(frozen=True)
class Outcome:
    """A result in plain values. `named` is whether the diagnosis names the fault, None where it has no name."""

    task: str
    kind: str
    name: str
    correct: bool
    accepted: bool
    mistake: str
    named: bool | None

    @property
    def set(self) -> str:
        return self.task.partition("-")[0]


def outcome(entry: Entry) -> Outcome:
    """What the table needs of an entry. Where a seed draws the questions, several do, and the worst of them counts."""
    results = [hand_in(entry, seed) for seed in (RUN_SEED, *(MORE_SEEDS if entry.task in PROBED else ()))]
    result = min(results, key=lambda one: (one.as_expected, one.diagnosed))
    named = None if entry.correct or entry.mistakes is None else result.diagnosed
    return Outcome(entry.task, entry.kind, entry.name, entry.correct, result.accepted, result.mistake, named)


def hand_in(entry: Entry, seed: int = RUN_SEED) -> Result:
    """The verdict on an entry, in points and the diagnosis."""
    verdict = verdict_on(entry, seed)
    return Result(entry, verdict.points, verdict.max_points, verdict.mistake)


def verdict_on(entry: Entry, seed: int = RUN_SEED) -> Verdict:
    """Submit the entry's work in the way a graded cell does, and judge the files."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _graded(folder),
        questions_of(entry.task, seed),
        redirect_stdout(io.StringIO()),
    ):
        work, study = entry.make()
        submit(entry.task, work, **study)
        return checking.judge(entry.task, evidence.read(Path(folder), entry.task), seed)


@contextmanager
def questions_of(task: str, seed: int) -> Iterator[None]:
    """The questions of a seed where `submit` looks for them."""
    before = os.environ.get(QUESTIONS_FOLDER)
    with tempfile.TemporaryDirectory() as folder:
        write_questions(Path(folder), TASKS[task], seed)
        os.environ[QUESTIONS_FOLDER] = folder
        try:
            yield
        finally:
            os.environ.pop(QUESTIONS_FOLDER)
            if before is not None:
                os.environ[QUESTIONS_FOLDER] = before


@contextmanager
def _graded(folder: str) -> Iterator[None]:
    """The environment of a graded run, with the corpus's small model among those that can be loaded."""
    before, load = dict(os.environ), named_models._load
    os.environ[EVIDENCE_FOLDER] = folder
    named_models._load = models.load
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        named_models._load = load
        os.environ.clear()
        os.environ.update(before)
