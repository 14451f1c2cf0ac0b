"""The verdict on `input_gradient(forward, x, target)`."""

from __future__ import annotations

from autograder.judge.answers import Answer, read_answers
from autograder.judge.function_mistakes import likely_mistake
from autograder.judge.functions import verdict_on_function
from autograder.judge.mistakes import Mistake
from autograder.judge.probes.functions import input_gradient_probes
from autograder.judge.studies.sample import Sample
from autograder.judge.tolerances import ROUNDING
from autograder.judge.truth import Question, distance
from autograder.judge.verdict import Verdict
from autograder.problem_sets import TASKS
from autograder.student.evidence import Evidence

TASK = TASKS["ps1-input-gradient"]
EXAMPLE = (
    "Try your function on F(x) = w · x, whose gradient is w at every x, then on F(x) = x · x, whose gradient is 2x."
)


def judge(evidence: Evidence, sample: Sample) -> Verdict:
    """A gradient is right when it is exact to rounding."""
    answers = read_answers(evidence, input_gradient_probes(sample.seed))
    questions = {answer.probe.name: Question(answer.probe) for answer in answers}

    def fault(answer: Answer) -> str:
        error = distance(answer.values, questions[answer.probe.name].gradient)
        return f"a relative error of {error:.2g}, expected rounding only" if error > ROUNDING else ""

    def cause(failed: list[Answer]) -> Mistake | None:
        pairs = [(questions[a.probe.name], a.values) for a in failed if a.values is not None]
        return likely_mistake(pairs, of_gradient=True)

    return verdict_on_function(TASK, "input_gradient", evidence, answers, fault, cause, EXAMPLE)
