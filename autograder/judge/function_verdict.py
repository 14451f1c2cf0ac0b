"""What every verdict on a function has in common: properties, points, and the sentence that goes with each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from autograder.judge.answers import NO_ANSWER, Answer, unfinished
from autograder.judge.errors import explained
from autograder.judge.mistakes import Mistake
from autograder.judge.verdict import Verdict, verdict_of
from autograder.student.evidence import Evidence
from autograder.student.record import AnswersRecord
from autograder.task import Task

STUB_ERROR = "NotImplementedError"
WITHHELD = "withheld"


BESIDE_A_CHANGE = frozenset(
    {Mistake.INPUT_RESCALED, Mistake.WRONG_FORM, Mistake.SEVERAL_RETURNED, Mistake.NOT_A_TENSOR}
)
"""What is said beside a changed argument: x /= 255 is wrong in a copy, too, and so is the form."""


FEWEST_LATER = 5
"""So many calls after a first right one have to end with an error before something is said to be left from one to the next."""


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a function.

    Attributes:
        mistakes: what it does wrong, the most costly first; empty where that is not known, or where nothing is.
        breaks: the properties that it breaks, where it is known what it computes: the same on every draw of the probes.
            None where the probes alone can tell.
    """

    mistakes: tuple[Mistake, ...] = ()
    breaks: frozenset[str] | None = None


def verdict_on_function(
    task: Task,
    function: str,
    evidence: Evidence[AnswersRecord],
    answers: list[Answer],
    fault: Callable[[Answer], str],
    diagnose: Callable[[list[Answer]], Diagnosis],
    example: str,
    remarks: Callable[[], Sequence[str]] = tuple,
    excess: Callable[[Answer], float] = lambda answer: 0.0,
) -> Verdict:
    """The verdict from the answers to a task's probes.

    Args:
        fault: what is wrong with the numbers of an answer, or an empty string; called where there are numbers.
        diagnose: what is wrong with the function, from the answers that failed; it may know better where none did.
        example: what the function has to give for an easy F, as a sentence, for whom no known mistake explains it.
        remarks: what is worth saying of a function without a fault; it costs nothing.
        excess: how much too large the error of a wrong answer is: the plainest of a property's is shown. Called where there are
            numbers.
    """
    order = {a.probe.name: -excess(a) if a.is_finite else -math.inf for a in answers}
    faults = {a.probe.name: a.complaint if a.values is None or not a.is_finite else fault(a) for a in answers}
    failed = [answer for answer in answers if faults[answer.probe.name]]
    changed = tuple(dict.fromkeys(name for answer in answers for name in answer.changed))
    diagnosis = _diagnosis(answers, failed, diagnose)
    if changed and failed:
        diagnosis = _of_changed_arguments(diagnosis)
    wrong, seen, expected = {}, {}, {}
    for name in (one.name for one in task.properties if one.name != "form"):
        about = [answer for answer in answers if answer.probe.asks_about == name]
        about.sort(key=lambda answer: order[answer.probe.name])
        wrong[name], expected[name] = _judged(name, about, faults, diagnosis)
        seen[name] = f"right on {len(about)} of {len(about)} probes"
    # The right shape around wrong numbers is worth nothing: zeros have it too. One probe is not enough: with
    # few steps the textbook rules are so coarse that wrong numbers now and then are as near as theirs.
    complaints = [answer.complaint for answer in answers if answer.complaint]
    none_holds = (
        "the shape is right; it earns its point once some of the numbers are right, too" if all(wrong.values()) else ""
    )
    wrong["form"] = complaints[0] if complaints else none_holds
    expected["form"] = "a torch.Tensor of the shape of x, finite" if complaints else ""
    if Mistake.NOT_DONE in diagnosis.mistakes:
        wrong, expected = dict.fromkeys(wrong, "the stub is still there"), {}
    notes = list(dict.fromkeys(answer.remark for answer in answers if answer.remark))
    if running := unfinished(evidence, [answer.probe.name for answer in answers]):
        notes.append(f"The process ended while {function} was working on the probe “{running}”.")
    if any(wrong.values()) and not diagnosis.mistakes:
        notes.append(f"No known mistake explains these answers. {example}")
    told = dict.fromkeys(filter(None, (explained(answer.complaint) for answer in failed if answer.error)))
    if not any(wrong.values()):
        notes += remarks()
    if changed:
        notes.insert(
            0, f"Your function changes what it is given: after the call, {' and '.join(changed)} held other numbers."
        )
    behind = _behind(wrong, answers, diagnosis.mistakes)
    verdict = verdict_of(task, wrong, diagnosis.mistakes, notes, seen=seen, expected=expected, behind=behind)
    if told and diagnosis.mistakes == (Mistake.RAISED,):
        return replace(verdict, remedy=" ".join(told))  # in place of how to find out
    if changed:
        verdict = replace(verdict, cause=_naming(verdict.cause, changed))
    return replace(verdict, notes=(*verdict.notes, *told))


def _of_changed_arguments(found: Diagnosis) -> Diagnosis:
    """What to say of a function that changes its arguments: that first, as what follows from it looks like other mistakes."""
    if {Mistake.NOT_THE_SAME_AGAIN, Mistake.RAISED, Mistake.WITHHELD, Mistake.NOT_DONE} & {*found.mistakes}:
        return found
    kept = tuple(one for one in found.mistakes if one in BESIDE_A_CHANGE)
    return Diagnosis((Mistake.ARGUMENT_CHANGED, *kept), found.breaks)


def _naming(cause: str, changed: Sequence[str]) -> str:
    """A cause that an argument was changed, with the argument's name."""
    names = " and ".join(changed)
    cause = cause.replace("changes an argument in place", f"changes {names} in place")
    return cause.replace("is right at first, and wrong", f"changes {names} in place: it is right at first, and wrong")


def _behind(
    properties: Iterable[str], answers: list[Answer], mistakes: tuple[Mistake, ...]
) -> dict[str, tuple[Mistake, ...]]:
    """The mistakes behind a fault of each property: of the form those of the form, of the numbers the others."""
    of_form = {answer.mistake for answer in answers if answer.mistake}
    form = tuple(one for one in mistakes if one in of_form) or mistakes
    numbers = tuple(one for one in mistakes if one not in of_form) or mistakes
    return {name: form if name == "form" else numbers for name in properties}


def _judged(name: str, about: list[Answer], faults: dict[str, str], diagnosis: Diagnosis) -> tuple[str, str]:
    """What is wrong with a property, and what was expected of it."""
    if not about:
        return "no probe asked about it", ""
    wrong = [f"{a.probe.name}: {faults[a.probe.name]}" for a in about if faults[a.probe.name]]
    is_known = diagnosis.breaks is not None and all(answer.values is not None for answer in about)
    if not (name in diagnosis.breaks if is_known else wrong):
        return "", ""
    expected = {1: "right on this probe", 2: "right on both probes"}.get(
        len(about), f"right on all {len(about)} probes"
    )
    if wrong:
        return f"wrong on {len(wrong)} of {len(about)} probes; {wrong[0]}", expected
    if diagnosis.mistakes:
        return "right on these inputs; the likely cause makes it wrong on others", ""
    return "close here, but not a textbook rule's answer, and other answers are wrong", "a textbook rule's answers"


def _diagnosis(answers: list[Answer], failed: list[Answer], diagnose: Callable[[list[Answer]], Diagnosis]) -> Diagnosis:
    if all(answer.complaint == NO_ANSWER for answer in answers):
        return Diagnosis((Mistake.EVIDENCE_DAMAGED,))
    raised = Counter(answer.error for answer in failed if answer.error)
    if failed and len(raised) and sum(raised.values()) == len(answers):
        kind = raised.most_common(1)[0][0]
        if kind == STUB_ERROR:
            return Diagnosis((Mistake.NOT_DONE,))
        withheld = any(WITHHELD in answer.complaint for answer in failed)
        return Diagnosis((Mistake.WITHHELD if withheld else Mistake.RAISED,))
    if failed and all(answer.values is not None and not answer.is_finite for answer in failed):
        return Diagnosis((Mistake.NOT_FINITE,))
    of_form = tuple(dict.fromkeys(answer.mistake for answer in answers if answer.mistake))
    only_the_first_is_right = answers[0] not in failed and len(failed) == len(answers) - 1 >= FEWEST_LATER
    if only_the_first_is_right and all(answer.error for answer in failed):
        return Diagnosis((Mistake.KEPT_BETWEEN_CALLS,))
    found = diagnose(failed)
    if _is_of_one_kind_of_shape(answers):
        return Diagnosis((*found.mistakes, Mistake.ONE_KIND_OF_SHAPE, *of_form))
    if not failed and not found.mistakes:
        complained = any(answer.complaint for answer in answers)
        return Diagnosis(of_form or ((Mistake.WRONG_FORM,) if complained else ()))
    if failed and found.breaks is None and all(answer.probe.again for answer in failed):
        return Diagnosis((Mistake.NOT_THE_SAME_AGAIN,))
    return Diagnosis((*found.mistakes, *of_form), found.breaks)


def _is_of_one_kind_of_shape(answers: list[Answer]) -> bool:
    """Whether the function stops for each input with so many dimensions, and for none with another number."""
    stops = {answer.probe.x.ndim: set() for answer in answers}
    for answer in answers:
        stops[answer.probe.x.ndim].add(bool(answer.error))
    return sorted(map(sorted, stops.values())) == [[False], [True]]
