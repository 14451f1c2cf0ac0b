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


def test_the_black_map_of_a_photo_is_the_map_of_another_baseline():
    """A path from zero gives the same map, but who called igref has no path to change."""
    side = 72  # larger than what counts as small
    grid = torch.linspace(-1, 1, 3 * side * side, dtype=torch.float64).reshape(3, side, side)

    def bending(x: torch.Tensor) -> torch.Tensor:
        score = ((3 * x).sin() * grid).flatten(1).sum(1, keepdim=True) / side
        return torch.cat([score, 0 * score], dim=1).softmax(dim=1)

    scores = SimpleNamespace(kind="logits", forward=bending, other_kind=bending, normalisation=None, n_classes=2)
    x = torch.rand(3, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    black = Line(bending, x, 0 * x, 0).rule("midpoint", 20)
    context = Context(scores, {"black": 0 * x})
    assert (
        likely_mistake(Pair(Line(bending, x, 0.5 * x.mean() + 0 * x, 0), 20), black, context)
        is Mistake.MAP_OF_ANOTHER_BASELINE
    )
