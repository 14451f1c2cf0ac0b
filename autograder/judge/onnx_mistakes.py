"""What may be wrong with maps that only forward passes can judge: a known mistake that their sums over blocks agree with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from autograder.judge.forward_passes import Line, Slopes, by_rule, sums
from autograder.judge.mistakes import Mistake

SAME_BLOCKS = 0.25
"""Relative distance below which sums over blocks are those of a known mistake, as far as signs tell. Honest maps at 50 steps
are up to 0.2 from the recomputed ones."""
RESEMBLING = 0.3
"""Cosine above which a map has something of the right one."""
VANISHING = 1e-4
CLOSE_CLASSES = 5


@dataclass(frozen=True)
class WrongMap:
    """A map that fails, and what the signs say about its line: patterns (M, C, H, W), and F a step aside in each.

    `near` is whether the sums over blocks are as they may be, so that it is the whole sum that fails.
    """

    values: np.ndarray
    count: int
    line: Line
    signs: np.ndarray
    slopes: Slopes
    near: bool

    def right(self, target: int | None = None) -> np.ndarray:
        """The sums of integrated gradients, of the target's score or another's, (M,)."""
        return _integral(self.slopes.of(self.line.target if target is None else target), self.count)

    def sums(self, factor: np.ndarray | float = 1.0) -> np.ndarray:
        return sums(self.values * factor, self.signs)


def likely_mistake(wrong: Sequence[WrongMap]) -> str:
    """The mistake that most of the wrong maps agree with; `unrelated_map` where none does."""
    if all(not one.values.any() for one in wrong):
        return Mistake.ZEROS
    if all(np.ptp(one.values) <= 1e-6 * np.abs(one.values).max() for one in wrong):
        return Mistake.CONSTANT_MAP
    if all(one.values.min() >= 0 for one in wrong):
        return Mistake.ABSOLUTE_VALUE
    if np.median([_size(one.sums()) / max(_size(one.right()), 1e-30) for one in wrong]) < VANISHING:
        return Mistake.ALL_CLASSES  # probabilities sum to one, so the gradient of their sum is rounding
    if all(_channels_are_equal(one.values) for one in wrong):
        return Mistake.CHANNELS_AVERAGED
    if all(one.near for one in wrong):
        return Mistake.SCALED
    errors: dict[str, list[float]] = {}
    for one in wrong:
        nearest: dict[str, float] = {}
        for name, seen, expected in _known_mistakes(one):
            error = _size(seen - expected) / max(_size(expected), 1e-30)
            nearest[name] = min(error, nearest.get(name, np.inf))
        for name, error in nearest.items():
            errors.setdefault(name, []).append(error)
    medians = {name: float(np.median(found + [np.inf] * (len(wrong) - len(found)))) for name, found in errors.items()}
    name = min(medians, key=medians.get)
    if medians[name] < SAME_BLOCKS:
        return name
    cosine = float(np.median([_cosine(one.sums(), one.right()) for one in wrong]))
    return Mistake.NOISY_MAP if cosine > RESEMBLING else Mistake.UNRELATED_MAP


def _known_mistakes(one: WrongMap) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Names, sums of the map that undo part of the mistake, and what they are if it is this one."""
    line, right, given = one.line, one.right(), one.sums()
    slopes = one.slopes.of(line.target)
    difference, image = line.difference.double().numpy(), line.image.double().numpy()
    yield Mistake.SIGN_REVERSED, given, -right
    yield Mistake.NOT_AVERAGED, given / one.count, right
    factor = float(given @ right) / max(float(right @ right), 1e-30)
    if (
        factor > 0 and not 0.8 < factor / one.count < 1.2
    ):  # a free factor fits more than the others do, so it has to fit twice as well
        yield Mistake.SCALED, right + 2 * (given / factor - right), right
    yield Mistake.GRADIENT_TIMES_DIFFERENCE, given, slopes[:, -1]
    yield Mistake.GRADIENT_AT_BASELINE, given, slopes[:, 0]
    without_factor = one.sums(difference)
    yield Mistake.DIFFERENCE_MISSING, without_factor, right
    yield Mistake.NEITHER_AVERAGED_NOR_MULTIPLIED, without_factor / one.count, right
    yield Mistake.GRADIENT_AT_INPUT, without_factor, slopes[:, -1]
    times_input = one.sums(np.divide(difference, image, out=np.zeros_like(image), where=image != 0))
    yield Mistake.GRADIENT_TIMES_INPUT, times_input, slopes[:, -1]
    if line.baseline.any():
        yield Mistake.TIMES_INPUT, times_input, right
    n = slopes.shape[1] - 1
    for panels in (n // 8, n // 4, n // 2):
        mean = slopes[:, -panels:].mean(axis=1)
        yield Mistake.LAST_BATCH_ONLY, given, mean
        yield Mistake.LAST_BATCH_ONLY, given, mean * panels / n
    at_image = one.slopes.at_nodes[-1]
    top, *others = np.argsort(-at_image)[:CLOSE_CLASSES].tolist()
    for target in dict.fromkeys((top, *others, 0)):
        if target != line.target:
            yield (Mistake.TOP_CLASS if target == top else Mistake.WRONG_CLASS), given, one.right(target)
    if one.slopes.at_nodes[:, line.target].min() > 0:
        yield Mistake.LOG_PROBABILITY, given, _integral(one.slopes.of_logarithm(line.target), one.count)


def _integral(slopes: np.ndarray, count: int) -> np.ndarray:
    return by_rule(slopes, "trapezoid", min(count, slopes.shape[1] - 1))


def _channels_are_equal(values: np.ndarray) -> bool:
    return len(values) > 1 and bool(np.abs(values - values[:1]).max() <= 1e-6 * np.abs(values).max())


def _size(values: np.ndarray) -> float:
    return float(np.linalg.norm(values))


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    sizes = _size(one) * _size(other)
    return float(one @ other) / sizes if sizes > 0 else 0.0
