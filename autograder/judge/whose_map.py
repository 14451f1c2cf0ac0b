"""Whose a map is that is not its own: another baseline's, another image's, several together, or of targets in another order.

Asked about the first map of a study that is wrong, where the map alone does not say why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from autograder.judge.line import NAMED, SMALL_PICTURE, Line, Pair, by_name, distance
from autograder.judge.mistakes import Mistake
from autograder.judge.studies.submitted_study import Subject
from autograder.judge.tolerances import LEAST_MOVE, MAX_RECOMPUTED_STEPS

WITHOUT_A_NAME = (Mistake.UNRELATED_MAP, Mistake.NOISY_MAP)
PILED_UP = (
    *(Mistake.UNRELATED_MAP, Mistake.NOISY_MAP, Mistake.SCALED),
    *(Mistake.MAP_OF_ANOTHER_IMAGE, Mistake.MAP_OF_ANOTHER_BASELINE),
)
"""What a map may seem to be that has the ones before it added in."""
OF_MIXED_TARGETS = 0.01
"""How near a map is to one of targets in another order: no other one is so near to a mixture of classes."""
SAME_RISE = 0.2
"""A map that adds up to what others do together, but for this share of it, is held against their sum."""
LIKELY_IMAGES = 3
"""How many other images a map without a name is held against: those whose scores rise by about its sum."""


@dataclass(frozen=True)
class StatedMap:
    """One map of a study, and what it is said to be. `label` names it to the student, `series` is its baseline or count."""

    label: str
    image: int
    baseline: Tensor
    n_steps: int
    values: np.ndarray
    series: str = ""


def whose_map(subject: Subject, odd: StatedMap, entries: Sequence[StatedMap], mistake: Mistake) -> Mistake:
    """The mistake behind a wrong map, where it is clear from the other maps of the study; else the one that it seemed to be."""
    if mistake in (*WITHOUT_A_NAME, Mistake.ALL_CLASSES) and _goes_on_from_the_count_before(subject, odd, entries):
        return Mistake.PATH_BEYOND_INPUT
    if mistake in WITHOUT_A_NAME:
        if _is_of_targets_in_another_order(subject, odd):
            return Mistake.TARGETS_IN_ANOTHER_ORDER
        rules = (
            (Mistake.MAP_OF_ANOTHER_BASELINE, _starts_at_the_baseline_of_another_image),
            (Mistake.MAP_OF_ANOTHER_BASELINE, _fits_another_baseline),
            (Mistake.MAP_OF_ANOTHER_IMAGE, _is_of_another_image),
        )
        mistake = next((name for name, holds in rules if holds(subject, odd, entries)), mistake)
    return Mistake.MAPS_PILE_UP if mistake in PILED_UP and _has_others_in_it(subject, odd, entries) else mistake


def _goes_on_from_the_count_before(subject: Subject, odd: StatedMap, entries: Sequence[StatedMap]) -> bool:
    """Whether the path of the second count goes from x on, as where the point that walks along it is not put back."""
    counts = sorted((one for one in entries if one.image == odd.image), key=lambda one: one.n_steps)
    if len(counts) < 2 or counts[0].n_steps == counts[1].n_steps or subject.images[0].numel() > SMALL_PICTURE:
        return False
    line = subject.line(odd.image, odd.baseline)
    beyond = Pair(line.other(baseline=line.image, image=2 * line.image - line.baseline), counts[1].n_steps)
    return distance(counts[1].values, beyond.reference) <= beyond.allowed_map_error


def _fits_another_baseline(subject: Subject, odd: StatedMap, entries: Sequence[StatedMap]) -> bool:
    """Where one baseline's maps are unrelated and another's are not, it is not the baseline that they were computed from."""
    own = next((one for one in entries if one.series == odd.series and one.image != odd.image), None)
    another = next((one for one in entries if one.series != odd.series and one.image == odd.image), None)
    return bool(own and another and not _is_near(subject, own) and _is_near(subject, another))


def _starts_at_the_baseline_of_another_image(subject: Subject, odd: StatedMap, entries: Sequence[StatedMap]) -> bool:
    """Whether that is so, as where one picture's baseline is taken for all: the map's sum tells which to look at."""
    others = [one for one in entries if one.series == odd.series and one.n_steps == odd.n_steps]
    others = [one for one in others if not torch.equal(one.baseline, odd.baseline)]
    total = float(odd.values.sum())
    from_others = [replace(odd, baseline=one.baseline) for one in others]
    far = {id(one): abs(total - rise_of(subject, one)) for one in from_others}
    likely = sorted(from_others, key=lambda one: far[id(one)])[:LIKELY_IMAGES]
    return any(far[id(one)] <= SAME_RISE * abs(total) and _is_near(subject, one) for one in likely)


def _is_of_another_image(subject: Subject, odd: StatedMap, entries: Sequence[StatedMap]) -> bool:
    """Whether a map is another image's, whichever: its sum tells which images to look at."""
    others = [
        one for one in entries if one.series == odd.series and one.image != odd.image and one.n_steps == odd.n_steps
    ]
    total = float(odd.values.sum())
    likely = sorted(others, key=lambda one: abs(total - rise_of(subject, one)))[:LIKELY_IMAGES]
    return any(_is_near(subject, one, odd.values) for one in likely)


def _has_others_in_it(subject: Subject, odd: StatedMap, entries: Sequence[StatedMap]) -> bool:
    """Whether a map is the sum of all, or right once another is taken away: the one of the picture, baseline or count before it."""
    pictures = [one for one in entries if one.series == odd.series and one.n_steps == odd.n_steps]
    series = [one for one in entries if one.image == odd.image]
    for others in (pictures, series):
        if len(others) > 1 and _is_sum_of(subject, odd.values, others):
            return True
        before = next(k for k, one in enumerate(others) if one is odd) - 1
        if before >= 0 and _is_near(subject, odd, odd.values - others[before].values):
            return True
    return False


def _is_of_targets_in_another_order(subject: Subject, odd: StatedMap) -> bool:
    """Whether the gradients of a path are of the targets of all pictures in turn, as where points and targets are in two orders.

    Of N pictures and K points: the points come step by step, and each target K times, or picture by picture, and all targets in
    turn.
    """
    targets = np.array(subject.targets)
    is_too_long = subject.images[0].numel() > SMALL_PICTURE or odd.n_steps > MAX_RECOMPUTED_STEPS
    if is_too_long or len(np.unique(targets)) < 2:
        return False
    line = subject.line(odd.image, odd.baseline)
    of_class = {target: line.other(target=target) for target in np.unique(targets).tolist()}
    for rule in NAMED:
        nodes, weights = by_name(rule, odd.n_steps)
        each, n = np.arange(len(nodes)), len(targets)
        step_by_step = targets[(each * n + odd.image) // len(nodes)]
        picture_by_picture = targets[(odd.image * len(nodes) + each) % n]
        for of_points in (step_by_step, picture_by_picture):
            mixed = np.sum(
                [
                    of_class[target].weighted(nodes[of_points == target], weights[of_points == target])
                    for target in np.unique(of_points).tolist()
                ],
                axis=0,
            )
            if distance(odd.values, mixed) <= OF_MIXED_TARGETS:
                return True
    return False


def _is_sum_of(subject: Subject, values: np.ndarray, entries: Sequence[StatedMap]) -> bool:
    """Whether a map is the sum of what all these should be. What it adds up to tells first, as that costs no gradient."""
    rises = sum(rise_of(subject, entry) for entry in entries)
    if abs(float(values.sum()) - rises) > SAME_RISE * max(abs(rises), LEAST_MOVE):
        return False
    pairs = [pair_of(subject, entry, {}) for entry in entries]
    together = np.sum([pair.reference for pair in pairs], axis=0)
    return distance(values, together) <= max(pair.allowed_map_error for pair in pairs)


def _is_near(subject: Subject, entry: StatedMap, values: np.ndarray | None = None) -> bool:
    """Whether a map, the entry's own unless another is given, is what the entry's should be."""
    pair = pair_of(subject, entry, {})
    return distance(entry.values if values is None else values, pair.reference) <= pair.allowed_map_error


def rise_of(subject: Subject, entry: StatedMap) -> float:
    with torch.no_grad():
        both = torch.stack([subject.images[entry.image], entry.baseline])
        at_image, at_baseline = subject.scores.forward(both)[:, subject.targets[entry.image]].tolist()
    return at_image - at_baseline


def pair_of(subject: Subject, entry: StatedMap, paths: dict[tuple[int, int], Line]) -> Pair:
    key = (entry.image, id(entry.baseline))
    if key not in paths:
        paths[key] = subject.line(entry.image, entry.baseline)
    return Pair(paths[key], entry.n_steps)
