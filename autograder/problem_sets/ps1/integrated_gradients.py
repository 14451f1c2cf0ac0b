"""The verdict on `integrated_gradients(forward, x, baseline, target, n_steps)`."""

from __future__ import annotations

from functools import cache

import numpy as np

from autograder.judge.answers import Answer, changes_when_asked_again, read_answers
from autograder.judge.compositions import (
    Answered,
    Explanation,
    at_a_fixed_count,
    explain,
    given_by_a_rule,
    integrals_at_a_fixed_count,
    near_miss,
    rule_and_factor,
    rule_of,
)
from autograder.judge.function_verdict import Diagnosis, verdict_on_function
from autograder.judge.in_part import told_in_part
from autograder.judge.line import CLOSED
from autograder.judge.mistakes import BOTH_ENDS, Mistake
from autograder.judge.moments import wrong_sum, wrong_sum_beside
from autograder.judge.probes.functions import REFERENCE_SEEDS, integrated_gradients_probes
from autograder.judge.resemblance import is_rounded, nearest, resemblance
from autograder.judge.studies.sample import Sample
from autograder.judge.telltales import is_capped, telltale
from autograder.judge.tolerances import HALF_PRECISION, ROUNDING
from autograder.judge.truth import Question
from autograder.judge.verdict import Verdict
from autograder.problem_sets import TASKS
from autograder.student.evidence import Evidence
from autograder.student.record import AnswersRecord

TASK = TASKS["ps1-integrated-gradients"]
EXAMPLE = (
    "Try your function on F(x) = w · x, where it has to give w (x - x') element by element, then on F(x) = x · x, where "
    "it has to come close to x² - x'²."
)
NEAR_MISS = frozenset({"polynomial"})
"""What is lost by weights that are no textbook rule's, where they come as near as one on every probe."""

BREAKS = {
    Mistake.KEPT_BETWEEN_CALLS: frozenset({"baseline"}),
    Mistake.FIRST_STEP_FROM_ZERO: frozenset({"baseline"}),
    Mistake.STEPS_CAPPED: frozenset({"steps"}),
}
"""What mistakes cost that show here or there, as the seed draws: another baseline, or more steps, always show them."""

FEW_POINTS = 10
"""With fewer, whatever n_steps says, more is broken than that n_steps is not heeded."""


def judge(evidence: Evidence[AnswersRecord], sample: Sample) -> Verdict:
    """The verdict on what was answered to the probes of the sample's seed."""
    return verdict(evidence, [Question(probe) for probe in integrated_gradients_probes(sample.seed)])


def verdict(evidence: Evidence[AnswersRecord], asked: list[Question]) -> Verdict:
    """An answer is right when it errs no more than a textbook rule near n_steps can."""
    answers = read_answers(evidence, [question.probe for question in asked])
    questions = {question.name: question for question in asked}
    same = _same_for_few_and_many(answers)
    answered = [answer for answer in answers if answer.values is not None]
    lines = [(questions[a.probe.name].line, a.probe.n_steps, a.values) for a in answered]

    def fault(answer: Answer) -> str:
        question = questions[answer.probe.name]
        error = question.relative_error(answer.values)
        if error > question.allowed_error:
            return (
                f"a relative error of {error:.2g} with {question.n_steps} steps; a textbook rule with as many errs by "
                f"{question.allowed_error:.2g} at most"
            )
        if answer.probe.asks_about == "steps" and same:
            return "the same answer for few steps and for many"
        return ""

    def excess(answer: Answer) -> float:
        question = questions[answer.probe.name]
        return question.relative_error(answer.values) / max(question.allowed_error, ROUNDING)

    def diagnose(failed: list[Answer]) -> Diagnosis:
        if not failed:
            missed = near_miss(lines)
            if missed:
                return Diagnosis(missed.mistakes, broken(missed) or NEAR_MISS)
            if rule_of(lines):
                return Diagnosis()
            if is_capped(lines):
                return Diagnosis((Mistake.STEPS_CAPPED,), BREAKS[Mistake.STEPS_CAPPED])
            told = wrong_sum(lines)
            return Diagnosis((told,), _broken_by(told, lines, answered)) if told else Diagnosis()
        if _are_whole([answer.values for answer in failed if answer.values is not None]):
            return Diagnosis((Mistake.WHOLE_NUMBERS,))
        finite = [(questions[a.probe.name], a.values) for a in failed if a.is_finite]
        if any(values.any() for _, values in finite) and all(
            is_rounded(values, one.exact, one.allowed_error) for one, values in finite
        ):
            return Diagnosis((Mistake.VALUES_ROUNDED,))
        if same and (found := at_a_fixed_count(lines)) is not None:
            few = found.composition.summed(1)[0] < FEW_POINTS
            return Diagnosis(found.mistakes, broken(found) | {"steps"} if few else frozenset({"steps"}))
        if same and all(answer.probe.asks_about == "steps" for answer in failed):
            return Diagnosis((Mistake.STEPS_IGNORED,), frozenset({"steps"}))
        wrong = [k for k, answer in enumerate(answered) if answer in failed]
        errors = [questions[answered[k].probe.name].relative_error(answered[k].values) for k in wrong]
        if errors and all(ROUNDING < error < HALF_PRECISION for error in errors):
            return Diagnosis((Mistake.HALF_PRECISION,))
        if same and (found := explain(lines, wrong, integrals_at_a_fixed_count)) is not None:
            return Diagnosis(found.mistakes, broken(found) | {"steps"})
        is_of_calls = all(answered[k].probe.again for k in wrong)  # then what it computes at first is right
        if not (wrong and is_of_calls) and (found := explain(lines, wrong)) is not None:
            return Diagnosis(found.mistakes, broken(found) or (NEAR_MISS if found.mistakes else None))
        if any(answered[k].probe.again for k in wrong):
            first = [k for k, answer in enumerate(answered) if not answer.probe.again]
            found = rule_and_factor([lines[k] for k in first])
            if found is None and changes_when_asked_again(answered):
                found = explain([lines[k] for k in first], [place for place, k in enumerate(first) if k in wrong])
            if found is not None and found.mistakes:
                again = {answered[k].probe.asks_about for k in wrong if answered[k].probe.again}
                return Diagnosis((*found.mistakes, Mistake.NOT_THE_SAME_AGAIN), broken(found) | again)
        told = telltale(lines, wrong)
        if told:
            breaks = BREAKS.get(told[0]) if is_of_calls else _broken_by(told[0], lines, answered)
            return Diagnosis(told, breaks)
        given = [(questions[answer.probe.name], answer.values) for answer in answered]
        if (found := nearest(given, wrong)) is not None:
            return Diagnosis(found.mistakes, broken(found))
        told = wrong_sum_beside(lines) or resemblance(given, wrong)
        from_zero = [not line.baseline.any() for line, _, _ in lines]
        if wrong and not told and sum(from_zero) > 1 and not any(from_zero[k] for k in wrong):
            told = (Mistake.RIGHT_FROM_ZERO_ALONE,)
        told = told or told_in_part(lines, wrong)
        if wrong and not told and changes_when_asked_again(answered):
            told = (Mistake.OTHER_NUMBERS_AGAIN,)
        return Diagnosis(told, None if is_of_calls else _by_luck(lines, answered))

    def remarks() -> list[str]:
        return [BOTH_ENDS] if rule_of(lines) in CLOSED else []

    return verdict_on_function(
        TASK, "integrated_gradients", evidence, answers, fault, diagnose, EXAMPLE, remarks, excess
    )


def _broken_by(told: Mistake, lines: list[Answered], answered: list[Answer]) -> frozenset[str]:
    """What a mistake breaks that the answers tell."""
    if told in BREAKS:
        return BREAKS[told]
    from_zero = [one for one, answer in zip(lines, answered, strict=True) if answer.probe.asks_about != "baseline"]
    if told is Mistake.WEIGHTS_DO_NOT_ADD_UP and wrong_sum(from_zero) is told:
        # Whatever is asked about with such a count is wrong; with which count it is asked, the seed draws.
        return frozenset(answer.probe.asks_about for answer in answered)
    return _by_luck(lines, answered)


def _by_luck(lines: list[Answered], answered: list[Answer]) -> frozenset[str]:
    """What a function that is wrong in a way of its own breaks: an answer that is near enough may be so by luck."""
    about = [answer.probe.asks_about for answer in answered]
    return frozenset(about) - given_by_a_rule(lines, about)


def _are_whole(wrong: list[np.ndarray]) -> bool:
    """Whether wrong answers are whole numbers, and not signs or marks of zero and one alone."""
    return (
        len(wrong) > 1
        and all((one == np.round(one)).all() for one in wrong)
        and max(np.abs(one).max(initial=0) for one in wrong) > 1
    )


def broken(explanation: Explanation) -> frozenset[str]:
    """The properties that a known composition breaks, on probes that are the same for everybody."""
    found = set()
    for question in _reference():
        if not question.relative_error(explanation.map(question.line, question.n_steps)) <= question.allowed_error:
            found.add(question.probe.asks_about)
        question.line.forget()
    return frozenset(found)


@cache
def _reference() -> tuple[Question, ...]:
    return tuple(Question(probe) for seed in REFERENCE_SEEDS for probe in integrated_gradients_probes(seed))


def _same_for_few_and_many(answers: list[Answer]) -> bool:
    pair = [answer.values for answer in answers if answer.probe.asks_about == "steps"]
    if any(values is None or not np.isfinite(values).all() for values in pair):
        return False
    first, second = pair
    # Two counts leave errors that differ by percents; only the same computation agrees to rounding.
    return bool(np.linalg.norm(first - second) <= 0.1 * ROUNDING * np.linalg.norm(second))
