"""The verdict on `input_gradient(forward, x, target)`."""

from __future__ import annotations

from autograder.assignments import TASKS
from autograder.checks.answers import Answer, read_answers
from autograder.checks.functions import verdict_on_function
from autograder.checks.mistakes import likely_mistake
from autograder.checks.sample import Sample
from autograder.checks.truth import Question, distance
from autograder.evidence import Evidence
from autograder.probes import input_gradient_probes
from autograder.tolerances import ROUNDING
from autograder.verdict import Verdict

TASK = TASKS["ps1-input-gradient"]


def judge(evidence: Evidence, sample: Sample) -> Verdict:
    """A gradient is right when it is exact to rounding."""
    answers = read_answers(evidence, input_gradient_probes(sample.seed))
    questions = {answer.probe.name: Question(answer.probe) for answer in answers}

    def fault(answer: Answer) -> str:
        error = distance(answer.values, questions[answer.probe.name].gradient)
        return f"a relative error of {error:.2g}, expected rounding only" if error > ROUNDING else ""

    def cause(failed: list[Answer]) -> str:
        pairs = [(questions[a.probe.name], a.values) for a in failed if a.values is not None]
        return likely_mistake(pairs, of_gradient=True)

    return verdict_on_function(TASK, "input_gradient", evidence, answers, fault, cause)
