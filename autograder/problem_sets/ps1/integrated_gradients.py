"""The verdict on `integrated_gradients(forward, x, baseline, target, n_steps)`."""

from __future__ import annotations

import numpy as np

from autograder.judge.answers import Answer, read_answers
from autograder.judge.function_mistakes import likely_mistake
from autograder.judge.functions import verdict_on_function
from autograder.judge.mistakes import Mistake
from autograder.judge.probes.functions import integrated_gradients_probes
from autograder.judge.studies.sample import Sample
from autograder.judge.tolerances import ROUNDING
from autograder.judge.truth import Question
from autograder.judge.verdict import Verdict
from autograder.problem_sets import TASKS
from autograder.student.evidence import Evidence

TASK = TASKS["ps1-integrated-gradients"]
EXAMPLE = (
    "Try your function on F(x) = w · x, where it has to give w (x - x') element by element, then on F(x) = x · x, where "
    "it has to come near x² - x'²."
)


def judge(evidence: Evidence, sample: Sample) -> Verdict:
    """An answer is right when its error is no worse than the worst textbook rule's near n_steps."""
    answers = read_answers(evidence, integrated_gradients_probes(sample.seed))
    questions = {answer.probe.name: Question(answer.probe) for answer in answers}
    same = _same_for_few_and_many(answers)

    def fault(answer: Answer) -> str:
        question = questions[answer.probe.name]
        error = question.relative_error(answer.values)
        if error > question.allowed_error:
            return (
                f"a relative error of {error:.2g} with {question.n_steps} steps, where textbook rules leave at "
                f"most {question.allowed_error:.2g}"
            )
        if answer.probe.asks_about == "steps" and same:
            return "the same answer for few steps and for many"
        return ""

    few = next(answer for answer in answers if answer.probe.asks_about == "steps")

    def cause(failed: list[Answer]) -> Mistake | None:
        numbers = [(questions[a.probe.name], a.values) for a in failed if a.values is not None]
        mistake = likely_mistake(numbers)
        # A fixed count is fine enough for few steps; an answer that is wrong there has another fault.
        fine = same and questions[few.probe.name].relative_error(few.values) <= questions[few.probe.name].allowed_error
        return Mistake.STEPS_IGNORED if fine and mistake in (None, Mistake.SCALED, Mistake.HALF_PRECISION) else mistake

    return verdict_on_function(TASK, "integrated_gradients", evidence, answers, fault, cause, EXAMPLE)


def _same_for_few_and_many(answers: list[Answer]) -> bool:
    pair = [answer.values for answer in answers if answer.probe.asks_about == "steps"]
    if any(values is None or not np.isfinite(values).all() for values in pair):
        return False
    first, second = pair
    # Two counts leave errors that differ by percents; only the same computation agrees to rounding.
    return bool(np.linalg.norm(first - second) <= 0.1 * ROUNDING * np.linalg.norm(second))
