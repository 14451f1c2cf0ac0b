"""Does the same function get the same points whatever the seed? Every function of ps1 in the corpus, on many seeds.

The probes of a seed are drawn once and answered by all functions, so that what the judge computes for a seed is computed once.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import msgspec

from autograder import submit
from autograder.judge.probes.functions import Probe, input_gradient_probes, integrated_gradients_probes
from autograder.judge.truth import Question
from autograder.judge.verdict import Verdict
from autograder.problem_sets.ps1 import input_gradient, integrated_gradients
from autograder.student import evidence
from autograder.student.evidence import Evidence
from autograder.student.record import AnswersRecord
from autograder.student.submit import EVIDENCE_FOLDER
from corpus import corpus
from corpus.entries import Entry, function
from tests.calibration import field_work, unseen_work
from tests.calibration.judged import questions_of

FIRST_SEED = 1000
PROBES: dict[str, Callable[[int], list[Probe]]] = {
    "ps1-input-gradient": input_gradient_probes,
    "ps1-integrated-gradients": integrated_gradients_probes,
}
VERDICTS = {"ps1-input-gradient": input_gradient.verdict, "ps1-integrated-gradients": integrated_gradients.verdict}


@dataclass(frozen=True)
class Outcome:
    """What a function got with one seed: the properties that it lost. `correct` functions are to lose none."""

    name: str
    correct: bool
    seed: int
    lost: tuple[str, ...]


def functions(only: str = "") -> list[Entry]:
    """Every function of ps1 whose task begins with `only`: the corpus, the unseen work and that from the field."""
    entries = [entry for entry in corpus() if entry.task in PROBES]
    entries += [field_work.read(path).entry() for path in field_work.files() if path.parents[1].name == "ps1"]
    entries += [entry for path in unseen_work.files() if path.parents[1].name == "ps1" for entry in _unseen(path)]
    return [entry for entry in entries if entry.task.startswith(only)]


def _unseen(path: Path) -> Iterator[Entry]:
    """The functions of an unseen hand-in, in a namespace that holds all of its cells."""
    of = unseen_work.read(path)
    source = "\n".join(cell for name, cell in (unseen_work.GIVEN | of.cells).items() if "photo" not in name)
    for task in PROBES:
        if f"{task}-answer" in of.cells:
            correct = of.expected == unseen_work.CORRECT or (of.expected == unseen_work.WRONG and task not in of.tasks)
            yield Entry(task, "unseen", of.name, function(source, _name_in(task)), correct)


def _name_in(task: str) -> str:
    return task.removeprefix("ps1-").replace("-", "_")


def with_seed(entries: Sequence[Entry], seed: int) -> list[Outcome]:
    """What each function gets with one seed."""
    found = []
    for task, draw in PROBES.items():
        asked = [Question(probe) for probe in draw(seed)]
        with questions_of(task, seed):
            for entry in entries:
                if entry.task == task:
                    findings = _verdict(entry, asked).findings
                    lost = tuple(sorted(one.name for one in findings if not one.holds))
                    found.append(Outcome(f"{entry.task} {entry.name}", entry.correct, seed, lost))
    return found


def _verdict(entry: Entry, asked: list[Question]) -> Verdict:
    """As with a graded cell, but with what is true of the probes known beforehand."""
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        os.environ[EVIDENCE_FOLDER] = folder
        try:
            submit(entry.task, entry.make()[0])
        finally:
            os.environ.pop(EVIDENCE_FOLDER)
        left = evidence.read(Path(folder), entry.task)
    return VERDICTS[entry.task](Evidence(msgspec.convert(left.record, AnswersRecord), left.arrays), asked)


def unsteady(outcomes: Sequence[Outcome]) -> dict[str, Counter[tuple[str, ...]]]:
    """The functions that lost other properties with another seed, and how often they lost which."""
    lost: dict[str, Counter[tuple[str, ...]]] = {}
    for one in outcomes:
        lost.setdefault(one.name, Counter())[one.lost] += 1
    return {name: counted for name, counted in lost.items() if len(counted) > 1}


def refused(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Where a correct function lost something."""
    return [one for one in outcomes if one.correct and one.lost]


def table_of(outcomes: Sequence[Outcome]) -> str:
    """What differs, by name."""
    names, seeds = {one.name for one in outcomes}, {one.seed for one in outcomes}
    differ = unsteady(outcomes)
    lines = [
        f"{len(names)} functions with {len(seeds)} seeds; {len(names) - len(differ)} get the same with all of them."
    ]
    lines += [f"- correct, seed {one.seed}: {one.name} lost {', '.join(one.lost)}" for one in refused(outcomes)]
    for name, counted in differ.items():
        each = (f"{', '.join(lost) or 'nothing'} ({count} times)" for lost, count in counted.most_common())
        lines.append(f"- {name} lost " + "; ".join(each))
    return "\n".join(lines)
