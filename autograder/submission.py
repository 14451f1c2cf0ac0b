"""`submit`: what a graded cell calls. It turns a student's function or study into evidence.

While work is graded this runs in the sandbox, beside the student's code, and only writes files; the
verdict is the grader's. In a student's own notebook, where no grader has named a folder for the
evidence, the same checks run in place and the verdict is shown as feedback. It decides nothing.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autograder import evidence
from autograder.evidence import Evidence
from autograder.probes import PROBES, Probe

EVIDENCE_FOLDER = "AUTOGRADER_EVIDENCE"
SEED = "AUTOGRADER_SEED"
MAX_MESSAGE = 500


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
        from autograder.checks import judge  # withheld from a student's process while work is graded

        return judge(task, evidence.read(Path(scratch), task), seed)


def _collect_answers(kind: str, ask: Callable[[Callable, Probe], Any]) -> Callable:
    """The collector for a function: ask it every probe, and keep each answer as soon as it is there."""

    def collect(function: Any, study: dict[str, Any], seed: int, folder: Path, task: str) -> None:
        if not callable(function) or study:
            raise ValueError(f"submit({task!r}, ...) expects the function, got {_describe(function, study)}")
        probes = PROBES[kind](seed)
        record: dict[str, Any] = {"task": task, "answers": {}}
        arrays: dict[str, np.ndarray] = {}
        for probe in probes:
            record["running"] = probe.name
            evidence.write(folder, task, Evidence(record, arrays))
            record["answers"][probe.name], values = _answer(lambda p=probe: ask(function, p))
            if values is not None:
                arrays[probe.name] = values
        record.pop("running", None)
        evidence.write(folder, task, Evidence(record, arrays))

    return collect


def _answer(call: Callable[[], Any]) -> tuple[dict[str, Any], np.ndarray | None]:
    """What came back, in words, and its numbers where there are any."""
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = call()
        except (Exception, SystemExit) as error:
            line = traceback.extract_tb(error.__traceback__)[-1].lineno
            return {
                "status": "raised",
                "error": type(error).__name__,
                "message": str(error)[:MAX_MESSAGE],
                "line": line,
            }, None
    answer = {"status": "returned", "type": type(value).__name__, "seconds": time.perf_counter() - started}
    if isinstance(value, torch.Tensor | np.ndarray):
        answer |= {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
    return answer, _numbers(value)


def _numbers(value: Any) -> np.ndarray | None:
    """The numbers in a tensor, an array or nested lists of them; None where there are none."""
    try:
        if isinstance(value, torch.Tensor):
            value = value.detach().to("cpu")
            # Half precision has no counterpart that every reader knows.
            value = (value.float() if value.dtype in (torch.float16, torch.bfloat16) else value).numpy()
        values = np.array(value)
    except Exception:
        return None
    known = values.dtype.kind in "biuf" and values.dtype.itemsize <= 8
    return values if known and values.size else None


def _collect_study(parts: dict[str, str]) -> Callable:
    """The collector for a study: `parts` maps each part to "array" or "value"."""

    def collect(work: Any, study: dict[str, Any], seed: int, folder: Path, task: str) -> None:
        if work is not None:
            raise ValueError(f"submit({task!r}, ...) expects named parts: {', '.join(parts)}")
        record: dict[str, Any] = {"task": task, "values": {}, "missing": [], "types": {}}
        arrays: dict[str, np.ndarray] = {}
        for name, kind in parts.items():
            value = study.get(name)
            record["types"][name] = type(value).__name__
            numbers = _numbers(value) if value is not None else None
            if kind == "array" and numbers is not None:
                arrays[name] = numbers
            elif kind == "value" and isinstance(value, str):
                record["values"][name] = value[:MAX_MESSAGE]
            elif kind == "value" and numbers is not None and numbers.size == 1:
                record["values"][name] = numbers.reshape(()).item()
            else:
                record["missing"].append(name)
        record["unknown"] = sorted(str(name)[:80] for name in set(study) - set(parts))
        evidence.write(folder, task, Evidence(record, arrays))

    return collect


def _describe(function: Any, study: dict[str, Any]) -> str:
    return f"the parts {', '.join(study)}" if study else f"a {type(function).__name__}"


_COLLECTORS: dict[str, Callable] = {
    "ps1-input-gradient": _collect_answers(
        "input_gradient",
        lambda function, p: function(p.network, p.x.clone(), p.target),
    ),
    "ps1-integrated-gradients": _collect_answers(
        "integrated_gradients",
        lambda function, p: function(p.network, p.x.clone(), p.baseline.clone(), p.target, p.n_steps),
    ),
    "ps1-photo": _collect_study(
        {
            "model": "value",
            "scores": "value",
            "image": "array",
            "baseline": "array",
            "target": "value",
            "n_steps": "value",
            "attribution": "array",
            "gradient_times_input": "array",
        }
    ),
}
