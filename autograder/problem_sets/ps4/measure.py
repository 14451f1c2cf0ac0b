"""The verdict on `attribution_quality(forward, x, attribution, target)`: any measure with the properties passes."""

from __future__ import annotations

import math

import numpy as np

from autograder.judge.answers import unfinished
from autograder.judge.function_verdict import STUB_ERROR, WITHHELD
from autograder.judge.mistakes import Mistake
from autograder.judge.probes.measures import HELD, SHARED, Asked, what_is_asked
from autograder.judge.studies.sample import Sample
from autograder.judge.tolerances import LEAST_ABOVE, LEAST_OWN, LEAST_TOLD, SAME_QUALITY
from autograder.judge.verdict import NO_FAULT, Fault, Verdict, verdict_of
from autograder.problem_sets import TASKS
from autograder.student.evidence import Evidence
from autograder.student.record import AnswerRecord, AnswersRecord

TASK = TASKS["ps4-measure"]
CHANGEABLE = ("x", "attribution")
OWN_NOISE = 5
"""A measure without a seed may differ from itself by this many times what it did when it was asked again."""
Values = dict[tuple[int, str], float | None]


def judge(evidence: Evidence[AnswersRecord], sample: Sample) -> Verdict:
    """A number, the same for the same map, whatever its scale; above a random ranking and above the reversed one."""
    probes = what_is_asked(sample.seed)
    answers = [evidence.record.answers.get(str(n)) for n in range(len(probes))]
    values = {
        (p.picture, p.of): _value(answer, evidence.arrays.get(str(n)))
        for n, (p, answer) in enumerate(zip(probes, answers, strict=True))
    }
    complaint, mistake = _complaint(answers, values, probes)
    noise = _largest_difference(values, "again")
    faults = {
        "form": complaint or _target_fault(values),
        "deterministic": _difference_fault(values, "again", "twice the same map"),
        # A measure without a seed differs from itself by as much: that is one fault, and is charged once.
        "scale": _difference_fault(values, "scaled", "the map times a positive number", OWN_NOISE * noise),
        "constants": _constants_fault(values),
    }
    notes = []
    changed = [name for name in CHANGEABLE if any(answer and name in answer.changed for answer in answers)]
    if changed:
        notes.append(
            f"Your function changes what it is given: after the call, {' and '.join(changed)} held other numbers."
        )
    not_the_same = Mistake.MEASURE_CHANGES_INPUT if changed else Mistake.MEASURE_NOT_DETERMINISTIC
    names = {
        "form": Mistake.MEASURE_IGNORES_TARGET,
        "deterministic": not_the_same,
        "scale": Mistake.MEASURE_DEPENDS_ON_SCALE,
        "constants": Mistake.MEASURE_NOT_FINITE,
    }
    mistakes = [mistake] if mistake else [names[name] for name in names if faults[name]]
    behind = {name: [mistake or names[name]] for name in names}
    controls = ("random", "reversed")
    reasons = {}
    for control in controls:
        faults[control], seen, reasons[control] = _control_fault(values, control)
        if faults[control]:
            notes.append(seen)
    is_random = bool(faults["deterministic"] and not mistake)
    for control, reason in _told_apart(reasons, not_the_same if is_random else None).items():
        mistakes += [reason] if reason and reason not in mistakes else []
        behind[control] = [one for one in (reason or mistake,) if one]
    if fault := "" if complaint else _network_fault(values, lost=all(faults[control] for control in controls)):
        faults |= dict.fromkeys(controls, fault)
        faults["form"] = ""  # what asks no network has no target: one fault, charged once
        behind |= {control: [Mistake.MEASURE_IGNORES_NETWORK, *behind[control]] for control in controls}
        mistakes = [
            Mistake.MEASURE_IGNORES_NETWORK,
            *(one for one in mistakes if one != Mistake.MEASURE_IGNORES_TARGET),
        ]
    # Numbers that come by chance hide all else. A measure that says nothing about maps is the largest fault: what gives every
    # ranking one number need not ask a network. One that tells the reversed map looks at maps, if not at where they are high.
    first = [not_the_same, Mistake.MEASURE_IGNORES_MAP, Mistake.MEASURE_IGNORES_NETWORK]
    if Mistake.MEASURE_IGNORES_SIGN not in mistakes:
        first.remove(Mistake.MEASURE_IGNORES_MAP)
    mistakes.sort(key=lambda one: first.index(one) if one in first else len(first))
    if not any(value is not None for value in values.values()):
        faults = {one.name: complaint or "there is no answer" for one in TASK.properties}
        notes, mistakes = [], [mistake] if mistake else []
        behind = dict.fromkeys(faults, mistakes)
    if unfinished(evidence, [p.name for p in probes]):
        notes.append("The process ended while attribution_quality was at work.")
    return verdict_of(TASK, faults, mistakes, notes, behind=behind)


def _told_apart(reasons: dict[str, Mistake | None], by_chance: Mistake | None) -> dict[str, Mistake | None]:
    """The reasons for which controls are lost, those that say the same as one.

    Numbers below both controls' have one thing the wrong way round. Numbers that come by chance say nothing else,
    where they are not mostly below: then `by_chance` is why they do.
    """
    if {*reasons.values()} == {Mistake.MEASURE_REVERSED, Mistake.MEASURE_PREFERS_REVERSED}:
        return dict.fromkeys(reasons, Mistake.MEASURE_REVERSED)
    if by_chance and Mistake.MEASURE_NO_BETTER_THAN_CHANCE in reasons.values():
        return {control: reason and by_chance for control, reason in reasons.items()}
    return reasons


def _value(record: AnswerRecord | None, array: np.ndarray | None) -> float | None:
    if record is None or record.status != "returned" or record.items is not None:
        return None
    if array is None or array.size != 1:
        return None
    return float(array.reshape(()))


def _complaint(answers: list[AnswerRecord | None], values: Values, probes: list[Asked]) -> Fault:
    """What is wrong with the form of the answers, and the mistake's name."""
    for probe, record in zip(probes, answers, strict=True):
        if record is None:
            return Fault("there is no answer", Mistake.EVIDENCE_DAMAGED)
        if record.status != "returned":
            error, message = record.error, record.message
            if error == STUB_ERROR:
                return Fault("the stub is still there", Mistake.NOT_DONE)
            if probe.of == "constant":
                continue  # said of the constants
            return Fault(f"it raised {error}: {message}", Mistake.WITHHELD if WITHHELD in message else Mistake.RAISED)
        if values[probe.picture, probe.of] is None:
            kind = record.type[:40] or "something"
            shape = "" if record.shape is None else f" of shape {tuple(record.shape)}"
            return Fault(f"it returned a {kind}{shape}, expected one number", Mistake.MEASURE_NOT_A_NUMBER)
        if probe.of != "constant" and not math.isfinite(values[probe.picture, probe.of]):
            return Fault("it returned NaN or infinity", Mistake.MEASURE_NOT_FINITE)
    return NO_FAULT


def _spread(values: Values) -> float:
    """The standard deviation of a measure's numbers over pictures and maps: what a difference is held against."""
    known = [
        v
        for (_, of), v in values.items()
        if of in ("true", "random", "reversed") and v is not None and math.isfinite(v)
    ]
    return float(np.std(known)) if known else 0.0


def _pairs(values: Values, of: str) -> list[tuple[float | None, float | None]]:
    return [(values[n, "true"], value) for (n, kind), value in values.items() if kind == of]


def _largest_difference(values: Values, of: str) -> float:
    return max(
        (abs(one - other) for one, other in _pairs(values, of) if one is not None and other is not None), default=0.0
    )


def _difference_fault(values: Values, of: str, words: str, besides: float = 0.0) -> str:
    for one, other in _pairs(values, of):
        if one is None or other is None:
            return f"{words} gave no number"
        if not abs(one - other) <= SAME_QUALITY * _spread(values) + besides:
            return f"{words} gave {one:.4g} and {other:.4g}"
    return ""


def _target_fault(values: Values) -> str:
    pairs = _pairs(values, "other target")
    answered = all(one is not None and other is not None for one, other in pairs)
    same = answered and not _difference_fault(values, "other target", "")
    return "the same number whichever class target is" if same else ""


def _network_fault(values: Values, *, lost: bool) -> str:
    """Whether a network's own map is not told from another network's. `lost` says that neither control was passed.

    Both networks are asked about both maps, so that a measure of the maps alone prefers the own one in half of the cases. Where the
    controls are lost as well, only that the two networks prefer the same map each time says that they were not asked.
    """
    differences = _differences(values, "own", "of another network")
    wins, losses = _wins_and_losses(differences, values)
    above = wins + (len(differences) - wins - losses) / 2
    same_map = all(one * other < 0 for one, other in zip(differences[::2], differences[1::2], strict=False))
    if above >= LEAST_OWN or (lost and not same_map):
        return ""
    return f"a network's own map above another network's for {wins} of {2 * SHARED}, below for {losses}"


def _constants_fault(values: Values) -> str:
    constants = [value for (_, kind), value in values.items() if kind == "constant"]
    if all(value is not None and math.isfinite(value) for value in constants):
        return ""
    return "a constant map gave no finite number"


def _control_fault(values: Values, control: str) -> tuple[str, str, Mistake | None]:
    """What is wrong beside a control, what was seen in numbers, and the mistake's name."""
    wins, losses = _wins_and_losses(_differences(values, "true", control), values)
    told = wins + losses
    above = wins + (HELD - told) / 2
    kind = {"random": "a random ranking", "reversed": "the reversed map"}[control]
    seen = (
        f"Above {kind} for {wins} of {HELD} held-out pictures, equal for {HELD - told}, below for {losses}; "
        f"with equal numbers counted as half, it needs {LEAST_ABOVE}."
    )
    if above >= LEAST_ABOVE:
        return "", seen, None
    if told < LEAST_TOLD:
        reason = Mistake.MEASURE_IGNORES_SIGN if control == "reversed" else Mistake.MEASURE_IGNORES_MAP
        return f"{HELD - told} of {HELD} pictures get the same number for both maps", seen, reason
    if above <= HELD - LEAST_ABOVE:
        reason = Mistake.MEASURE_REVERSED if control == "random" else Mistake.MEASURE_PREFERS_REVERSED
        return f"below {kind} for {losses} of {HELD} held-out pictures", seen, reason
    return f"above {kind} for {wins} of {HELD} held-out pictures only", seen, Mistake.MEASURE_NO_BETTER_THAN_CHANCE


def _differences(values: Values, of: str, control: str) -> list[float]:
    """How much more a map gets than its control, picture by picture; zero where a number is missing or not finite."""
    pictures = sorted(n for n, kind in values if kind == control)
    return [_minus(values[n, of], values[n, control]) for n in pictures]


def _minus(one: float | None, other: float | None) -> float:
    return one - other if one is not None and other is not None and math.isfinite(one - other) else 0.0


def _wins_and_losses(differences: list[float], values: Values) -> tuple[int, int]:
    """How often a map gets more than its control, and how often less."""
    least = SAME_QUALITY * _spread(values)
    return sum(one > least for one in differences), sum(one < -least for one in differences)
