"""What every process that judges has imported and loaded, once: that takes longer than most verdicts do."""

from contextlib import suppress
from importlib import import_module

import torch

from autograder.judge.likeness import prepare
from autograder.judge.studies.named_models import load_scores
from autograder.judge.verdict import NotVerifiedError
from autograder.problem_sets import PROBLEM_SETS, TASKS
from igref.torchvision_import import import_torchvision

import_torchvision()
import timm  # noqa: E402, F401  igref's models come from there

for task in TASKS.values():
    if task.automatic:
        import_module(f"{__package__}.{task.check.partition(':')[0]}")
for problem_set in PROBLEM_SETS.values():
    prepare(problem_set.id)
threads = torch.get_num_threads()
torch.set_num_threads(1)  # threads that started here would be missing in the processes that are forked from this one
with suppress(NotVerifiedError):  # a study of the model says that it is not here
    load_scores("efficientnet_lite0")
torch.set_num_threads(threads)
