"""From a run to verdicts: the check that a task's set declares, asked with the evidence, or why there is none."""

from __future__ import annotations

import math
import pkgutil
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from autograder.judge.deadline import Deadline
from autograder.judge.mistakes import Mistake
from autograder.judge.studies.sample import Sample
from autograder.judge.tolerances import MAX_RECOMPUTED_PHOTO_GRADIENTS
from autograder.judge.verdict import Verdict, verdict_of
from autograder.problem_sets import TASKS
from autograder.sandbox.model_process import ModelProcess
from autograder.student.evidence import Evidence
from autograder.student.record import AnswersRecord, StudyRecord
from autograder.task import ANSWER, Function
from igref.memory import keep_freed_memory

MISTAKE_OF_ERROR = {"NotImplementedError": Mistake.NOT_DONE, "CellTimeoutError": Mistake.OUT_OF_TIME}


@dataclass
class Run:
    """What happened when a notebook was run: its evidence, why it ended before its end, if it did, and what follows.

    `ended` is a name in `autograder.judge.mistakes.Mistake` and `detail` says more. `errors` maps the ids of cells
    to the name and text of the error that they stopped with, in the student's own words. `verdicts` and `own_work`
    are there once it has been judged. `unprotected` says that it ran without a sandbox. `seconds` are of wall time,
    `cpu_seconds` are those in which its processes computed.
    """

    seed: int
    evidence: dict[str, Evidence] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    ended: str = ""
    detail: str = ""
    errors: dict[str, tuple[str, str]] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    own_work: dict[str, Any] = field(default_factory=dict)
    unprotected: bool = False


def judge(
    task: str,
    evidence: Evidence[dict[str, Any]],
    seed: int,
    gradients: int = MAX_RECOMPUTED_PHOTO_GRADIENTS,
    kept: Path | None = None,
    seconds: float = math.inf,
) -> Verdict:
    """The verdict on a task, from its evidence and the seed that its probes were drawn from.

    A study's maps are recomputed until `gradients` of a photo are spent; those in the folder `kept` need not be computed again. A
    model that comes as a file runs in a sandbox of its own meanwhile. After `seconds` by the wall clock no more is looked for, and
    the verdict says what was left out.

    Raises:
        KeyError: no task has this id.
    """
    keep_freed_memory()
    expected = AnswersRecord if isinstance(TASKS[task].asks, Function) else StudyRecord
    try:
        typed = Evidence(msgspec.convert(evidence.record, expected), evidence.arrays)
    except (msgspec.ValidationError, OverflowError) as error:
        note = f"the record is not what submit writes: {str(error)[:200]}"
        return nothing_to_judge(task, Mistake.EVIDENCE_DAMAGED, note)
    check = pkgutil.resolve_name(f"{__package__}.{TASKS[task].check}")
    with ExitStack() as running:

        def open_model(content: bytes, suffix: str) -> ModelProcess:
            return running.enter_context(ModelProcess(content, suffix))

        deadline = Deadline(seconds)
        verdict = check(typed, Sample(seed, gradients, open_model, kept, deadline))
        return replace(verdict, notes=(*verdict.notes, *deadline.told()))


def nothing_to_judge(task: str, mistake: Mistake, note: str = "") -> Verdict:
    """The verdict where there is no evidence. `mistake` is the reason."""
    faults = {one.name: "nothing to judge" for one in TASKS[task].properties}
    return verdict_of(TASKS[task], faults, [Mistake(mistake)], (note,) if note else ())  # type: ignore[call-arg]  # looked up by its value


def why_nothing(task: str, run: Run) -> Verdict:
    """The verdict on a task of which a run left no evidence: why there is none."""
    if run.ended:
        return nothing_to_judge(task, run.ended, run.detail)
    for cell, words in ((task + ANSWER, "The answer's cell"), (task, "This cell")):
        name, message = run.errors.get(cell, ("", ""))
        if name:
            mistake = MISTAKE_OF_ERROR.get(name, Mistake.NOT_REACHED)
            return nothing_to_judge(task, mistake, f"{words} stopped with {name}: {message}")
    damage = run.damaged.get(task, "")
    return nothing_to_judge(
        task, Mistake.NOT_REACHED if damage.startswith("there is no") else Mistake.EVIDENCE_DAMAGED, damage
    )
