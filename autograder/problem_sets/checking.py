"""The verdict on a task: the check that its set declares, asked with the evidence."""

from __future__ import annotations

import pkgutil
from contextlib import ExitStack
from pathlib import Path

from autograder.judge.mistakes import Mistake
from autograder.judge.studies.sample import Sample
from autograder.judge.tolerances import MAX_RECOMPUTED_PHOTO_GRADIENTS
from autograder.judge.verdict import Verdict, verdict_of
from autograder.problem_sets import TASKS
from autograder.sandbox.model_files import ModelProcess
from autograder.student.evidence import Evidence
from igref.memory import keep_freed_memory


def judge(
    task: str,
    evidence: Evidence,
    seed: int,
    gradients: int = MAX_RECOMPUTED_PHOTO_GRADIENTS,
    kept: Path | None = None,
) -> Verdict:
    """The verdict on a task, from its evidence and the seed that its probes were drawn from.

    A study's maps are recomputed until `gradients` of a photo are spent; those in the folder `kept` need not be computed again. A
    model that comes as a file runs in a sandbox of its own meanwhile.

    Raises:
        KeyError: no task has this id.
    """
    keep_freed_memory()
    check = pkgutil.resolve_name(f"{__package__}.{TASKS[task].check}")
    with ExitStack() as running:

        def open_model(content: bytes, suffix: str) -> ModelProcess:
            return running.enter_context(ModelProcess(content, suffix))

        return check(evidence, Sample(seed, gradients, open_model, kept))


def nothing_to_judge(task: str, mistake: Mistake, note: str = "") -> Verdict:
    """The verdict where there is no evidence. `mistake` is the reason."""
    faults = {one.name: "nothing to judge" for one in TASKS[task].properties}
    return verdict_of(TASKS[task], faults, [Mistake(mistake)], (note,) if note else ())  # type: ignore[call-arg]  # looked up by its value
