"""What every process that judges has imported, once: importing it takes longer than most verdicts do."""

from importlib import import_module

from autograder.problem_sets import FOLDERS, PROBLEM_SETS
from igref.models.torchvision_import import import_torchvision

import_torchvision()
import timm  # noqa: E402, F401  igref's models come from there

for name, problem_set in PROBLEM_SETS.items():
    for task in problem_set.tasks:
        if task.automatic:
            import_module(f"autograder.problem_sets.{FOLDERS[name]}.{task.check.partition(':')[0]}")
