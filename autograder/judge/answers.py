"""A student's answers beside the probes that asked for them, and what is wrong with their form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.judge.probes.functions import Probe
from autograder.student.evidence import Evidence

TENSOR_TYPES = ("Tensor", "Parameter")
NO_ANSWER = "there is no answer"


@dataclass(frozen=True)
class Answer:
    """What came back for one probe.

    `values` are float64 of the probe's shape, or None where there is nothing to compare. `complaint` says what
    is wrong with the form of the answer, even where its numbers can still be compared; empty when nothing is.
    """

    probe: Probe
    values: np.ndarray | None
    complaint: str
    error: str = ""


def read_answers(evidence: Evidence, probes: list[Probe]) -> list[Answer]:
    """One answer for each probe, in order: answers are numbered as the questions were."""
    given = evidence.record.get("answers")
    given = given if isinstance(given, dict) else {}
    return [_read(probe, given.get(str(n)), evidence.arrays.get(str(n))) for n, probe in enumerate(probes)]


def unfinished(evidence: Evidence, names: list[str]) -> str:
    """The name of the probe that was being asked when the process ended, or an empty string. `names` are in the order of
    the questions."""
    running = evidence.record.get("running")
    return next((name for n, name in enumerate(names) if running == str(n)), "")


def _read(probe: Probe, record: Any, values: np.ndarray | None) -> Answer:
    if not isinstance(record, dict):
        return Answer(probe, None, NO_ANSWER)
    if record.get("status") != "returned":
        error, message = _text(record, "error"), _text(record, "message")
        return Answer(probe, None, f"it raised {error}: {message}", error or "an error")
    kind, shape = _text(record, "type"), tuple(probe.x.shape)
    if values is None and isinstance(record.get("shape"), list):
        if record["shape"] == list(shape):
            return Answer(probe, None, f"it returned {_text(record, 'dtype')} values, expected floating point numbers")
        shown = tuple(n for n in record["shape"] if isinstance(n, int))
        return Answer(probe, None, f"it returned the shape {shown}, expected the shape of x, {shape}")
    if values is None:
        return Answer(probe, None, f"it returned {_article(kind)}, expected a torch.Tensor of shape {shape}")
    complaint = ""
    if kind not in TENSOR_TYPES:
        complaint = f"it returned {_article(kind)}, expected a torch.Tensor (torch.as_tensor makes one)"
    elif values.shape != shape:
        complaint = f"it returned the shape {values.shape}, expected the shape of x, {shape}"
    elif values.dtype.kind != "f":
        complaint = f"it returned {values.dtype}, expected floating point numbers"
    elif not np.isfinite(values).all():
        complaint = f"it returned NaN or infinity in {int((~np.isfinite(values)).sum())} of {values.size} values"
    # A batch dimension of one, or the wrong type, does not make the numbers wrong.
    comparable = values.size == probe.x.numel() and _squeezed(values.shape) == _squeezed(shape)
    return Answer(probe, values.astype(np.float64).reshape(shape) if comparable else None, complaint)


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def _text(record: dict[str, Any], key: str) -> str:
    value = record.get(key, "")
    return value[:500] if isinstance(value, str) else ""


def _article(kind: str) -> str:
    return (
        "None (is there a return statement? .grad is None for a tensor that did not itself get requires_grad_())"
        if kind == "NoneType"
        else f"a {kind or 'value'}"
    )
