"""A model whose scores are flat, or jump, makes zero maps right: nothing is paid for it."""

from types import SimpleNamespace

import pytest
import torch

import igref
from autograder.judge.maps import judge_maps
from autograder.judge.studies.sample import Sample
from autograder.judge.studies.submitted_study import Subject
from autograder.judge.verdict import UngradableError
from autograder.judge.whose_map import StatedMap

IMAGES = igref.load_digits("held_out")[0][:4]
WEIGHTS = torch.linspace(-1, 1, 64).view(1, 8, 8)


def judged(score, values):
    """The judgement on maps (N, C, H, W) from black, of the score of class 0."""

    def forward(x):
        of_class = score(x) + 0 * x.sum((1, 2, 3))
        return torch.stack([of_class, 1 - of_class], dim=1)

    subject = Subject(SimpleNamespace(forward=forward), IMAGES, [0] * len(IMAGES))
    black = torch.zeros_like(IMAGES[0])
    entries = [StatedMap(f"image {n}", n, black, 50, values[n].double().numpy()) for n in range(len(IMAGES))]
    return judge_maps(subject, entries, Sample(0, 1000))


@pytest.mark.parametrize(
    "score",
    [
        lambda x: torch.full((len(x),), 0.7),
        lambda x: (x.mean((1, 2, 3)) > 0.1).float(),
        lambda x: 0.5 + 1e-6 * (x * WEIGHTS).sum((1, 2, 3)),
        lambda x: 0.5 + (x.mean((1, 2, 3)) > 0.1).float() / 4 + 1e-3 * (x * WEIGHTS).sum((1, 2, 3)),
    ],
    ids=["constant", "a threshold", "hardly moves", "a threshold that also moves a little"],
)
def test_nothing_is_graded(score):
    with pytest.raises(UngradableError) as refused:
        judged(score, torch.zeros_like(IMAGES))
    assert refused.value.mistake == "flat_scores"


def test_a_linear_score_is_no_flat_one():
    right = judged(lambda x: (x * WEIGHTS).sum((1, 2, 3)), IMAGES * WEIGHTS)
    assert not right.map and not right.completeness
    assert judged(lambda x: (x * WEIGHTS).sum((1, 2, 3)), torch.zeros_like(IMAGES)).map


@pytest.mark.parametrize("moving", [1, 2])
def test_the_score_has_to_move_for_half_of_the_images(moving):
    of_them = IMAGES[:moving].flatten(1)

    def score(x):
        moves = (torch.cosine_similarity(x.flatten(1)[:, None], of_them, dim=2) > 0.999).any(dim=1)
        return torch.where(moves, (x * WEIGHTS).sum((1, 2, 3)), 0.0)

    if moving == 2:
        assert judged(score, torch.zeros_like(IMAGES)).map
    else:
        with pytest.raises(UngradableError, match="for 3 of 4 images no gradient"):
            judged(score, torch.zeros_like(IMAGES))
