"""What the stated qualities of a study are, where they are not what the measure gives for the maps."""

import numpy as np
import pytest
import torch

from autograder.judge.mistakes import Mistake
from autograder.judge.studies.qualities import agrees, mistake_of_qualities, scale_of
from autograder.student.record import measured_again

NAMES, N = ("black", "blurred", "noise"), 8
RANDOM = np.random.default_rng(0)
MAPS = {name: torch.from_numpy(RANDOM.normal(size=(N, 1, 4, 4))) for name in NAMES}
IMAGES, TARGETS = torch.from_numpy(RANDOM.uniform(size=(N, 1, 4, 4))), torch.tensor([2, *[0] * (N - 2), 3])
BASELINES = {name: torch.from_numpy(RANDOM.uniform(size=(N, 1, 4, 4))) for name in NAMES}


def forward(x):
    """Class 1 is on top, class 0 the target of all but the first and the last."""
    x = x.flatten(1)
    return torch.stack([x.mean(1), 1 + x.square().mean(1), x.std(1), x.amax(1) / 2], 1)


def measure(forward, x, attribution, target):
    """Neither odd nor even in the map, and another for each class."""
    return float((attribution * x).sum() + (attribution**2).mean()) * float(forward(x[None])[0, target]) * UNIT


UNIT = 1e-3
DECIMALS_OF_UNIT = 3


def measured(change=lambda maps: maps, image=lambda name, k: IMAGES[k], target=lambda k: int(TARGETS[k])):
    return {
        n: np.array([measure(forward, image(n, k), change(MAPS[n])[k], target(k)) for k in range(N)]) for n in NAMES
    }


RIGHT = measured()
WRONG = {
    Mistake.QUALITY_OF_MAGNITUDES: measured(abs),
    Mistake.QUALITY_OF_REVERSED: measured(lambda maps: -maps),
    Mistake.QUALITY_OF_TOP_CLASS: measured(target=lambda k: 1),
    Mistake.QUALITY_OF_ANOTHER_PICTURE: measured(image=lambda name, k: IMAGES[-1]),
    Mistake.QUALITY_OF_ANOTHER_TARGET: measured(target=lambda k: 2),
    Mistake.QUALITY_OF_OTHER_MAPS: dict.fromkeys(NAMES, RIGHT["noise"]),
    Mistake.QUALITY_AVERAGED: {n: np.full(N, values.mean()) for n, values in RIGHT.items()},
    Mistake.QUALITY_IN_ANOTHER_ORDER: {n: values[::-1] for n, values in RIGHT.items()},
    Mistake.QUALITY_RESCALED: {
        n: (RIGHT[n] - np.min(list(RIGHT.values()), 0)) / np.ptp(list(RIGHT.values()), 0) for n in NAMES
    },
    Mistake.QUALITY_ROUNDED: {n: RIGHT[n].round(DECIMALS_OF_UNIT) for n in NAMES},
    Mistake.QUALITY_OF_ANOTHER_MEASURE: {n: RIGHT[n] + UNIT * RANDOM.normal(size=N) / 2 for n in NAMES},
    Mistake.QUALITY_MADE_UP: {n: RANDOM.uniform(size=N) * UNIT for n in NAMES},
}


def asked_again(stated, seconds=60):
    study = {"attributions": MAPS, "images": IMAGES, "targets": TARGETS, "quality": stated, "baselines": BASELINES}
    return measured_again(measure, forward, study, "attributions", N, 6, seconds)


def test_a_measure_that_was_asked_about_the_class_of_the_pictures_place_is_named():
    stated = measured(target=lambda k: k if k < 4 else int(TARGETS[k]))
    again = asked_again(stated)
    values = {(one.name, one.image): one.value for one in again}
    assert mistake_of_qualities(stated, again, values) is Mistake.QUALITY_OF_ANOTHER_TARGET


@pytest.mark.parametrize("mistake", WRONG)
def test_what_was_stated_is_named(mistake):
    stated = {name: np.ascontiguousarray(values) for name, values in WRONG[mistake].items()}
    again = asked_again(stated)
    values = {(entry.name, entry.image): entry.value for entry in again}
    assert len(values) == len(NAMES) * N
    assert not all(agrees(stated[name][n], value, scale_of(values)) for (name, n), value in values.items())
    assert mistake_of_qualities(stated, again, values) is mistake


@pytest.mark.parametrize(
    "image",
    [lambda name, k: BASELINES[name][k], lambda name, k: IMAGES[NAMES.index(name)], lambda name, k: IMAGES[k - 1]],
    ids=["its baseline", "that of the outer loop", "the one before"],
)
def test_qualities_of_other_pictures_are_named(image):
    stated = measured(image=image)
    again = asked_again(stated)
    values = {(entry.name, entry.image): entry.value for entry in again}
    assert mistake_of_qualities(stated, again, values) is Mistake.QUALITY_OF_ANOTHER_PICTURE


def test_qualities_of_another_picture_for_its_own_class_are_named():
    """As when the variable of another loop is used for both."""
    stated = measured(image=lambda name, k: IMAGES[-1], target=lambda k: int(TARGETS[-1]))
    again = asked_again(stated)
    values = {(entry.name, entry.image): entry.value for entry in again}
    assert mistake_of_qualities(stated, again, values) is Mistake.QUALITY_OF_ANOTHER_PICTURE


def test_right_qualities_agree_in_any_unit_to_three_digits():
    again = asked_again(RIGHT)
    values = {(entry.name, entry.image): entry.value for entry in again}
    scale = scale_of(values)
    assert all(agrees(float(f"{RIGHT[name][n]:.4g}"), value, scale) for (name, n), value in values.items())
    assert not any(entry.instead for entry in again)


def test_where_time_runs_out_six_are_asked():
    assert len(asked_again(RIGHT, seconds=0)) == 6
