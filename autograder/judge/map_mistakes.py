"""What may be wrong with a map of one pair: exact matches first, then the nearest of the known mistakes.

A map that equals a textbook rule's is right, and one that equals a known mistake's is wrong, however near the two
are: at 50 steps the trapezoid with weights that sum to 0.98 is nearer to the integral than an honest left rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from autograder.judge.line import SMALL_PICTURE, Line, Pair, distance
from autograder.judge.mistakes import Mistake
from autograder.judge.studies.model_files import FileScores
from autograder.judge.studies.named_models import Scores
from autograder.judge.tolerances import ACROSS, EXACT_MAP, PROPORTIONAL_MAP, SAME_SUM
from igref.attribution import quadrature

CLOSE_CLASSES, FEW_CLASSES = 5, 20
MOST_RARE_STEPS = 20
VANISHING = 1e-6
ALIKE = 0.5
COMMON_COUNTS = (5, 10, 20, 25, 50, 100, 200)
Named = Iterator[tuple[Mistake, np.ndarray]]


@dataclass
class Context:
    """What a study says beside the pair, for the mistakes that mix things up."""

    scores: Scores | FileScores | None = None
    other_baselines: dict[str, torch.Tensor] = field(default_factory=dict)
    other_pairs: tuple[Line, ...] = ()
    other_counts: tuple[int, ...] = ()


def is_of_chebyshev_nodes(pair: Pair, values: np.ndarray) -> bool:
    """Whether this is Clenshaw and Curtis' map or Fejer's. Their nodes are widest apart in the middle, and err more there."""
    n, line = pair.stated_steps, pair.line
    if not 1 < n <= (MOST_RARE_STEPS if line.image.numel() > SMALL_PICTURE else 2 * pair.n_steps):
        return False
    angles = (np.arange(n + 1) / n, np.linspace(0, 1, n), (np.arange(n) + 0.5) / n)
    return any(distance(values, line.interpolatory((1 - np.cos(np.pi * some)) / 2)) <= EXACT_MAP for some in angles)


def exact_mistake(pair: Pair, values: np.ndarray) -> Mistake | None:
    """The mistake whose map this is, to rounding, of those that come close to the right map."""
    if pair.stated_steps > pair.exact_steps:
        return None  # the rules at this count are not recomputed, so nothing can be told to rounding
    for name, wrong in _near_misses(pair):
        if distance(values, wrong) <= EXACT_MAP:
            return name
    for _, right in pair.right_maps():
        rest = values - right
        even = rest.mean()
        if abs(even) * values.size**0.5 > 2 * EXACT_MAP * np.linalg.norm(right) >= 2 * np.linalg.norm(rest - even):
            return Mistake.GAP_SPREAD
        factor = float((values * right).sum() / max((right**2).sum(), 1e-300))
        across = distance(values, factor * right)
        if abs(factor - 1) > EXACT_MAP and across <= min(ACROSS * abs(factor - 1), EXACT_MAP * abs(factor)):
            return _name_of_factor(pair, values, factor)
    return None


def likely_mistake(pair: Pair, values: np.ndarray, context: Context) -> Mistake:
    """The mistake that explains a wrong map best; `unrelated_map` where none does."""
    if not values.any():
        return Mistake.ZEROS
    if values.max() - values.min() <= 1e-6 * np.abs(values).max():
        return Mistake.CONSTANT_MAP
    if exact := exact_mistake(pair, values):
        return exact
    if np.linalg.norm(values) < VANISHING * np.linalg.norm(pair.reference):
        return Mistake.ALL_CLASSES  # probabilities sum to one, so the gradient of their sum is rounding
    nearest, nearest_error = None, 1.0
    for name, wrong in _wrong(pair, context):
        known = np.isfinite(wrong)  # not where x = x', of a mistake that leaves out the factor x - x'
        error = distance(values[known], wrong[known])
        if error <= EXACT_MAP:
            return name
        if error / pair.allowed_map_error < nearest_error:
            nearest, nearest_error = name, error / pair.allowed_map_error
        if nearest_error > ALIKE and name != Mistake.ALL_CLASSES and _is_multiple(values[known], wrong[known]):
            nearest, nearest_error = name, ALIKE
    if nearest:
        return nearest
    if _is_half_precision(values) and distance(values, pair.reference) < 0.1:
        return Mistake.HALF_PRECISION
    cosine = _cosine(values, pair.reference)
    if cosine > 1 - pair.allowed_map_error**2:
        return Mistake.SCALED
    return Mistake.NOISY_MAP if cosine > 0.3 else Mistake.UNRELATED_MAP


def _near_misses(pair: Pair) -> Named:
    n, line = pair.exact_steps, pair.line
    closed, open_ = np.arange(n + 1) / n, np.linspace(0, 1, n)
    yield Mistake.ONE_TERM_TOO_MANY, line.weighted(closed, np.full(n + 1, 1 / n))
    if n > 1:
        yield Mistake.ONE_TERM_TOO_FEW, line.weighted(closed[1:-1], np.full(n - 1, 1 / n))
        weights = np.full(n, 1 / n)
        weights[[0, -1]] /= 2
        yield Mistake.TRAPEZOID_WEIGHTS, line.weighted(open_, weights)


def _name_of_factor(pair: Pair, values: np.ndarray, factor: float) -> Mistake:
    if abs(values.sum() - pair.score_difference) <= SAME_SUM * abs(pair.score_difference):
        return Mistake.RESCALED_TO_COMPLETE
    if abs(factor + 1) < 0.05:
        return Mistake.SIGN_REVERSED
    if abs(factor / pair.stated_steps - 1) < 0.15:
        return Mistake.NOT_AVERAGED
    if abs(factor * pair.line.image.shape[0] - 1) < 1e-3:
        return Mistake.CHANNELS_AVERAGED
    return Mistake.SCALED


def _wrong(pair: Pair, context: Context) -> Named:
    line, n = pair.line, pair.n_steps
    closed = np.arange(n + 1) / n
    difference, image = line.difference, line.image.double().numpy()
    first, last = (line.gradients(np.array([end]))[0].double().numpy() for end in (0.0, 1.0))
    yield Mistake.GRADIENT_TIMES_DIFFERENCE, difference * last
    yield Mistake.GRADIENT_TIMES_INPUT, image * last
    yield Mistake.GRADIENT_AT_INPUT, last
    yield Mistake.GRADIENT_AT_BASELINE, difference * first
    yield Mistake.INTEGER_DIVISION, difference * ((n - 1) * first + last) / n
    for _, values in pair.right_maps():
        yield Mistake.SIGN_REVERSED, -values
        yield Mistake.ABSOLUTE_VALUE, np.abs(values)
        yield Mistake.NOT_AVERAGED, pair.stated_steps * values
        if len(values) > 1:
            for collapse in (values.mean(0), values.sum(0)):
                yield Mistake.CHANNELS_AVERAGED, np.broadcast_to(collapse, values.shape)
        with np.errstate(all="ignore"):
            mean_gradient = np.where(difference != 0, values / difference, np.nan)
        yield Mistake.DIFFERENCE_MISSING, mean_gradient
        yield Mistake.NEITHER_AVERAGED_NOR_MULTIPLIED, pair.stated_steps * mean_gradient
        yield Mistake.TIMES_INPUT, np.nan_to_num(image * mean_gradient)
    gradients = line.gradients(closed).double().numpy()
    yield from _parts_of_the_path(difference, gradients, n)
    yield from _other_paths(pair, context)


def _parts_of_the_path(difference: np.ndarray, gradients: np.ndarray, n: int) -> Named:
    """The mean or the sum over the last points only, as when each batch overwrites the one before."""
    sums_from_end = np.cumsum(gradients[::-1], axis=0)
    sums_from_start = np.cumsum(gradients, axis=0)
    # Alphas k/n for k from 1 to n, from 0 to n - 1, or from 0 to n.
    for sums in (sums_from_end, sums_from_end - gradients[-1], sums_from_start):
        for count in range(1, n):
            for weight in (1 / count, 1 / n):
                yield Mistake.LAST_BATCH_ONLY, difference * sums[count] * weight
                yield Mistake.LAST_BATCH_ONLY, difference * sums[count - 1] * weight


def _other_paths(pair: Pair, context: Context) -> Named:
    line, n = pair.line, pair.n_steps
    for count in dict.fromkeys((*context.other_counts, *COMMON_COUNTS)):
        if count != n and count <= 2 * n:
            for rule in ("trapezoid", "midpoint", "left", "right"):
                yield Mistake.OTHER_STEP_COUNT, line.rule(rule, count)
    # The midpoints need gradients of their own, which take a while where the picture is a photo.
    rules = ("trapezoid", "right", "left")
    yield from _by_rules(pair, context, rules)
    if line.image.numel() <= SMALL_PICTURE:
        yield from _by_rules(pair, context, ("midpoint",))


def _by_rules(pair: Pair, context: Context, rules: tuple[str, ...]) -> Named:
    others = list(_mixed_up(pair, context))
    if context.scores is not None:
        others += _other_scores(pair, context.scores)
    for name, other, factor in others:
        for rule in rules:
            nodes, weights = quadrature.nodes_and_weights(rule, pair.n_steps)
            values = other.mean_gradient(nodes.numpy(), weights.numpy())
            yield name, values * (other.difference if factor is None else factor)


# A mistake's name, the path that it takes, and the factor in place of that path's difference, if there is one.
Mixed = Iterator[tuple[Mistake, Line, np.ndarray | None]]


def _mixed_up(pair: Pair, context: Context) -> Mixed:
    """Other lines: from zero, beyond x, from another baseline, to another image."""
    line = pair.line
    if line.baseline.any():
        from_zero = line.other(baseline=torch.zeros_like(line.baseline))
        yield Mistake.PATH_FROM_ZERO, from_zero, None
        yield Mistake.PATH_FROM_ZERO_TIMES_DIFFERENCE, from_zero, line.difference
    beyond = line.other(baseline=line.image, image=2 * line.image - line.baseline)
    yield Mistake.PATH_BEYOND_INPUT, beyond, line.difference
    for other in context.other_baselines.values():
        yield Mistake.MAP_OF_ANOTHER_BASELINE, line.other(baseline=other), None
    for other in context.other_pairs:
        yield Mistake.MAP_OF_ANOTHER_IMAGE, other, None


def _other_scores(pair: Pair, scores: Scores | FileScores) -> Mixed:
    """The same line under other scores: another class, all classes, logits, logarithms; from another grey."""
    line = pair.line
    with torch.no_grad():
        order = scores.forward(line.image[None])[0].argsort(descending=True).tolist()
    classes = order if len(order) <= FEW_CLASSES else (*order[:CLOSE_CLASSES], 0)
    for target in dict.fromkeys(classes):
        if target != line.target:
            yield (Mistake.TOP_CLASS if target == order[0] else Mistake.WRONG_CLASS), line.other(target=target), None
    mean, std = scores.normalisation or (torch.zeros(1), torch.ones(1))
    if bool((mean != 0).any()):
        from_grey = line.other(baseline=mean.expand_as(line.baseline).clone())
        yield Mistake.BASELINE_AFTER_NORMALISATION, from_grey, None
        yield Mistake.BASELINE_AFTER_NORMALISATION, from_grey, line.difference
        yield Mistake.BASELINE_AFTER_NORMALISATION, line, line.difference / std.double().numpy()
    yield Mistake.OTHER_SCORES, line.other(forward=scores.other_kind), None
    yield Mistake.LOG_PROBABILITY, line.other(forward=lambda x: scores.forward(x).abs().clamp_min(1e-30).log()), None
    every = line.other(forward=lambda x: scores.forward(x).sum(dim=1, keepdim=True), target=0)
    yield Mistake.ALL_CLASSES, every, None


def _is_multiple(values: np.ndarray, wrong: np.ndarray) -> bool:
    return _cosine(values, wrong) > 1 - PROPORTIONAL_MAP


def _cosine(values: np.ndarray, reference: np.ndarray) -> float:
    norms = np.linalg.norm(values) * np.linalg.norm(reference)
    return float((values * reference).sum() / norms) if norms > 0 else 0.0


def _is_half_precision(values: np.ndarray) -> bool:
    with np.errstate(all="ignore"):
        rounded = values.astype(np.float16).astype(np.float64)
    return bool(np.array_equal(rounded, values))
