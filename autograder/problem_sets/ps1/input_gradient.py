"""The verdict on `input_gradient(forward, x, target)`."""

from __future__ import annotations

from functools import cache

import numpy as np

from autograder.judge.answers import Answer, changes_when_asked_again, read_answers
from autograder.judge.compositions import Explanation, explain_gradient, gradients_at_x
from autograder.judge.function_verdict import Diagnosis, verdict_on_function
from autograder.judge.in_part import near_a_gradient, on_planes
from autograder.judge.line import distance
from autograder.judge.mistakes import Mistake
from autograder.judge.probes.functions import REFERENCE_SEEDS, input_gradient_probes
from autograder.judge.resemblance import is_rounded
from autograder.judge.studies.sample import Sample
from autograder.judge.tolerances import HALF_PRECISION, ROUNDING
from autograder.judge.truth import Question
from autograder.judge.verdict import Verdict
from autograder.problem_sets import TASKS
from autograder.student.evidence import Evidence
from autograder.student.record import AnswersRecord

TASK = TASKS["ps1-input-gradient"]
EXAMPLE = (
    "Try your function on F(x) = w · x, whose gradient is w at every x, then on F(x) = x · x, whose gradient is 2x."
)


def judge(evidence: Evidence[AnswersRecord], sample: Sample) -> Verdict:
    """The verdict on what was answered to the probes of the sample's seed."""
    return verdict(evidence, [Question(probe) for probe in input_gradient_probes(sample.seed)])


def verdict(evidence: Evidence[AnswersRecord], asked: list[Question]) -> Verdict:
    """A gradient is right when it is exact to rounding."""
    answers = read_answers(evidence, [question.probe for question in asked])
    questions = {question.name: question for question in asked}
    errors = {
        a.probe.name: distance(a.values, questions[a.probe.name].gradient) for a in answers if a.values is not None
    }

    def fault(answer: Answer) -> str:
        error = errors[answer.probe.name]
        return f"a relative error of {error:.2g}, expected rounding only" if error > ROUNDING else ""

    def diagnose(failed: list[Answer]) -> Diagnosis:
        answered = [answer for answer in answers if answer.values is not None]
        wrong = [k for k, answer in enumerate(answered) if answer in failed]
        if all(answered[k].probe.again for k in wrong):
            return Diagnosis()  # what it computes at first is right
        if not any(answered[k].values.any() for k in wrong):
            return Diagnosis((Mistake.ZEROS,))
        if all(
            is_rounded(a.values, questions[a.probe.name].gradient, ROUNDING) for a in failed if a.values is not None
        ):
            return Diagnosis((Mistake.VALUES_ROUNDED,))
        if all(ROUNDING < errors[answered[k].probe.name] < HALF_PRECISION for k in wrong):
            return Diagnosis((Mistake.HALF_PRECISION,))
        lines = [(questions[a.probe.name].line, 1, a.values) for a in answered]
        if (found := explain_gradient(lines, wrong)) is not None:
            breaks = broken(found)
            return Diagnosis(found.mistakes, breaks or None)
        if _is_mixed_up(questions, failed):
            return Diagnosis((Mistake.PLACES_MIXED_UP,))
        flat = [k for k, answer in enumerate(answered) if answer.probe.asks_about == "linear"]
        if flat and not {*flat} & {*wrong}:
            return Diagnosis((Mistake.GRADIENT_ELSEWHERE,))
        if told := on_planes(lines, wrong, gradients_at_x):
            return Diagnosis(told)
        if told := near_a_gradient(lines):
            return Diagnosis(told)
        return Diagnosis((Mistake.OTHER_NUMBERS_AGAIN,) if changes_when_asked_again(answered) else ())

    return verdict_on_function(TASK, "input_gradient", evidence, answers, fault, diagnose, EXAMPLE)


def _is_mixed_up(questions: dict[str, Question], failed: list[Answer]) -> bool:
    """Whether the wrong answers are pictures that have the gradient's numbers in other places."""
    return all(
        answer.values is not None
        and answer.values.ndim == 3
        and distance(np.sort(answer.values, axis=None), np.sort(questions[answer.probe.name].gradient, axis=None))
        <= ROUNDING
        for answer in failed
    )


def broken(explanation: Explanation) -> frozenset[str]:
    """The properties that a known composition breaks, on probes that are the same for everybody."""
    return frozenset(
        question.probe.asks_about
        for question in _reference()
        if not distance(explanation.map(question.line, 1), question.gradient) <= ROUNDING
    )


@cache
def _reference() -> tuple[Question, ...]:
    return tuple(Question(probe) for seed in REFERENCE_SEEDS for probe in input_gradient_probes(seed))
