"""The questions that a student's work is asked, drawn from a seed, and how they are handed over: as data without their answers."""

from collections.abc import Callable
from pathlib import Path

from autograder.judge.probes.functions import input_gradient_probes, integrated_gradients_probes
from autograder.judge.probes.measures import new_rankings, quality_probes
from autograder.student import questions
from autograder.task import MEASURE, Function, Study, Task

PROBES: dict[str, Callable[[int], list]] = {
    "input_gradient": input_gradient_probes,
    "integrated_gradients": integrated_gradients_probes,
    "quality": quality_probes,
}
"""What a task's kind of probes is drawn by."""


def write_questions(folder: Path, task: Task, seed: int) -> None:
    """Write down what a task's function will be asked: the arguments alone, in the order of the probes.

    Their names, what they ask about and the seed stay on this side. A task that asks for no function has no questions; the measure
    that comes with a study has some.
    """
    if isinstance(task.asks, Function):
        probes, names = PROBES[task.asks.probes](seed), task.asks.arguments
    elif isinstance(task.asks, Study) and task.asks.measured:
        probes, names = new_rankings(seed), MEASURE
    else:
        return
    questions.write(folder, task.id, [{name: getattr(probe, name) for name in names} for probe in probes])
