"""`submit`: what a graded cell calls. It turns a student's function or study into evidence.

While work is graded this runs in the sandbox, beside the student's code, and only writes files; the
verdict is the grader's. In a student's own notebook, where no grader has named a folder for the
evidence, the same checks run in place, on fewer maps of a study, and the verdict is shown as feedback.
It decides nothing.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import igref
from autograder import evidence
from autograder.evidence import Evidence
from autograder.probes import PROBES, Probe
from autograder.quality_probes import quality_probes
from autograder.studies import ARRAY, ARRAYS, VALUE, answer, measured_again, study_record
from igref.memory import keep_freed_memory

keep_freed_memory()  # whoever imports this runs a problem set: gradients of photos, again and again

EVIDENCE_FOLDER = "AUTOGRADER_EVIDENCE"
SEED = "AUTOGRADER_SEED"
MEASURED_AGAIN = 6
"""Maps of a scored study that its measure is asked about again."""
FEW_PROBES, KEPT_TOGETHER = 30, 16
"""Answers are kept as soon as they are there; of more probes than a few, so many at a time."""


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
    """
    collect = _COLLECTORS.get(task)
    if collect is None:
        raise ValueError(f"submit knows no task {task!r}; expected one of {', '.join(sorted(_COLLECTORS))}")
    if folder := os.environ.get(EVIDENCE_FOLDER):
        collect(work, study, int(os.environ[SEED]), Path(folder), task)
        return None
    seed = secrets.randbits(48)
    with tempfile.TemporaryDirectory() as scratch:
        collect(work, study, seed, Path(scratch), task)
        # Withheld from a student's process while work is graded.
        from autograder.checks import judge
        from autograder.tolerances import FEEDBACK_PHOTO_GRADIENTS

        return judge(task, evidence.read(Path(scratch), task), seed, FEEDBACK_PHOTO_GRADIENTS)


def _collect_answers(kind: str, ask: Callable[[Callable, Probe, torch.Tensor], Any]) -> Callable:
    """The collector for a function: ask it every probe, and keep each answer as soon as it is there."""

    def collect(function: Any, study: dict[str, Any], seed: int, folder: Path, task: str) -> None:
        if not callable(function) or study:
            raise ValueError(f"submit({task!r}, ...) expects the function, got {_describe(function, study)}")
        probes = quality_probes(seed) if kind == "quality" else PROBES[kind](seed)
        record: dict[str, Any] = {"task": task, "answers": {}}
        arrays: dict[str, np.ndarray] = {}
        together = 1 if len(probes) <= FEW_PROBES else KEPT_TOGETHER
        given: dict[int, torch.Tensor] = {}
        for n, probe in enumerate(probes):
            record["running"] = probe.name
            if n % together == 0:
                evidence.write(folder, task, Evidence(record, arrays))
            # Who is asked about an x again gets it as the last answer left it.
            x = given.setdefault(id(probe.x), probe.x.clone())
            record["answers"][probe.name], values = answer(lambda p=probe, x=x: ask(function, p, _without_gradient(x)))
            if values is not None:
                arrays[probe.name] = values
        record.pop("running", None)
        evidence.write(folder, task, Evidence(record, arrays))

    return collect


def _without_gradient(x: torch.Tensor) -> torch.Tensor:
    x.grad = None
    return x.detach_()


def _collect_study(parts: dict[str, str]) -> Callable:
    """The collector for a study; `parts` says what each part is."""

    def collect(work: Any, study: dict[str, Any], seed: int, folder: Path, task: str) -> None:
        if work is not None:
            raise ValueError(f"submit({task!r}, ...) expects named parts: {', '.join(parts)}")
        evidence.write(folder, task, Evidence(*study_record(task, study, parts)))

    return collect


def _collect_scored_study(parts: dict[str, str], maps: str) -> Callable:
    """The collector for a study and the measure that it was scored with, which is asked again about a few maps."""

    def collect(measure: Any, study: dict[str, Any], seed: int, folder: Path, task: str) -> None:
        if not callable(measure):
            raise ValueError(f"submit({task!r}, attribution_quality, ...) expects the function first, then named parts")
        forward = study.pop("forward", None)
        record, arrays = study_record(task, study, parts)
        evidence.write(folder, task, Evidence(record, arrays))
        if forward is None:
            try:
                model = igref.load_model(study["model"])
                forward = getattr(model, study.get("scores", "probabilities"))
            except Exception as error:  # the check says it in a student's words
                record["measured_again_failed"] = f"{type(error).__name__}: {error}"[:300]
        if forward is not None:
            kept = len(arrays["images"]) if "images" in arrays else 0
            record["measured_again"] = measured_again(measure, forward, study, maps, kept, seed, MEASURED_AGAIN)
        evidence.write(folder, task, Evidence(record, arrays))

    return collect


def _describe(function: Any, study: dict[str, Any]) -> str:
    return f"the parts {', '.join(study)}" if study else f"a {type(function).__name__}"


_OF_IMAGES = {"model": VALUE, "scores": VALUE, "images": ARRAY, "targets": ARRAY}

_COLLECTORS: dict[str, Callable] = {
    "ps1-input-gradient": _collect_answers(
        "input_gradient",
        lambda function, p, x: function(p.network, x, p.target),
    ),
    "ps1-integrated-gradients": _collect_answers(
        "integrated_gradients",
        lambda function, p, x: function(p.network, x, p.baseline.clone(), p.target, p.n_steps),
    ),
    "ps1-photo": _collect_study(
        {"model": VALUE, "scores": VALUE, "image": ARRAY, "baseline": ARRAY, "target": VALUE, "n_steps": VALUE}
        | {"attribution": ARRAY, "gradient_times_input": ARRAY}
    ),
    "ps2-study": _collect_study(
        _OF_IMAGES | {"predictions": ARRAY, "n_steps": VALUE, "baselines": ARRAYS, "attributions": ARRAYS}
    ),
    "ps3-study": _collect_study(
        _OF_IMAGES
        | {"predictions": ARRAY, "baseline": ARRAY, "rule": VALUE, "attributions": ARRAYS}
        | {"gaps": ARRAYS, "enough": ARRAY}
    ),
    "ps4-measure": _collect_answers(
        "quality",
        lambda function, p, x: function(p.network, x, p.attribution.clone(), p.target),
    ),
    "ps4-baselines": _collect_scored_study(
        _OF_IMAGES | {"n_steps": VALUE, "baselines": ARRAYS, "attributions": ARRAYS, "quality": ARRAYS}, "attributions"
    ),
    "ps4-steps": _collect_scored_study(
        _OF_IMAGES | {"baseline": ARRAY, "rule": VALUE, "attributions": ARRAYS, "quality": ARRAYS}, "attributions"
    ),
}
