"""A student's answers beside the probes that asked for them, and what is wrong with their form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch

from autograder.judge.mistakes import Mistake
from autograder.judge.probes.functions import Probe
from autograder.judge.tolerances import ROUNDING
from autograder.student.evidence import Evidence
from autograder.student.record import AnswerRecord, AnswersRecord

TENSOR_TYPES = ("Tensor", "Parameter")
CHANGEABLE = ("x", "baseline")
NO_ANSWER = "there is no answer"
SUMMED, AXIS_GONE = "the channels were summed", "an axis of length one is missing"


@dataclass(frozen=True)
class Answer:
    """What came back for one probe.

    `values` are float64 of the probe's shape, or None where there is nothing to compare. `complaint` says what
    is wrong with the form of the answer, even where its numbers can still be compared, and `mistake` names it where it
    has a name; a `remark` costs nothing; `changed` are the arguments that the call has changed. All are empty when nothing
    is to be said.
    """

    probe: Probe
    values: np.ndarray | None
    complaint: str
    error: str = ""
    mistake: Mistake | None = None
    remark: str = ""
    changed: tuple[str, ...] = ()

    @property
    def is_finite(self) -> bool:
        """Whether there are numbers, and all of them finite."""
        return self.values is not None and bool(np.isfinite(self.values).all())


def read_answers(evidence: Evidence[AnswersRecord], probes: list[Probe]) -> list[Answer]:
    """One answer for each probe, in order: answers are numbered as the questions were.

    Float32 is what photos and models have, so who refuses a question in float64 by an error was not asked it; a number that is
    given there has to be right.
    """
    given = evidence.record.answers
    answers = [_read(probe, given.get(str(n)), evidence.arrays.get(str(n))) for n, probe in enumerate(probes)]
    answers = [replace(one, changed=_changed(given.get(str(n)))) for n, one in enumerate(answers)]
    if any(
        one.mistake is Mistake.CHANNELS_SUMMED for one in answers
    ):  # which of a grey picture looks like its axis gone
        answers = [_as_summed(one) for one in answers]
    return [one for one in answers if not (one.error and one.probe.x.dtype == torch.float64)]


def _as_summed(answer: Answer) -> Answer:
    if answer.mistake is not Mistake.AXIS_MISSING or answer.probe.x.ndim != 3 or len(answer.probe.x) > 1:
        return answer
    return replace(answer, mistake=Mistake.CHANNELS_SUMMED, complaint=answer.complaint.replace(AXIS_GONE, SUMMED))


def _changed(record: AnswerRecord | None) -> tuple[str, ...]:
    """The arguments that a function can have changed, of those that the record names."""
    return tuple(name for name in CHANGEABLE if record and name in record.changed)


def unfinished(evidence: Evidence[AnswersRecord], names: list[str]) -> str:
    """The name of the probe that was being asked when the process ended, or an empty string. `names` are in the order of
    the questions."""
    return next((name for n, name in enumerate(names) if evidence.record.running == str(n)), "")


def changes_when_asked_again(answered: Sequence[Answer]) -> bool:
    """Whether the very same question, asked once more, had another answer, of those that have values."""
    return any(
        two.probe.again
        and two.probe.baseline is one.probe.baseline
        and not np.allclose(one.values, two.values, rtol=ROUNDING, atol=0, equal_nan=True)
        for one, two in pairwise(answered)
        if one.values is not None and two.values is not None
    )


def _read(probe: Probe, record: AnswerRecord | None, values: np.ndarray | None) -> Answer:
    if record is None:
        return Answer(probe, None, NO_ANSWER)
    if record.status != "returned":
        return Answer(probe, None, f"it raised {record.error}: {record.message}", record.error or "an error")
    kind, shape = record.type, tuple(probe.x.shape)
    if values is None and record.shape is not None:
        if record.shape == list(shape):
            return Answer(probe, None, f"it returned {record.dtype} values, expected floating point numbers")
        return Answer(probe, None, f"it returned the shape {tuple(record.shape)}, expected the shape of x, {shape}")
    if values is None:
        mistake = Mistake.NOTHING_RETURNED if kind == "NoneType" else None
        complaint = f"it returned {_article(kind)}, expected a torch.Tensor of shape {shape}"
        return Answer(probe, None, complaint, mistake=mistake)
    complaint, mistake, readable = _form(kind, record.items, values, shape)
    if not complaint and not np.isfinite(values).all():
        complaint = f"it returned NaN or infinity in {int((~np.isfinite(values)).sum())} of {values.size} values"
    remark = "" if complaint else _remark(record, probe)
    read = None if readable is None else readable.astype(np.float64)
    return Answer(probe, read, complaint, mistake=mistake, remark=remark)


def _form(
    kind: str, items: int | None, values: np.ndarray, shape: tuple[int, ...]
) -> tuple[str, Mistake | None, np.ndarray | None]:
    """What is wrong with the form of an answer, its name, and its numbers in the probe's shape where they can be read."""
    tensor = f"expected a torch.Tensor of the shape of x, {shape}"
    readable = _in_shape(values, shape)
    if items is not None:
        return (
            f"it returned a {kind} of {items} things, {tensor} and nothing else",
            Mistake.SEVERAL_RETURNED,
            readable,
        )
    if len(shape) == 3 and shape[0] > 1 and values.shape in (shape[1:], (1, *shape[1:])):
        return (
            f"it returned the shape {values.shape}: {SUMMED}; {tensor}",
            Mistake.CHANNELS_SUMMED,
            None,
        )
    if values.shape != shape and readable is not None:
        if values.ndim < len(shape) and _squeezed(values.shape) == _squeezed(shape):
            how, mistake = AXIS_GONE, Mistake.AXIS_MISSING
        elif values.ndim == 1:
            how, mistake = "the map was flattened", Mistake.FLATTENED
        elif values.ndim == len(shape) + 1 and kind in ("list", "tuple"):
            return f"it returned {_article(kind)} of one tensor, {tensor}", Mistake.BATCH_OF_ONE, readable
        elif values.ndim == len(shape) + 1:
            how, mistake = "there is a batch dimension of one", Mistake.BATCH_OF_ONE
        else:
            how, mistake = "the channels are last", Mistake.CHANNELS_LAST
        return f"it returned the shape {values.shape}: {how}; {tensor}", mistake, readable
    if kind not in TENSOR_TYPES:
        complaint = f"it returned {_article(kind)}, expected a torch.Tensor (torch.as_tensor makes one)"
        return complaint, Mistake.NOT_A_TENSOR, readable
    if values.shape != shape:
        mistake = Mistake.AXIS_SUMMED if _is_without_axes(values.shape, shape) else None
        return f"it returned the shape {values.shape}, expected the shape of x, {shape}", mistake, None
    if values.dtype.kind != "f":
        return f"it returned {values.dtype}, expected floating point numbers", None, readable
    return "", None, readable


def _is_without_axes(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a shape is another one with an axis left out, or with all of them."""
    return given == () or any(given == shape[:axis] + shape[axis + 1 :] for axis in range(len(shape)))


def _in_shape(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """The numbers in the probe's shape, where they can be read beyond doubt."""
    if values.size != int(np.prod(shape)):
        return None
    if values.shape == shape or values.ndim == 1 or _squeezed(values.shape) == _squeezed(shape):
        return values.reshape(shape)
    squeezed = values.reshape(_squeezed(values.shape))
    if len(shape) == 3 and squeezed.shape == (*shape[1:], shape[0]):
        return np.moveaxis(squeezed, -1, 0)
    return None


def _remark(record: AnswerRecord, probe: Probe) -> str:
    if record.requires_grad:
        return "The answer still requires a gradient, which keeps every step's memory: return it detached."
    if record.dtype == "float64" and probe.x.dtype == torch.float32:
        return "The answer is in float64 although x is in float32: convert it with .to(x.dtype)."
    return ""


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def _article(kind: str) -> str:
    return (
        "None (is there a return statement? .grad is None unless requires_grad_() was called on that very tensor)"
        if kind == "NoneType"
        else f"a {kind or 'value'}"
    )
