"""`submit`: what a graded cell calls. It turns a student's function or study into evidence.

While work is graded this runs in the sandbox, beside the student's code, and only writes files; the
verdict is the grader's. In a student's own notebook, where no grader has named a folder for the
evidence, the same checks run in place, on fewer maps of a study, and the verdict is shown as feedback.
It decides nothing.
"""

from __future__ import annotations

import math
import os
import secrets
import sys
import tempfile
import textwrap
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import igref
from autograder.problem_sets import TASKS
from autograder.student import evidence, questions
from autograder.student.evidence import Evidence
from autograder.student.handed_out import told_of_changes
from autograder.student.questions import QUESTIONS_FOLDER
from autograder.student.record import RANKED, AnswersRecord, answer, measured_again, study_record
from autograder.task import MEASURE, AskedAbout, Function, Task
from igref.memory import keep_freed_memory

keep_freed_memory()  # whoever imports this runs a problem set: gradients of photos, again and again

EVIDENCE_FOLDER = "AUTOGRADER_EVIDENCE"
MEASURED_AGAIN, MEASURING_SECONDS = 6, 5.0
"""Maps of a scored study that its measure is asked about again, at least; and the CPU time in which it is asked about more."""
VALIDATING, VALIDATE_COLUMNS = "NBGRADER_VALIDATING", 82
"""What nbgrader sets while a student validates a notebook; it cuts off what is printed beyond so many columns."""
USUAL_SIZE = (224, 224)
KEPT_BYTES = 256 * 2**20
"""Of gradients that feedback keeps from one try for the next: some 400 of a photo."""
FEW_QUESTIONS, KEPT_TOGETHER = 30, 16
"""Answers are kept as soon as they are there; of more questions than a few, so many at a time."""


def submit(task: str, work: Any = None, **study: Any) -> Any:
    """Hand in the work of one graded cell.

    Args:
        task: the graded cell's id, for example "ps1-integrated-gradients".
        work: the function that the task asks for; leave it out where the task asks for a study.
        **study: the parts of a study, by name: tensors, arrays, numbers and text.

    Returns:
        A verdict that shows itself in the notebook; None while the work is being graded.

    Raises:
        ValueError: an unknown task, or a study where a function is asked for, or the reverse.
        NotImplementedError: while the work is being graded, a part of the study that is still `...`.
    """
    known = sorted(one.id for one in TASKS.values() if one.automatic)
    if task not in known:
        raise ValueError(f"submit knows no task {task!r}; expected one of {', '.join(known)}")
    unwritten = [name for name, value in study.items() if value is ...]
    if folder := os.environ.get(EVIDENCE_FOLDER):
        if unwritten:
            raise NotImplementedError(_still_to_do(unwritten))
        _collect(TASKS[task], work, study, Path(os.environ.get(QUESTIONS_FOLDER, "")), Path(folder))
        return None
    verdict = _feedback(TASKS[task], work, study, unwritten)
    if os.environ.get(VALIDATING) and verdict.points < verdict.max_points:
        _tell_nbgrader(verdict.as_text())
    return verdict


def _feedback(task: Task, work: Any, study: dict[str, Any], unwritten: list[str]) -> Any:
    """The verdict on the work, in the student's own process."""
    # Withheld from a student's process while work is graded.
    from autograder.judge.own_probe import own_probe
    from autograder.judge.probes import write_questions
    from autograder.judge.slides import PAGE
    from autograder.judge.tolerances import FEEDBACK_PHOTO_GRADIENTS, FEEDBACK_SECONDS
    from autograder.problem_sets.checking import judge, nothing_to_judge

    if unwritten:
        return nothing_to_judge(task.id, "not_done", _still_to_do(unwritten))
    if told := _large_pictures(study):
        print(told)
    seed = secrets.randbits(48)
    with tempfile.TemporaryDirectory() as asked, tempfile.TemporaryDirectory() as left:
        write_questions(Path(asked), task, seed)
        _collect(task, work, study, Path(asked), Path(left))
        kept = evidence.read(Path(left), task.id)
        verdict = judge(task.id, kept, seed, FEEDBACK_PHOTO_GRADIENTS, _kept_gradients(), FEEDBACK_SECONDS)
    notes = [*told_of_changes(task.id), *verdict.notes]
    if verdict.points < verdict.max_points and "not_done" not in verdict.mistakes:
        notes += filter(None, [own_probe(task.id, work)])
    beside = (place for place in (PAGE, f"../{PAGE}") if Path(place).is_file())  # as in the student kit
    return replace(verdict, notes=tuple(notes), slides_at=next(beside, ""))


def _large_pictures(study: dict[str, Any]) -> str:
    """What to know before pictures are judged that take longer than photos of the usual size; empty where they do not."""
    shape = tuple(getattr(study.get("images", study.get("image")), "shape", ()))
    if math.prod(shape[-2:]) <= math.prod(USUAL_SIZE):
        return ""
    times = math.prod(shape[-2:]) / math.prod(USUAL_SIZE)
    size, usual = (" x ".join(map(str, one)) for one in (shape[-2:], USUAL_SIZE))
    return f"Pictures of {size} have {times:.1f} times the pixels of {usual}, and take longer to judge."


@cache
def _own_folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="ig-gradients-")  # which goes with the process


def _kept_gradients() -> Path:
    """The folder of this process for gradients, as the next try is of the same picture. It is emptied where it holds much."""
    folder = Path(_own_folder().name)
    kept = list(folder.iterdir())
    if sum(path.stat().st_size for path in kept) > KEPT_BYTES:
        for path in kept:
            path.unlink()
    return folder


def _still_to_do(names: list[str]) -> str:
    return f"Still `...`: {', '.join(names)}. Write the cell above, run it to its end, then run this one again."


def _tell_nbgrader(text: str) -> None:
    """Print it where nbgrader's Validate looks for what is wrong with a cell; it would say "partial credit" alone."""
    lines = (textwrap.wrap(line, VALIDATE_COLUMNS, subsequent_indent="  ") for line in text.splitlines())
    print("\n".join("\n".join(line) for line in lines), file=sys.stderr)


def _collect(task: Task, work: Any, study: dict[str, Any], asked: Path, folder: Path) -> None:
    """Leave the evidence that a task asks for in a folder. The questions to a function lie in the folder `asked`.

    Raises:
        ValueError: something else was handed in than the task asks for.
    """
    if isinstance(task.asks, Function):
        if not callable(work) or study:
            raise ValueError(f"submit({task.id!r}, ...) expects the function, got {_describe(work, study)}")
        _collect_answers(task, work, questions.read(asked, task.id), folder)
    elif not task.asks.measured:
        if work is not None:
            raise ValueError(f"submit({task.id!r}, ...) expects named parts: {', '.join(task.asks.parts)}")
        evidence.write(folder, task.id, Evidence(*study_record(task.id, study, task.asks.parts)))
    else:
        if not callable(work):
            raise ValueError(
                f"submit({task.id!r}, attribution_quality, ...) expects the function first, then named parts"
            )
        _collect_measured_study(task, task.asks.parts, work, study, asked, folder)


def _collect_answers(task: Task, function: Callable, asked: list[dict[str, Any]], folder: Path) -> None:
    """Ask the function every question, and keep each answer, by the question's number, as soon as it is there."""
    record = AnswersRecord(task.id, {})
    arrays: dict[str, np.ndarray] = {}
    together = 1 if len(asked) <= FEW_QUESTIONS else KEPT_TOGETHER
    for n, question in enumerate(asked):
        record.running = str(n)
        if n % together == 0:
            evidence.write(folder, task.id, Evidence(record, arrays))
        arguments = _arguments(task.asks, question)
        before = [one.clone() if isinstance(one, torch.Tensor) else one for one in arguments]
        given, values = answer(lambda given=arguments: function(*given))
        given.changed = [
            name
            for name, one, other in zip(task.asks.arguments, before, arguments, strict=True)
            if isinstance(one, torch.Tensor) and not torch.equal(one, other)
        ]
        record.answers[str(n)] = given
        if values is not None:
            arrays[str(n)] = values
    record.running = ""
    evidence.write(folder, task.id, Evidence(record, arrays))


def _arguments(asks: Function, question: dict[str, Any]) -> list[Any]:
    """The arguments of a call. Who is asked about an x or a baseline again gets them as the last answer left them."""
    values = [question[name] for name in asks.arguments]
    for value in values:
        if isinstance(value, torch.Tensor):
            value.detach_()  # a gradient that was left on it stays, as with whoever calls the function twice
    return values


def _collect_measured_study(
    task: Task, parts: dict[str, str | AskedAbout], measure: Callable, study: dict[str, Any], asked: Path, folder: Path
) -> None:
    """A study and the measure that it was scored with, which is asked again about a few maps, and about some of the grader's."""
    forward = study.pop("forward", None)
    record, arrays = study_record(task.id, study, parts)
    evidence.write(folder, task.id, Evidence(record, arrays))
    if forward is None:
        try:
            model = igref.load_model(study["model"])
            forward = getattr(model, study.get("scores", "probabilities"))
        except Exception as error:  # the check says it in a student's words
            record.measured_again_failed = f"{type(error).__name__}: {error}"[:300]
    if forward is not None:
        kept = len(arrays["images"]) if "images" in arrays else 0
        record.measured_again = measured_again(
            measure, forward, study, "attributions", kept, MEASURED_AGAIN, MEASURING_SECONDS
        )
    evidence.write(folder, task.id, Evidence(record, arrays))
    numbers = []
    for question in questions.read(asked, task.id):
        _, value = answer(lambda q=question: measure(*(q[name] for name in MEASURE)))
        numbers.append(float(value.reshape(())) if value is not None and value.size == 1 else math.nan)
    evidence.write(folder, task.id, Evidence(record, arrays | {RANKED: np.array(numbers)}))


def _describe(function: Any, study: dict[str, Any]) -> str:
    return f"the parts {', '.join(study)}" if study else f"a {type(function).__name__}"
