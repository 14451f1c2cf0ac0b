"""Where few classes compete, the maps of logits and of probabilities are one map in two sizes: their sums tell them apart."""

from types import SimpleNamespace

import pytest
import torch

from autograder.judge.line import Line, Pair
from autograder.judge.map_mistakes import Context, likely_mistake
from autograder.judge.mistakes import Mistake

WEIGHTS = torch.linspace(-1, 1, 48, dtype=torch.float64).reshape(3, 4, 4)


def logits(x: torch.Tensor) -> torch.Tensor:
    score = (x * WEIGHTS).flatten(1).sum(1, keepdim=True)
    return torch.cat([score, 0 * score], dim=1)


def probabilities(x: torch.Tensor) -> torch.Tensor:
    return logits(x).softmax(dim=1)


SCORES = SimpleNamespace(
    kind="probabilities", forward=probabilities, other_kind=logits, normalisation=None, n_classes=2
)


@pytest.mark.parametrize(
    ("forward", "factor", "mistake"), [(logits, 1.0, Mistake.OTHER_SCORES), (probabilities, 0.7, Mistake.SCALED)]
)
def test_a_map_of_other_scores_is_no_scaled_map(forward, factor, mistake):
    x = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + WEIGHTS.clamp(min=0)
    pair = Pair(Line(probabilities, x, 0 * x, 0), 50)
    handed_in = factor * Line(forward, x, 0 * x, 0).rule("midpoint", 50)
    assert likely_mistake(pair, handed_in, Context(SCORES)) is mistake
