"""What every process that judges has imported, once: importing it takes longer than most verdicts do."""

from importlib import import_module

from autograder.problem_sets import TASKS
from igref.models.torchvision_import import import_torchvision

import_torchvision()
import timm  # noqa: E402, F401  igref's models come from there

for task in TASKS.values():
    if task.automatic:
        import_module(f"{__package__}.{task.check.partition(':')[0]}")
