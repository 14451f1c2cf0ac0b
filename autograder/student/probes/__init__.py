"""The questions that a student's work is asked, drawn from a seed."""

from collections.abc import Callable

from autograder.student.probes.functions import input_gradient_probes, integrated_gradients_probes
from autograder.student.probes.measures import quality_probes

PROBES: dict[str, Callable[[int], list]] = {
    "input_gradient": input_gradient_probes,
    "integrated_gradients": integrated_gradients_probes,
    "quality": quality_probes,
}
"""What a task's kind of probes is drawn by."""
