"""Hand-ins by authors who knew the problem sets and not the checks: run as notebooks are, and judged from the evidence.

A file of `corpus/psN/unseen/` holds the answer cells of one notebook, and what its author expects of a right grader.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from autograder.course.demo import GRADIENT, INTEGRATED
from autograder.judge.probes import write_questions
from autograder.problem_sets import PROBLEM_SETS, checking
from autograder.student import evidence
from autograder.student.evidence import EvidenceError
from autograder.student.questions import QUESTIONS_FOLDER
from autograder.student.submit import EVIDENCE_FOLDER
from tests.autograder.choice import with_digits

KIT = Path(__file__).resolve().parents[2]
FOLDER = KIT / "corpus"
RUN_SEED = 7
INTRODUCTION = """\
The grader and the corpus above were written side by side. These submissions were not: their authors knew the problem sets
and what students are told, and nothing of the checks. Each says what it expects of a right grader; where the text of the
set does not decide, it says so. How they did the first time, before anything was fixed, is in
[corpus](../corpus/README.md).
"""
CORRECT, WRONG, UNCLEAR = "correct", "wrong", "unclear"
# ps1's functions stand by themselves: who wrote about one of them is given the others.
GIVEN = {"ps1-input-gradient-answer": GRADIENT, "ps1-integrated-gradients-answer": INTEGRATED}


@dataclass(frozen=True)
class HandIn:
    """`expected` is correct, wrong or unclear; `tasks` are those that have to lose points, `cells` are sources by id."""

    set: str
    name: str
    expected: str
    tasks: tuple[str, ...]
    what: str
    cells: dict[str, str]


@dataclass(frozen=True)
class Seen:
    """What came out: the tasks that lost points, and the diagnoses."""

    hand_in: HandIn
    lost: tuple[str, ...]
    mistakes: tuple[str, ...]

    @property
    def as_expected(self) -> bool:
        if self.hand_in.expected == CORRECT:
            return not self.lost
        return self.hand_in.expected == UNCLEAR or set(self.hand_in.tasks) <= set(self.lost)


def files() -> list[Path]:
    return sorted(FOLDER.glob("ps*/unseen/*.txt"))


def read(path: Path) -> HandIn:
    """A hand-in from its file; the cells that it leaves out are those of the base that it names."""
    head, *parts = re.split(r"^%%cell (\S+)\n", path.read_text(), flags=re.MULTILINE)
    said = dict(re.findall(r"^# (base|expect|what): (.*)$", head, flags=re.MULTILINE))
    cells = dict(zip(parts[::2], parts[1::2], strict=True))
    if "base" in said:
        cells = read(path.with_name(f"{said['base']}.txt")).cells | cells
    expected, *tasks = re.split(r"[ ,]+", said["expect"])
    return HandIn(path.parents[1].name, path.stem, expected, tuple(tasks), said["what"], cells)


def judge(path: Path) -> Seen:
    """Run a hand-in's notebook in a process of its own, and judge what it left."""
    hand_in = read(path)
    assignment = next(a for a in PROBLEM_SETS.values() if a.id.startswith(hand_in.set))
    lost, mistakes = [], []
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as asked:
        for task in assignment.tasks:
            write_questions(Path(asked), task, RUN_SEED)
        process = os.fork()
        if not process:
            _run_and_end(hand_in, assignment.id, {EVIDENCE_FOLDER: folder, QUESTIONS_FOLDER: asked})
        os.waitpid(process, 0)
        for task in assignment.tasks:
            if not task.automatic or f"{task.id}-answer" not in GIVEN | hand_in.cells:
                continue
            try:
                verdict = checking.judge(task.id, evidence.read(Path(folder), task.id), RUN_SEED)
            except EvidenceError:
                lost.append(task.id)
                continue
            if verdict.points < verdict.max_points:
                lost.append(task.id)
                mistakes += [verdict.mistake] if verdict.mistake else []
    return Seen(hand_in, tuple(lost), tuple(dict.fromkeys(mistakes)))


def _run_and_end(hand_in: HandIn, assignment: str, folders: dict[str, str]) -> None:
    try:
        torch.set_num_threads(
            1
        )  # a pool of threads does not survive a fork: whoever uses one would wait for it without an end
        os.environ |= folders | {"MPLBACKEND": "Agg"}
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        with tempfile.TemporaryDirectory() as work:
            os.chdir(work)
            from IPython.core.interactiveshell import InteractiveShell
            from matplotlib import pyplot

            shell = InteractiveShell.instance()
            for source in _sources(hand_in, assignment):
                shell.run_cell(source)  # goes on after an error, as nbgrader does
                pyplot.close("all")
    finally:
        os._exit(0)


def _sources(hand_in: HandIn, assignment: str) -> Iterator[str]:
    """The cells that grading needs, in the notebook's order: those in between only show things."""
    notebook = json.loads((KIT / "assignments" / assignment / f"{assignment}.ipynb").read_text())
    cells = GIVEN | hand_in.cells
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id") or cell["id"]
        if cell["cell_type"] != "code" or (name == "ps1-photo" and "ps1-photo-answer" not in cells):
            continue
        source = "".join(cell["source"])
        if name in cells:
            yield cells[name]
        elif name.endswith("-choice"):
            yield with_digits(source)
        elif cell["metadata"].get("nbgrader") or name.endswith(("-setup", "-choice-shown", "-draw")):
            yield source


def table_of(results: Sequence[Seen]) -> str:
    """The section about unseen work, in Markdown."""
    lines = ["", "## Work by authors who had not seen the checks", "", INTRODUCTION]
    lines += ["| set | correct | accepted | wrong | caught | unclear |", "|---|---|---|---|---|---|"]
    for name in dict.fromkeys(seen.hand_in.set for seen in results):
        of_set = [seen for seen in results if seen.hand_in.set == name]
        cells = [name]
        for expected in (CORRECT, WRONG):
            some = [seen for seen in of_set if seen.hand_in.expected == expected]
            cells += [str(len(some)), f"{sum(seen.as_expected for seen in some)} of {len(some)}"]
        cells.append(str(sum(seen.hand_in.expected == UNCLEAR for seen in of_set)))
        lines.append("| " + " | ".join(cells) + " |")
    missed = [seen for seen in results if not seen.as_expected]
    lines += ["", "Judged otherwise than their authors expected:", ""]
    lines += [
        f"- {seen.hand_in.expected}, {seen.hand_in.set} {seen.hand_in.name}: {seen.hand_in.what}" for seen in missed
    ]
    return "\n".join([*lines, ""])
