"""What every process that judges has imported, once: importing it takes longer than most verdicts do."""

from importlib import import_module

from autograder.judge.likeness import prepare
from autograder.problem_sets import PROBLEM_SETS, TASKS
from igref.models.torchvision_import import import_torchvision

import_torchvision()
import timm  # noqa: E402, F401  igref's models come from there

for task in TASKS.values():
    if task.automatic:
        import_module(f"{__package__}.{task.check.partition(':')[0]}")
for problem_set in PROBLEM_SETS.values():
    prepare(problem_set.id)
