"""What answers of no known composition tell of the function: from its numbers alone, one question at a time.

Beside the search for compositions: a cap on the steps, something kept between calls, a picture whose pixels were mixed up, half
precision, and, from networks whose gradient is quadratic along the path, what the weights and points of the sum were
(`autograder.judge.moments`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product

import numpy as np
import torch

from autograder.judge.compositions import CHANNELS, SIZES, Answered, Part, full_batches, mean_of_means, right_weights
from autograder.judge.line import NAMED, Line, Weighted, by_name, distance, equal_weights
from autograder.judge.mistakes import Mistake
from autograder.judge.moments import wrong_sum
from autograder.judge.tolerances import ROUNDING, SAME_MAP
from igref.attribution.core import scores_and_gradients

SMALL, FEW_STEPS = 256, 60
"""Numbers of an input, and steps, up to which lines are looked at: more take long."""
CAPS = (5, 8, 10, 16, 20, 25, 30, 32, 40, 50, 64, 100)
REPRESENTABLE = 2e-6
"""What a product of two float32 numbers may miss a number in half precision by."""
HALF = (torch.bfloat16, torch.float16)
LEAST_DIFFERENCE = 1e-3
"""Of a map's numbers, those where x - x' is smaller than this share of its largest are too rough to be divided by it."""
FEWEST_OF_ONE_NUMBER = 2
"""So many wrong answers, at least, have to be one number times x - x', along an axis."""
MOSTLY = 0.75
FEWEST_OF_PLACES = 2
FEWEST_OF_BATCHES = 2
"""So many answers, at least, have to be of sums in which a batch of that size is uneven."""


def telltale(answered: Sequence[Answered], failed: Sequence[int]) -> tuple[Mistake, ...]:
    """The mistakes that the answers tell, the first of them by which; empty where they tell none.

    Args:
        answered: all of a function's answers in the order of the calls, right and wrong.
        failed: which of them are wrong.
    """
    wrong = [k for k in failed if np.isfinite(answered[k][2]).all() and answered[k][2].any()]
    if not wrong:
        return ()
    for tells, mistakes in (
        (lambda answered, _: is_capped(answered), (Mistake.STEPS_CAPPED,)),
        (_has_the_place_for_alpha, (Mistake.PATH_RUNS_PAST_INPUT,)),
        (_begins_at_zero, (Mistake.FIRST_STEP_FROM_ZERO,)),
        (_is_kept, (Mistake.KEPT_BETWEEN_CALLS,)),
        (partial(is_mixed_up, channels=CHANNELS[0]), (Mistake.PLACES_MIXED_UP,)),
        (partial(is_mixed_up, channels=CHANNELS[1]), (Mistake.CHANNELS_AVERAGED, Mistake.PLACES_MIXED_UP)),
        (partial(is_mixed_up, channels=CHANNELS[2]), (Mistake.CHANNELS_AVERAGED, Mistake.PLACES_MIXED_UP)),
        (_is_half, (Mistake.HALF_PRECISION,)),
        (_has_mixed_points, (Mistake.POINTS_MIXED_UP,)),
        (_has_gradients_elsewhere, (Mistake.POINTS_MIXED_UP,)),
    ):
        if tells(answered, wrong):
            return mistakes
    if told := _one_number_for_several(answered, wrong):
        return told
    if told := _times_each_point(answered, wrong):
        return told
    if _clips_gradients(answered):
        return (Mistake.GRADIENTS_CLIPPED,)
    if told := _of_batches(answered):
        return told
    told = wrong_sum(answered)
    if told and _is_of_the_point_before(answered):
        return (Mistake.X_OVERWRITTEN,)
    return (told,) if told else ()


def is_capped(answered: Sequence[Answered]) -> bool:
    """Whether a textbook rule with no more than so many steps gives all answers. Ask first whether one with n_steps does."""
    many_first = sorted(answered, key=lambda one: (not one[0].bends, -one[1]))
    return any(
        all(_near(line.weighted(*rule.of(min(n, cap))), values) for line, n, values in many_first)
        for cap, rule in product(CAPS, right_weights())
    )


def _has_the_place_for_alpha(answered: Sequence[Answered], wrong: Sequence[int]) -> bool:
    """Whether alpha is its place in the list, 0, 1, 2 and so on, or its number, so that the points run on far beyond x."""
    few = [answered[k] for k in wrong if answered[k][0].image.numel() <= SMALL and answered[k][1] <= FEW_STEPS]
    if len(few) < FEWEST_OF_PLACES:
        return False

    def of_places(line: Line, n: int, start: int, more: int) -> np.ndarray:
        return line.weighted(*equal_weights(np.arange(start, start + n + more)))

    return any(
        all(_near(of_places(line, n, start, more), values) for line, n, values in few)
        for start, more in product((0, 1), (0, 1))  # from 0 or from 1, with n_steps points or one more
    )


def _begins_at_zero(answered: Sequence[Answered], wrong: Sequence[int]) -> bool:
    """Whether the wrong answers are a rule's with the first step, a point less the one before it, taken from zero."""
    if any(answered[k][0].image.numel() > SMALL for k in wrong):
        return False
    return any(
        all(
            _near(_with_first_step(line, rule, n, first, kept), values)
            for line, n, values in (answered[k] for k in wrong)
        )
        for rule, first, kept in product(NAMED[:4], (None, 0.0), (1.0, 0.5, 0.0))
    )


def _with_first_step(line: Line, rule: str, n: int, first: float | None, kept: float) -> np.ndarray:
    """A rule's map with the baseline added to the first step, of whose own length 1/n so much is `kept`."""
    nodes, weights = by_name(rule, n)
    gradient = line.gradients_at(nodes[:1] if first is None else np.array([first]))[0]
    step = line.baseline.double().numpy() - (1 - kept) / n * line.difference
    return line.weighted(nodes, weights) + gradient * step


def _one_number_for_several(answered: Sequence[Answered], wrong: Sequence[int]) -> tuple[Mistake, ...]:
    """What is wrong where one number in place of the features' own gradients multiplies x - x': along an axis, or all of them."""
    signs = []
    for line, n, values in (answered[k] for k in wrong):
        if line.image.numel() < 2:
            continue
        moved = np.abs(line.difference) > LEAST_DIFFERENCE * np.abs(line.difference).max()
        factors = np.ma.array(values, mask=~moved) / np.where(moved, line.difference, 1.0)
        axes = [axis for axis in (None, *range(values.ndim)) if axis is None or values.shape[axis] > 1]
        spreads = (np.ma.max(np.ma.max(factors, axis=axis) - np.ma.min(factors, axis=axis)) for axis in axes)
        if not any(spread <= SAME_MAP * np.ma.max(np.ma.abs(factors)) for spread in spreads):
            return ()
        signs.append(float((factors * line.mean_gradient(*by_name("midpoint", n))).sum()))
    if len(signs) < FEWEST_OF_ONE_NUMBER:
        return ()
    turned = sum(sign < 0 for sign in signs) > MOSTLY * len(signs)  # a mean near zero may have either
    return (Mistake.FEATURES_AVERAGED, *((Mistake.SIGN_REVERSED,) if turned else ()))


def _times_each_point(answered: Sequence[Answered], wrong: Sequence[int]) -> tuple[Mistake, ...]:
    """What is wrong where the wrong answers are a rule's with each gradient times its own point; empty where they are not."""
    few = [answered[k] for k in wrong if answered[k][0].image.numel() <= SMALL and answered[k][1] <= FEW_STEPS]
    telling = sum(line.bends and bool(line.baseline.any()) and line.image.numel() > 1 for line, _, _ in few)
    if len(few) < 2 or not telling:
        return ()
    for rule in right_weights()[:COMMON_RULES]:
        factors = [(_factor_to(values, _with_each_point(line, *rule.of(n))), n) for line, n, values in few]
        if not all(factor for factor, _ in factors):
            continue
        for of_size, size in SIZES:
            sums = [(n, len(rule.of(n)[0]), float(rule.of(n)[1].sum())) for _, n in factors]
            if all(
                abs(factor - size(*one)) <= SAME_MAP * abs(factor)
                for (factor, _), one in zip(factors, sums, strict=True)
            ):
                return (Mistake.TIMES_EACH_POINT, *((of_size,) if of_size else ()))
        return (Mistake.TIMES_EACH_POINT,) if telling > 1 else ()
    return ()


def _with_each_point(line: Line, nodes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    baseline = line.baseline.double().numpy()
    points = baseline + nodes.reshape(-1, *[1] * baseline.ndim) * line.difference
    return np.tensordot(weights, points * line.gradients_at(nodes), axes=1)


def _of_batches(answered: Sequence[Answered]) -> tuple[Mistake, ...]:
    """What is wrong with a sum in batches of any size, where one has too much weight or is left out; empty where nothing is."""
    few = [one for one in answered if one[0].image.numel() <= SMALL and one[0].bends and one[1] <= FEW_STEPS]
    few = sorted(few, key=lambda one: one[0].image.numel())
    if len(few) < FEWEST_OF_BATCHES:
        return ()
    ways = ((Mistake.MEAN_OF_MEANS, mean_of_means), (Mistake.LAST_BATCH_DROPPED, full_batches))
    for rule, size, (mistake, way) in product(right_weights()[:COMMON_RULES], range(2, FEW_STEPS), ways):
        uneven = 0
        for line, n, values in few:
            nodes, weights = way(size)(*rule.of(n))
            means = (1.0,) if mistake is Mistake.MEAN_OF_MEANS or not weights.any() else (1.0, 1 / weights.sum())
            if values.any() and not any(_near(mean * line.weighted(nodes, weights), values) for mean in means):
                break
            if not values.any() and weights.any():
                break
            uneven += not np.array_equal(weights, rule.of(n)[1])
        else:
            if uneven >= FEWEST_OF_BATCHES:
                return (mistake,)
    return ()


def _factor_to(values: np.ndarray, others: np.ndarray) -> float:
    """The factor that makes the values of the others; zero where none does."""
    factor = float((values * others).sum() / max((others**2).sum(), 1e-30))
    return factor if _near(factor * others, values) else 0.0


def _is_kept(answered: Sequence[Answered], wrong: Sequence[int]) -> bool:
    """Whether each wrong answer is what an earlier call's path, gradients or result would give."""
    if any(answered[k][0].image.numel() > SMALL for k in wrong):
        return False
    return any(
        all(any(_near(values, answered[k][2]) for values in _of_earlier(answered, k, rule.of)) for k in wrong)
        for rule in right_weights()
    )


def _of_earlier(answered: Sequence[Answered], k: int, rule: Callable[[int], Weighted]) -> Iterator[np.ndarray]:
    line, n, _ = answered[k]
    nodes, weights = rule(n)
    before = [one for one in answered[:k] if one[0].image.shape == line.image.shape]
    for earlier, _, result in before:
        on_its_path = line.other(image=earlier.image, baseline=earlier.baseline)
        yield line.difference * on_its_path.mean_gradient(nodes, weights)
        yield line.difference * earlier.mean_gradient(nodes, weights)
        yield result
    if before:
        yield from _piled_up(answered[k], before, rule)


def _piled_up(last: Answered, before: Sequence[Answered], rule: Callable[[int], Weighted]) -> Iterator[np.ndarray]:
    """The map where gradients, or their means, are added to those of all calls before: averaged over all, or divided by n."""
    means = np.stack([one[0].mean_gradient(*rule(one[1])) for one in (*before, last)])
    counts = np.array([len(rule(n)[0]) for _, n, _ in (*before, last)])
    for shares in (
        counts / counts.sum(),
        counts / counts[-1],
        np.ones(len(counts)),
        np.full(len(counts), 1 / len(counts)),
    ):
        yield last[0].difference * np.tensordot(shares, means, 1)


def is_mixed_up(answered: Sequence[Answered], wrong: Sequence[int], channels: Part) -> bool:
    """Whether the wrong answers are pictures with a rule's numbers in another order, or what becomes of them over the channels."""
    if any(answered[k][0].image.ndim != 3 for k in wrong):
        return False
    return any(
        all(
            _near(np.sort(channels.of(line.weighted(*rule.of(n))[None]), axis=None), np.sort(values, axis=None))
            for line, n, values in (answered[k] for k in wrong)
        )
        for rule in right_weights()
    )


def _is_half(answered: Sequence[Answered], wrong: Sequence[int]) -> bool:
    """Whether the mean gradients, or their sums, are numbers that half precision has."""
    return any(
        all(
            _represents(kind, _quotient(line, values) * (n if summed else 1))
            for line, n, values in (answered[k] for k in wrong)
        )
        for kind in HALF
        for summed in (False, True)
    )


def _quotient(line: Line, values: np.ndarray) -> np.ndarray:
    moved = line.difference != 0
    return values[moved] / line.difference[moved]


def _represents(kind: torch.dtype, numbers: np.ndarray) -> bool:
    given = torch.from_numpy(np.ascontiguousarray(numbers))
    return bool((given - given.to(kind).double()).abs().le(REPRESENTABLE * given.abs()).all()) and bool(given.any())


COMMON_RULES = 8
"""So many of the textbook rules, the common ones, are tried with each way to mix up points."""

# What may have become of the points (K, *shape), and of their gradients, where two axes have changed places.


def _as_they_are(points: np.ndarray) -> np.ndarray:
    return points


def _stacked_last(points: np.ndarray) -> np.ndarray:
    """Stacked along the last axis, and reshaped as if along the first."""
    return np.moveaxis(points, 0, -1).reshape(points.shape)


def _read_as_stacked_last(points: np.ndarray) -> np.ndarray:
    """Stacked along the first axis, and reshaped as if along the last."""
    return np.moveaxis(points.reshape(*points.shape[1:], len(points)), -1, 0)


def _turned(points: np.ndarray) -> np.ndarray:
    """Height and width exchanged."""
    return points.swapaxes(-1, -2) if points.ndim == 4 and points.shape[-1] == points.shape[-2] else points


def _channels_last(points: np.ndarray) -> np.ndarray:
    """Channels last, and reshaped as if they came first."""
    return np.moveaxis(points, 1, -1).reshape(points.shape) if points.ndim == 4 else points


def _read_as_channels_last(points: np.ndarray) -> np.ndarray:
    """Channels first, and reshaped as if they came last."""
    if points.ndim != 4:
        return points
    return np.moveaxis(points.reshape(len(points), *points.shape[2:], points.shape[1]), -1, 1)


MIXED = (
    (_stacked_last, _read_as_stacked_last),
    (_read_as_stacked_last, _stacked_last),
    *((mixed, _as_they_are) for mixed in (_stacked_last, _read_as_stacked_last, _turned, _channels_last)),
    *((_as_they_are, mixed) for mixed in (_stacked_last, _read_as_stacked_last, _turned, _channels_last)),
    (_channels_last, _read_as_channels_last),
    (_read_as_channels_last, _channels_last),
    (_read_as_channels_last, _as_they_are),
    (_as_they_are, _read_as_channels_last),
)
"""What was done to the points, and what to their gradients."""
MIXED_STEPS = tuple((mixed, _as_they_are, True) for mixed in (_stacked_last, _read_as_stacked_last))
"""The same of alpha times the difference, as an outer product that was reshaped, before the baseline is added."""


def _has_mixed_points(answered: Sequence[Answered], wrong: Sequence[int]) -> bool:
    """Whether the wrong answers are a rule's, with its points or their gradients reshaped or turned."""
    small = [answered[k] for k in wrong if answered[k][0].image.numel() <= SMALL and answered[k][1] <= FEW_STEPS]
    small = [one for one in small if one[0].image.ndim == 3] + [one for one in small if one[0].image.ndim == 1]
    if len(small) < 2:
        return False
    return any(
        all(_near(_with_mixed_points(line, *rule.of(n), *mixed), values) for line, n, values in small)
        for rule, mixed in product(right_weights()[:COMMON_RULES], (*MIXED, *MIXED_STEPS))
    )


def _has_gradients_elsewhere(answered: Sequence[Answered], wrong: Sequence[int]) -> bool:
    """Whether the wrong answers are pictures, x - x' times a rule's mean gradient with its numbers in another order."""
    if any(answered[k][0].image.ndim != 3 for k in wrong):
        return False
    pictures = [answered[k] for k in wrong if answered[k][0].difference.all()]
    if len(pictures) < 2:
        return False
    return any(
        all(
            _near(np.sort(line.mean_gradient(*rule.of(n)), axis=None), np.sort(values / line.difference, axis=None))
            for line, n, values in pictures
        )
        for rule in right_weights()
    )


def _with_mixed_points(
    line: Line, nodes: np.ndarray, weights: np.ndarray, of_points, of_gradients, before_baseline: bool = False
) -> np.ndarray:
    baseline = line.baseline.double().numpy()
    steps = nodes.reshape(-1, *[1] * baseline.ndim) * line.difference
    points = baseline + of_points(steps) if before_baseline else of_points(baseline + steps)
    asked = torch.from_numpy(np.ascontiguousarray(points)).to(line.image)
    gradients = scores_and_gradients(line.forward, asked, torch.full((len(asked),), line.target))[1]
    return line.difference * np.tensordot(weights, of_gradients(gradients.double().numpy()), axes=1)


def _clips_gradients(answered: Sequence[Answered]) -> bool:
    """Whether large gradients count for less: seen where the gradient is one on the whole path, so that no sum is in the way."""
    flat = [(line, values) for line, _, values in answered if not line.bends and line.difference.all()]
    pairs = [
        (line.gradients_at(np.array([1.0]))[0].ravel(), (values / line.difference).ravel()) for line, values in flat
    ]
    return len(pairs) > 1 and (_is_squashed(pairs) or _is_of_one_norm(pairs))


def _is_squashed(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether what became of the gradients is one rising function of their values, less steep for the large ones."""
    gradients, became = (np.concatenate(some) for some in zip(*pairs, strict=True))
    order = np.argsort(gradients)
    slack = ROUNDING * np.abs(became).max()
    sizes, slopes = np.abs(gradients), became / np.where(gradients, gradients, np.nan)
    small, large = (np.nanmedian(slopes[some]) for some in (sizes <= np.median(sizes), sizes > np.median(sizes)))
    return bool((np.diff(became[order]) >= -slack).all() and small > (1 + SAME_MAP) * large > 0)


def _is_of_one_norm(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether what became of the gradients is they themselves, at most so long."""
    factors = np.array([float(became @ gradients / (gradients @ gradients)) for gradients, became in pairs])
    norms = np.array([np.linalg.norm(became) for _, became in pairs])
    if not all(_near(factor * gradients, became) for factor, (gradients, became) in zip(factors, pairs, strict=True)):
        return False
    clipped = factors < 1 - SAME_MAP
    most = norms[clipped].max(initial=0)
    return bool(
        clipped.sum() > 1
        and np.allclose(norms[clipped], most, rtol=SAME_MAP)
        and np.allclose(factors[~clipped], 1, rtol=SAME_MAP)
        and (norms[~clipped] <= most * (1 + SAME_MAP)).all()
    )


def _is_of_the_point_before(answered: Sequence[Answered]) -> bool:
    """Whether a rule gives the answers with each point taken toward the one before it, in place of x.

    One in eight may be another: near the baseline, where these points pile up, ties are broken otherwise in float32.
    """
    few = [one for one in answered if one[0].image.numel() <= SMALL]
    return any(
        sum(
            not _near(line.weighted(*_toward_the_point_before(*by_name(rule, n), backwards)), values)
            for line, n, values in few
        )
        <= len(few) // 8
        for rule, backwards in product(NAMED[:4], (True, False))
    )


def _toward_the_point_before(nodes: np.ndarray, weights: np.ndarray, backwards: bool) -> Weighted:
    order = slice(None, None, -1) if backwards else slice(None)
    return np.cumprod(nodes[order]), weights[order]


def _near(values: np.ndarray, others: np.ndarray) -> bool:
    return distance(values, others) <= 10 * ROUNDING
