"""What a function computes, explained as a product: weights x path x score x factor x display.

People combine a rule, a target, a form and a display step. So a wrong answer is not looked up in a list: every combination of
the parts below is a candidate, and the one with the fewest mistakes that gives the student's numbers on every probe, but for
a factor, is the explanation. Each part names the mistake that it is; a new one is a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import groupby, product

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, uniform_filter
from scipy.sparse import coo_array, csr_array

from autograder.judge.line import NAMED, RIGHT_RULES, SMALL_PICTURE, Line, Weighted, by_name, equal_weights
from autograder.judge.mistakes import Mistake
from autograder.judge.tolerances import PROPORTIONAL, ROUNDING, SAME_MAP
from igref.types import Forward

Operation = Callable[[np.ndarray], np.ndarray]
VANISHING = 1e-9
MAYBE = 1e-4
"""1 - cosine, over some of the features, up to which a map may prove to be a multiple over all of them: see PROPORTIONAL."""
ABOUT = 0.2
"""What a map that shares out F(x) - F(x') may miss it by, relative to it, with few steps."""
NEGLIGIBLE = 3e-3
"""A map smaller than this, of the gradient at x times x - x', may hold no three digits in float32, as after a softmax."""
BATCHES = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 16, 20, 24, 25, 30, 32, 40, 50, 64)
USUAL_BATCHES = (4, 5, 8, 10, 16, 20, 25, 32, 48, 50, 64, 100, 128)
FINE = 96
MOST_TRIED = 1500
"""Candidates that are tried on every line, the simple ones first: a map that is constant, say, has very many."""
SOON_SEARCHED, MOST_SEARCHED = 4_096, 8_192
"""Candidates are drawn from lines of at most so many numbers a rule, if there is one from fewer: it takes a second or two."""
FIXED_COUNTS = (1, 2, 3, 4, 5, 10, 20, 25, 30, 32, 50, 64, 100, 128, 200, 256, 300)
USUAL_COUNTS = (10, 20, 50, 100, 200)
LINES_FOR_A_GRADIENT = 3
"""So many lines candidates for a gradient at x are drawn from, in turn: one gradient each is quick."""
FILTERED_BY_PRODUCT = 512
"""Numbers of a map up to which a filter is kept as a matrix: two megabytes."""
PERCENTILES = (90, 95, 98, 99)


@dataclass(frozen=True)
class Part:
    """One choice in a composition: `mistake` is None where it is right. What `of` takes depends on the kind of part.

    `alone`: so rare that it is looked for only where path, score, target and each gradient are otherwise right.
    """

    name: str
    mistake: Mistake | None
    of: Callable
    alone: bool = field(default=False, kw_only=True)


# Weights: a number of steps to nodes and weights.


def _without_last(n: int) -> Weighted:
    return equal_weights(np.arange(max(1, n - 1)) / n)


def _odd_simpson(intervals: int) -> Weighted:
    """Simpson's 1, 4, 2, ..., 4, 1 over any number of intervals: with an odd one they do not add up to one."""
    pattern = np.where(np.arange(intervals + 1) % 2, 4.0, 2.0)
    pattern[[0, -1]] = 1
    return np.linspace(0, 1, intervals + 1), pattern / (3 * intervals)


def _not_moved(n: int) -> Weighted:
    """Gauss's nodes on [-1, 1], where he has them, with weights that add up to one."""
    nodes, weights = by_name("gauss_legendre", n)
    return 2 * nodes - 1, weights


def _of_half(rule: str, start: float, n: int) -> Weighted:
    """A rule on half of the path, with weights that add up to one."""
    nodes, weights = RIGHT_RULES[rule](n)
    return start + nodes / 2, weights


@cache
def right_weights() -> tuple[Part, ...]:
    return tuple(Part(name, None, rule) for name, rule in RIGHT_RULES.items())


@cache
def wrong_weights() -> tuple[Part, ...]:
    parts = [
        Part("end", Mistake.GRADIENT_TIMES_DIFFERENCE, lambda n: equal_weights(np.ones(1))),
        Part("start", Mistake.GRADIENT_AT_BASELINE, lambda n: equal_weights(np.zeros(1))),
        Part("inner - 1", Mistake.ONE_TERM_TOO_FEW, lambda n: equal_weights(np.arange(1, max(2, n)) / max(2, n))),
        Part("first - 1", Mistake.ONE_TERM_TOO_FEW, _without_last),
        Part("past x", Mistake.PATH_RUNS_PAST_INPUT, lambda n: equal_weights(np.arange(2, n + 2) / n)),
        Part(
            "ends in whole numbers",
            Mistake.INTEGER_DIVISION,
            lambda n: (np.array([0.0, 1.0]), np.array([n - 1, 1]) / n),
        ),
        *(
            Part(f"{name}, {of}", Mistake.POINTS_NOT_SPREAD, partial(_of_half, of, start))
            for of in ("closed", "closed + 1", "midpoint", "right")
            for name, start in (("first half", 0.0), ("second half", 0.5))
        ),
        Part("simpson, odd", Mistake.SIMPSON_OF_ODD_COUNT, lambda n: _odd_simpson(max(1, n))),
        Part("simpson -1, odd", Mistake.SIMPSON_OF_ODD_COUNT, lambda n: _odd_simpson(max(1, n - 1))),
        Part("gauss_legendre, not moved", Mistake.NODES_NOT_MOVED, _not_moved),
        Part(
            "gauss_legendre, equal",
            Mistake.NODES_WITHOUT_WEIGHTS,
            lambda n: equal_weights(by_name("gauss_legendre", n)[0]),
        ),
    ]
    return tuple(parts)


def _with_respect_to_x(nodes: np.ndarray, weights: np.ndarray) -> Weighted:
    return nodes, weights * nodes


def _first_row(nodes: np.ndarray, weights: np.ndarray) -> Weighted:
    return nodes[:1], weights[:1]


def _last_row(nodes: np.ndarray, weights: np.ndarray) -> Weighted:
    return nodes[-1:], weights[-1:]


def _last_batch(size: int) -> Callable[[np.ndarray, np.ndarray], Weighted]:
    def last_batch(nodes: np.ndarray, weights: np.ndarray) -> Weighted:
        start = (len(nodes) - 1) // size * size
        return nodes[start:], weights[start:]

    return last_batch


def _first_rows(size: int) -> Callable[[np.ndarray, np.ndarray], Weighted]:
    return lambda nodes, weights: (nodes[::size], weights[::size])


def full_batches(size: int) -> Callable[[np.ndarray, np.ndarray], Weighted]:
    def full(nodes: np.ndarray, weights: np.ndarray) -> Weighted:
        return nodes, np.where(np.arange(len(nodes)) < len(nodes) // size * size, weights, 0)

    return full


def _but_the_last(size: int) -> Callable[[np.ndarray, np.ndarray], Weighted]:
    """Without the last batch, full or not, as with a loop that ends before it."""

    def but_the_last(nodes: np.ndarray, weights: np.ndarray) -> Weighted:
        return nodes, np.where(np.arange(len(nodes)) < max(1, (len(nodes) - 1) // size) * size, weights, 0)

    return but_the_last


def mean_of_means(size: int) -> Callable[[np.ndarray, np.ndarray], Weighted]:
    def means(nodes: np.ndarray, weights: np.ndarray) -> Weighted:
        batch = np.arange(len(nodes)) // size
        each = np.bincount(batch, weights)
        return nodes, weights * (weights.sum() / len(each) / np.where(each, each, 1))[batch]

    return means


WITH_RESPECT_TO_X = Part("with respect to x", Mistake.GRADIENT_WRT_INPUT, _with_respect_to_x)
WHICH_GRADIENTS = (
    Part("all", None, lambda nodes, weights: (nodes, weights)),
    WITH_RESPECT_TO_X,
    Part("first row", Mistake.FIRST_ROW_ONLY, _first_row),
    Part("piled up", Mistake.GRADIENTS_PILE_UP, lambda nodes, weights: (nodes, weights * np.arange(len(nodes), 0, -1))),
    Part("times the way left", Mistake.TIMES_EACH_POINT, lambda nodes, weights: (nodes, weights * (1 - nodes))),
    Part("last row", Mistake.LAST_BATCH_ONLY, _last_row),
    *(Part(f"last batch of {size}", Mistake.LAST_BATCH_ONLY, _last_batch(size)) for size in BATCHES),
    *(Part(f"first rows of batches of {size}", Mistake.FIRST_ROW_ONLY, _first_rows(size)) for size in USUAL_BATCHES),
    *(Part(f"full batches of {size}", Mistake.LAST_BATCH_DROPPED, full_batches(size)) for size in USUAL_BATCHES),
    *(Part(f"all but the last of {size}", Mistake.LAST_BATCH_DROPPED, _but_the_last(size)) for size in USUAL_BATCHES),
    *(Part(f"means of batches of {size}", Mistake.MEAN_OF_MEANS, mean_of_means(size)) for size in USUAL_BATCHES),
)

# What is done to each gradient before they are summed.


def _to_unit_length(gradients: np.ndarray) -> np.ndarray:
    sizes = np.linalg.norm(gradients.reshape(len(gradients), -1), axis=1)
    return gradients / np.maximum(sizes, VANISHING).reshape(-1, *[1] * (gradients.ndim - 1))


def _of_norm_up_to(most: float) -> Operation:
    def clipped(gradients: np.ndarray) -> np.ndarray:
        sizes = np.linalg.norm(gradients.reshape(len(gradients), -1), axis=1)
        return gradients * np.minimum(1, most / np.maximum(sizes, VANISHING)).reshape(-1, *[1] * (gradients.ndim - 1))

    return clipped


def _of_size_up_to(most: float) -> Operation:
    return lambda gradients: np.clip(gradients, -most, most)


EACH = (
    Part("as it is", None, lambda gradients: gradients),
    Part("absolute", Mistake.ABSOLUTE_VALUE, np.abs),
    Part("squared", Mistake.SQUARED, np.square),
    Part("positive", Mistake.POSITIVE_PART_ONLY, lambda gradients: np.maximum(gradients, 0)),
    Part("one", Mistake.NETWORK_NOT_ASKED, np.ones_like),
    Part("unit length", Mistake.GRADIENTS_NORMALISED, _to_unit_length, alone=True),
    Part("signs", Mistake.GRADIENTS_NORMALISED, np.sign, alone=True),
)
CLIPPED = tuple(
    Part(f"{name} up to {most:g}", Mistake.GRADIENTS_CLIPPED, of(most), alone=True)
    for name, of, sizes in (
        ("norm", _of_norm_up_to, (0.01, 0.1, 0.5, 1.0, 5.0)),
        ("values", _of_size_up_to, (0.01, 0.1, 0.5, 1.0)),
    )
    for most in sizes
)
"""Each gradient clipped as in training. Of integrated gradients alone: a gradient at x would be a multiple of what it was."""

# What is done to their sum before it is multiplied.

MEANS = (Part("as it is", None, lambda mean: mean), Part("absolute", Mistake.ABSOLUTE_VALUE, np.abs))

# The path: a line to the line that was taken.


def _clipped_points(x: torch.Tensor) -> torch.Tensor:
    """The points clipped to [0, 1], with the gradient at what came of them."""
    return x + (x.clamp(0, 1) - x).detach()


def _through_points(forward: Forward, change: Callable[[torch.Tensor], torch.Tensor]) -> Forward:
    return lambda x: forward(change(x))


PATHS = (
    Part("from the baseline", None, lambda line: line),
    Part("from zero", Mistake.PATH_FROM_ZERO, lambda line: line.other(baseline=torch.zeros_like(line.baseline))),
    Part(
        "beyond x",
        Mistake.PATH_BEYOND_INPUT,
        lambda line: line.other(baseline=line.image, image=2 * line.image - line.baseline),
    ),
    Part(
        "from the baseline by x",
        Mistake.PATH_BEYOND_INPUT,
        lambda line: line.other(image=line.baseline + line.image),
    ),
    Part(
        "without the baseline",
        Mistake.PATH_WITHOUT_BASELINE,
        lambda line: line.other(image=line.image - line.baseline, baseline=torch.zeros_like(line.baseline)),
        alone=True,
    ),
    Part(
        "clipped points",
        Mistake.PATH_CLIPPED,
        lambda line: line.other(forward=_through_points(line.forward, _clipped_points)),
        alone=True,
    ),
    Part(
        "clipped on the way",
        Mistake.PATH_CLIPPED,
        lambda line: line.other(forward=_through_points(line.forward, lambda x: x.clamp(0, 1))),
        alone=True,
    ),
)

# Where the gradient at x was taken in place of x.


def _min_max_of(x: torch.Tensor) -> torch.Tensor:
    return (x - x.min()) / (x.max() - x.min())


def _standardised(x: torch.Tensor) -> torch.Tensor:
    return (x - x.mean()) / x.std()


RESCALED = (
    ("min-max", _min_max_of),
    ("min-max to [-1, 1]", lambda x: 2 * _min_max_of(x) - 1),
    ("standardised", _standardised),
    ("standardised, of all", lambda x: (x - x.mean()) / x.std(correction=0)),
    ("over its largest", lambda x: x / x.abs().max()),
    ("of unit length", lambda x: x / x.norm()),
    ("over 255", lambda x: x / 255),
    ("times 255", lambda x: x * 255),
    ("from [0, 1] to [-1, 1]", lambda x: 2 * x - 1),
    ("clipped", lambda x: x.clamp(0, 1)),
)
"""What people do to an input before the pass. The gradient at what comes of it, or, by the chain rule, through it."""


def _at_rescaled(line: Line, change: Callable[[torch.Tensor], torch.Tensor]) -> Line:
    return line.other(image=change(line.image))


def _through_rescaled(line: Line, change: Callable[[torch.Tensor], torch.Tensor]) -> Line:
    return line.other(forward=_through_points(line.forward, torch.func.vmap(change)))


AT_X = (
    Part("at x", None, lambda line: line),
    *(
        Part(f"{name}, {how}", Mistake.INPUT_RESCALED, lambda line, of=of, change=change: of(line, change), alone=True)
        for name, change in RESCALED
        for how, of in (("at it", _at_rescaled), ("through it", _through_rescaled))
    ),
)

# The score that is differentiated: a forward to another one, and then a line to one of another target.


def _through(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Forward], Forward]:
    return lambda forward: lambda x: function(forward(x))


def _as_probabilities(scores: torch.Tensor) -> torch.Tensor:
    """Scores through a softmax, but for those that are probabilities already: whose rows add up to one."""
    if torch.allclose(scores.detach().sum(dim=1), scores.new_ones(len(scores)), atol=SAME_MAP):
        return scores
    return scores.softmax(dim=1)


SCORES = (
    Part("the score", None, lambda forward: forward),
    Part("softmax", Mistake.SOFTMAX_INSIDE, _through(lambda s: s.softmax(dim=1))),
    Part("sigmoid", Mistake.SIGMOID_INSIDE, _through(lambda s: s.sigmoid())),
    # A student takes the logarithm of a negative score and gets NaN; its gradient s'/s is finite all the same.
    Part("logarithm", Mistake.LOG_PROBABILITY, _through(lambda s: s.abs().log())),
    Part("log softmax", Mistake.LOSS_DIFFERENTIATED, _through(lambda s: s.log_softmax(dim=1))),
    Part("log of softmax of softmax", Mistake.LOSS_DIFFERENTIATED, _through(lambda s: s.softmax(1).log_softmax(1))),
    Part("softmax where needed", Mistake.SOFTMAX_INSIDE, _through(_as_probabilities), alone=True),
)


MORE_SCORES = tuple(
    Part(name, Mistake.SCORE_TRANSFORMED, _through(function), alone=True)
    for name, function in (
        ("square", torch.square),
        ("square of softmax", lambda s: s.softmax(dim=1).square()),
        ("exponential", torch.exp),
        ("absolute value", torch.abs),
        ("positive part", torch.relu),
        *((f"softmax at {t:g}", lambda s, t=t: (s / t).softmax(dim=1)) for t in (0.1, 0.5, 2.0, 5.0, 10.0)),
    )
)
"""Other functions of the scores. Of functions alone, as OTHERS are."""


def _classes(line: Line, at: torch.Tensor) -> int:
    with torch.no_grad():
        return int(line.forward(at[None])[0].argmax())


def _all_classes(line: Line) -> Line:
    return line.other(forward=lambda x: line.forward(x).sum(dim=1, keepdim=True), target=0)


def _top_at_each_point(line: Line) -> Line:
    return line.other(forward=lambda x: line.forward(x).max(dim=1, keepdim=True).values, target=0)


def _slice_of_classes(line: Line, of: Callable[[int], slice]) -> Line:
    return line.other(forward=lambda x: line.forward(x)[:, of(line.target)].sum(dim=1, keepdim=True), target=0)


def _margin(line: Line, less: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Line:
    """The target's score (B,) less what is made of it and of the others (B, n_classes - 1)."""

    def margin(x: torch.Tensor) -> torch.Tensor:
        scores = line.forward(x)
        own, others = scores[:, line.target], torch.cat([scores[:, : line.target], scores[:, line.target + 1 :]], dim=1)
        return (own - less(own, others))[:, None] if others.shape[1] else scores

    return line.other(forward=margin, target=0)


def _neighbour(line: Line, by: int) -> Line:
    with torch.no_grad():
        n_classes = line.forward(line.image[None]).shape[1]
    return line.other(target=(line.target + by) % n_classes)


TARGETS = (
    Part("the target", None, lambda line: line),
    Part("top at x", Mistake.TOP_CLASS, lambda line: line.other(target=_classes(line, line.image))),
    Part("top at each point", Mistake.TOP_CLASS_AT_EACH_POINT, _top_at_each_point),
    Part("all", Mistake.ALL_CLASSES, _all_classes),
    Part("first", Mistake.FIRST_CLASS, lambda line: line.other(target=0)),
    Part("top at the baseline", Mistake.TOP_CLASS, lambda line: line.other(target=_classes(line, line.baseline))),
    Part("one less", Mistake.TARGET_OFF_BY_ONE, lambda line: _neighbour(line, -1), alone=True),
    Part("one more", Mistake.TARGET_OFF_BY_ONE, lambda line: _neighbour(line, 1), alone=True),
    Part(
        "from the target on",
        Mistake.SEVERAL_CLASSES,
        lambda line: _slice_of_classes(line, lambda target: slice(target, None)),
        alone=True,
    ),
    Part(
        "up to the target",
        Mistake.SEVERAL_CLASSES,
        lambda line: _slice_of_classes(line, lambda target: slice(target + 1)),
        alone=True,
    ),
)


def _over_best_other_at_x(line: Line) -> Line:
    with torch.no_grad():
        scores = line.forward(line.image[None])[0].clone()
    scores[line.target] = -torch.inf
    other = int(scores.argmax())

    def margin(x: torch.Tensor) -> torch.Tensor:
        scores = line.forward(x)
        return scores[:, [line.target]] - scores[:, [other]]

    return line.other(forward=margin, target=0)


def _of_rank(line: Line) -> Line:
    """The class that the target is the rank of, by its score at x."""
    with torch.no_grad():
        ranked = line.forward(line.image[None])[0].argsort(descending=True)
    return line.other(target=int(ranked[line.target]))


OTHERS = (
    *(
        Part(name, Mistake.OTHER_CLASSES_SUBTRACTED, partial(_margin, less=less), alone=True)
        for name, less in (
            ("over the best other", lambda own, others: others.amax(dim=1)),
            ("over the others' mean", lambda own, others: others.mean(dim=1)),
            ("over the mean of all", lambda own, others: torch.cat([own[:, None], others], dim=1).mean(dim=1)),
            ("less the sum of the others", lambda own, others: others.sum(dim=1)),
        )
    ),
    Part("over the best other at x", Mistake.OTHER_CLASSES_SUBTRACTED, _over_best_other_at_x, alone=True),
    Part("the target as a rank", Mistake.TARGET_AS_RANK, _of_rank, alone=True),
)
"""The target beside other classes. Of functions alone: each would cost a photo's map as many gradients as a rule."""

# The factor: a line to what the mean gradient is multiplied by.

FACTORS = (
    Part("x - x'", None, lambda line: line.difference),
    Part("none", Mistake.DIFFERENCE_MISSING, lambda line: np.ones_like(line.difference)),
    Part("x", Mistake.TIMES_INPUT, lambda line: line.image.double().numpy()),
    Part("|x - x'|", Mistake.ABSOLUTE_DIFFERENCE, lambda line: np.abs(line.difference)),
    Part("(x - x')^2", Mistake.DIFFERENCE_TWICE, lambda line: line.difference**2),
    Part("sign of x - x'", Mistake.DIFFERENCE_SIGN, lambda line: np.sign(line.difference)),
)

# Display: what is done to maps (K, *shape), first over channels, then to signs, then to the range.


def _over_channels(how: Operation) -> Operation:
    return lambda maps: how(maps) if maps.ndim == 4 else maps


def _flat(maps: np.ndarray) -> np.ndarray:
    return maps.reshape(len(maps), -1)


def _min_max(maps: np.ndarray) -> np.ndarray:
    flat = _flat(maps)
    low, high = flat.min(axis=1, keepdims=True), flat.max(axis=1, keepdims=True)
    return ((flat - low) / np.maximum(high - low, VANISHING)).reshape(maps.shape)


def _clipped(low: float, high: float) -> Operation:
    def clipped(maps: np.ndarray) -> np.ndarray:
        least, most = np.percentile(_flat(maps), [low, high], axis=1, keepdims=True)
        return np.clip(_flat(maps), least, most).reshape(maps.shape)

    return clipped


def _clipped_size(high: float) -> Operation:
    def clipped(maps: np.ndarray) -> np.ndarray:
        most = np.percentile(np.abs(_flat(maps)), high, axis=1, keepdims=True)
        return np.clip(_flat(maps), -most, most).reshape(maps.shape)

    return clipped


def _clipped_then_min_max(low: float, high: float) -> Operation:
    return lambda maps: _min_max(_clipped(low, high)(maps))


def _filter(filtered: Callable, size: float, maps: np.ndarray) -> np.ndarray:
    """A linear filter over height and width, or along a vector, of each map."""
    sizes = (0, *[0] * (maps.ndim == 4), *[size] * (2 if maps.ndim == 4 else 1))
    return filtered(maps, sizes)


@cache
def _responses(filtered: Callable, size: float, shape: tuple[int, ...]) -> np.ndarray:
    """What the filter makes of one at each place: a row for each, (n, n)."""
    n = int(np.prod(shape))
    return _filter(filtered, size, np.eye(n).reshape(n, *shape)).reshape(n, n)


def _over_places(filtered: Callable, size: float) -> Operation:
    """The filter of maps: of very many small ones by one product, which is quicker; of larger ones as it is."""

    def filter_of(maps: np.ndarray) -> np.ndarray:
        if maps[0].size > FILTERED_BY_PRODUCT:
            return _filter(filtered, size, maps)
        return (_flat(maps) @ _responses(filtered, size, maps.shape[1:])).reshape(maps.shape)

    return filter_of


def _mean_of_three(mode: str) -> Operation:
    return _over_places(partial(_uniform, mode=mode), 3)


def _uniform(maps: np.ndarray, sizes: Sequence[float], mode: str) -> np.ndarray:
    return uniform_filter(maps, [size or 1 for size in sizes], mode=mode)


def _of_all(how: Callable[[np.ndarray], np.ndarray]) -> Operation:
    return _over_channels(lambda maps: np.broadcast_to(how(maps)[:, None], maps.shape))


CHANNELS = (
    Part("each", None, lambda maps: maps),
    Part("sum", Mistake.CHANNELS_AVERAGED, _of_all(lambda maps: maps.sum(axis=1))),
    Part("mean", Mistake.CHANNELS_AVERAGED, _of_all(lambda maps: maps.mean(axis=1))),
    Part("largest", Mistake.CHANNELS_AVERAGED, _of_all(lambda maps: np.abs(maps).max(axis=1))),
)
SIGNS = (
    Part("kept", None, lambda maps: maps),
    Part("absolute", Mistake.ABSOLUTE_VALUE, np.abs),
    Part("positive", Mistake.POSITIVE_PART_ONLY, lambda maps: np.maximum(maps, 0)),
    Part("squared", Mistake.SQUARED, np.square),
)
REVERSED = Part("reversed", Mistake.SIGN_REVERSED, np.negative)
"""Where nothing follows it is a factor of -1, which needs no part of its own."""


# Which maps could have become the values by a change of range, from what that leaves as it was: quick, so that the change itself is
# worked out for few. Maps are (K, n), values (n,).


def _norms(maps: np.ndarray) -> np.ndarray:
    return np.sqrt(
        np.einsum("kn,kn->k", maps, maps)
    )  # three times as fast as numpy.linalg.norm for very many short rows


def _proportional(maps: np.ndarray, values: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        across = 1 - np.abs(maps @ values) / (_norms(maps) * np.linalg.norm(values))
    return ~(across > MAYBE)  # where there is nothing to compare, too


def _affine(maps: np.ndarray, values: np.ndarray) -> np.ndarray:
    return _proportional(maps - maps.mean(axis=1, keepdims=True), values - values.mean())


def _within(kept: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The same where the values are not at their end, which is where they may have been cut off."""

    def within(maps: np.ndarray, values: np.ndarray) -> np.ndarray:
        slack = 1e-6 * (values.max() - values.min())
        inner = (values > values.min() + slack) & (values < values.max() - slack)
        return kept(maps[:, inner], values[inner]) if inner.sum() > 2 else np.ones(len(maps), bool)

    return within


def _any(maps: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.ones(len(maps), bool)


@dataclass(frozen=True)
class Range(Part):
    """A change of range. `could_give`: which maps it could have made the values of, one of the functions above."""

    could_give: Callable[[np.ndarray, np.ndarray], np.ndarray]


_cut, _cut_and_shifted = _within(_proportional), _within(_affine)
RANGES = (
    Range("kept", None, lambda maps: maps, _proportional),
    Range("min-max", Mistake.MIN_MAX, _min_max, _affine),
    *(Range(f"size up to {p} %", Mistake.CLIPPED_AT_PERCENTILE, _clipped_size(p), _cut) for p in PERCENTILES),
    *(Range(f"up to {p} %", Mistake.CLIPPED_AT_PERCENTILE, _clipped(0, p), _cut) for p in PERCENTILES),
    *(Range(f"{100 - p} to {p} %", Mistake.CLIPPED_AT_PERCENTILE, _clipped(100 - p, p), _cut) for p in PERCENTILES),
    *(
        Range(
            f"{low} to {p} %, min-max", Mistake.CLIPPED_AT_PERCENTILE, _clipped_then_min_max(low, p), _cut_and_shifted
        )
        for p in PERCENTILES
        for low in (0, 100 - p)
    ),
    *(
        Range(f"blur {sigma:g}", Mistake.BLURRED, _over_places(gaussian_filter, sigma), _any)
        for sigma in (0.5, 1.0, 1.5, 2.0)
    ),
    *(
        Range(f"mean of three, {mode}", Mistake.BLURRED, _mean_of_three(mode), _any)
        for mode in ("constant", "nearest", "reflect")
    ),
)


@cache
def _sum(weights: Part, which: Part, n_steps: int) -> Weighted:
    """The nodes that are asked about, and the weights that they get."""
    return which.of(*weights.of(n_steps))


@dataclass(frozen=True)
class Composition:
    """One way to compute a map. `size` names what its factor means, if that is a mistake of its own."""

    weights: Part
    which: Part
    path: Part
    score: Part
    target: Part
    each: Part
    mean: Part
    factor: Part
    channels: Part = CHANNELS[0]
    signs: Part = SIGNS[0]
    ranges: Part = RANGES[0]

    @property
    def parts(self) -> tuple[Part, ...]:
        return (
            *(self.score, self.target, self.path, self.weights, self.which, self.each, self.mean, self.factor),
            *(self.channels, self.signs, self.ranges),
        )

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """What is wrong, in the order of what it costs: what is asked, the path, the sum, what is done to it."""
        return tuple(dict.fromkeys(part.mistake for part in self.parts if part.mistake))

    def summed(self, n_steps: int) -> tuple[int, float]:
        """How many gradients are summed, and what their weights add up to."""
        nodes, weights = _sum(self.weights, self.which, n_steps)
        return len(nodes), float(weights.sum())

    def map(self, line: Line, n_steps: int) -> np.ndarray:
        """The map of a line, float64 of its shape."""
        nodes, weights = _sum(self.weights, self.which, n_steps)
        taken = _taken(line, self.path, self.score, self.target)
        if line.image.numel() > SMALL_PICTURE and self.each.mistake is None:
            mean = taken.mean_gradient(nodes, weights)  # without a second copy of every gradient
        else:
            mean = np.tensordot(weights, self.each.of(taken.gradients_at(nodes)), axes=1)
        values = self.factor.of(line) * self.mean.of(mean)
        return self.ranges.of(self.signs.of(self.channels.of(values[None])))[0]


@dataclass(frozen=True)
class Explanation:
    """A composition that gives a student's numbers, but for a factor, and the mistakes that it has.

    `adds_up_to`: where the factor is what makes the map add up, what it adds up to, whatever `size` says.
    """

    composition: Composition
    size: Size
    mistakes: tuple[Mistake, ...]
    adds_up_to: Callable[[Line], float] | None = None

    def map(self, line: Line, n_steps: int) -> np.ndarray:
        values = self.composition.map(line, n_steps)
        if self.adds_up_to is not None:
            total = values.sum()
            return values * (self.adds_up_to(line) / total) if total else values  # nothing makes zeros add up
        return self.size(n_steps, *self.composition.summed(n_steps)) * values


Size = Callable[[int, int, float], float]
"""A factor, from the number of steps, the number of gradients that are summed, and what their weights add up to."""

SIZES: tuple[tuple[Mistake | None, Size], ...] = (
    (None, lambda n, points, total: 1.0),
    (None, lambda n, points, total: 1 / total),  # the mean over those that are left
    (Mistake.NOT_AVERAGED, lambda n, points, total: float(points)),
    (Mistake.NOT_AVERAGED, lambda n, points, total: float(n)),
    (Mistake.ONE_TERM_TOO_MANY, lambda n, points, total: (n + 1) / n),
    (Mistake.ONE_TERM_TOO_FEW, lambda n, points, total: (n - 1) / n),
    (Mistake.WEIGHTS_DO_NOT_ADD_UP, lambda n, points, total: n / max(1, n - 1)),
    (Mistake.WEIGHTS_DO_NOT_ADD_UP, lambda n, points, total: n / (n + 1)),
    (Mistake.WEIGHTS_DO_NOT_ADD_UP, lambda n, points, total: (n + 1) / max(1, n - 1)),
    (Mistake.WEIGHTS_DO_NOT_ADD_UP, lambda n, points, total: (n - 1) / (n + 1)),
    (Mistake.TWICE, lambda n, points, total: 2.0),
    (Mistake.TWICE, lambda n, points, total: 0.5),
    (Mistake.AVERAGED_TWICE, lambda n, points, total: 1 / n),
)


# The search.


def _is_of_signs(display: Display) -> bool:
    channels, _, ranges = display
    return not channels.mistake and not ranges.mistake


Display = tuple[Part, Part, Range]
Answered = tuple[Line, int, np.ndarray]
"""A line, the number of steps that was asked for, and the student's values, float64 of its shape."""


def explain(
    answered: Sequence[Answered], failed: Sequence[int], space: Callable[[], Space] | None = None
) -> Explanation | None:
    """The composition with the fewest mistakes that gives the answers to rounding; None where none does.

    Args:
        answered: what a function answered, right or wrong, on several lines.
        failed: which of them are wrong: the candidates are drawn from one of these, if it is small.
        space: what they are made of; integrated gradients unless said otherwise.
    """
    parts = (space or integrals)()
    # Where only large pictures show the fault, the small lines that have it, too, are near enough to a rule's answers.
    telling = _searched(answered, failed) or _searched(answered, range(len(answered)))
    telling.sort(key=lambda k: (_cost(*answered[k]) <= SOON_SEARCHED, *_is_telling(answered[k][0])), reverse=True)
    cheap_first = sorted(answered, key=lambda one: _cost(*one))  # what a candidate fails on should cost little
    # What is done to channels shows on pictures alone. One line may show nothing: a softmax that is one leaves no gradient.
    tried = 1 if len(parts.weights) > 1 else LINES_FOR_A_GRADIENT
    for k in dict.fromkeys([*telling[:tried], *[k for k in telling if answered[k][0].image.ndim == 3][:1]]):
        for displays, which, most in parts.passes if answered[k][0].image.ndim == 1 else parts.passes[:2]:
            candidates = list(_candidates(*answered[k], parts, displays, which, most))
            if (found := _first_that_holds(candidates, cheap_first, len(failed))) is not None:
                return found
    return None


def _searched(answered: Sequence[Answered], among: Sequence[int]) -> list[int]:
    """Those of the answers that candidates can be drawn from: small ones that hold more than rounding."""
    found = [k for k in among if np.isfinite(answered[k][2]).all() and not _is_negligible(*answered[k])]
    return [k for k in found if _cost(*answered[k]) <= MOST_SEARCHED and not _is_constant(answered[k][2])]


def explain_gradient(answered: Sequence[Answered], failed: Sequence[int]) -> Explanation | None:
    """The same for the gradient at x."""
    found = explain(answered, failed, gradients_at_x)
    if found is None:
        return None
    names = {Mistake.SIGN_REVERSED: Mistake.GRADIENT_SIGN_REVERSED}
    return Explanation(found.composition, found.size, tuple(names.get(one, one) for one in found.mistakes))


def rule_of(answered: Sequence[Answered]) -> str:
    """The name of the textbook rule that gives all the answers; empty where none does."""
    found = ((part.name, _explained(textbook(part), answered)) for part in right_weights())
    return next((name for name, one in found if one is not None and not one.mistakes), "")


def rule_and_factor(answered: Sequence[Answered]) -> Explanation | None:
    """The textbook rule that gives all the answers but for a factor; None where none does."""
    found = (_explained(textbook(part), answered) for part in right_weights())
    return next((one for one in found if one is not None), None)


def near_miss(answered: Sequence[Answered]) -> Explanation | None:
    """What it is that comes as near as textbook rules do, and is none of them: other weights, or a map made to add up."""
    if rule_of(answered):
        return None
    found = (_explained(textbook(part), answered) for part in (*wrong_weights(), *right_weights()))
    return next((one for one in found if one is not None and (one.adds_up_to or one.composition.mistakes)), None)


def at_a_fixed_count(answered: Sequence[Answered]) -> Explanation | None:
    """The textbook rule that gives all the answers with one number of steps, whatever was asked for; None where none does."""
    for count, rule in product(FIXED_COUNTS, right_weights()):
        nodes, _ = rule.of(count)
        if len(nodes) == 1 and nodes[0] in (0, 1):
            continue  # the gradient at one end has a name of its own
        fixed = Part(f"{rule.name} at {count}", None, lambda n, of=rule.of, count=count: of(count))
        found = _explained(textbook(fixed), answered)
        if found is not None and not found.mistakes:
            return Explanation(found.composition, found.size, (Mistake.STEPS_IGNORED,))
    return None


def given_by_a_rule(answered: Sequence[Answered], about: Sequence[str]) -> frozenset[str]:
    """The properties whose answers are a textbook rule's, one rule's for all of them; `about` has the property of each answer."""
    most: frozenset[str] = frozenset()
    for rule in right_weights():
        given = set(about)
        for name, one in zip(about, answered, strict=True):
            if name in given and ((found := _explained(textbook(rule), [one])) is None or found.mistakes):
                given.discard(name)
        most = max(most, frozenset(given), key=len)
    return most


@cache
def fine_weights() -> Part:
    """A rule so fine that what is left is the integral."""
    return Part("fine", None, lambda n: by_name("gauss_legendre", FINE))


def textbook(weights: Part) -> Composition:
    return Composition(weights, WHICH_GRADIENTS[0], PATHS[0], SCORES[0], TARGETS[0], EACH[0], MEANS[0], FACTORS[0])


def _is_negligible(line: Line, n_steps: int, values: np.ndarray) -> bool:
    return float(np.linalg.norm(values)) <= _negligible(line)


def _is_constant(values: np.ndarray) -> bool:
    """Whether all features got the same, which very many compositions may give them on one line, and none on all."""
    return bool(np.ptp(values) <= ROUNDING * np.abs(values).max())


def _cost(line: Line, n_steps: int, values: np.ndarray) -> int:
    """What the gradients of one rule hold, in numbers: every candidate has as many."""
    return line.image.numel() * n_steps


def _is_telling(line: Line) -> tuple[bool, bool, bool]:
    """What a line tells rules and paths apart by: few features, a gradient that changes, a baseline that is not zero."""
    return line.image.ndim == 1, line.bends, bool(line.baseline.any())


def _negligible(line: Line) -> float:
    return NEGLIGIBLE * line.size_at_end


@dataclass(frozen=True)
class Space:
    """The parts that candidates are made of. `passes` are looked for in turn: displays, gradients, and at most so many mistakes."""

    weights: tuple[Part, ...]
    paths: tuple[Part, ...]
    scores: tuple[Part, ...]
    targets: tuple[Part, ...]
    each: tuple[Part, ...]
    factors: tuple[Part, ...]
    passes: tuple[tuple[tuple[Display, ...], tuple[Part, ...], int], ...]


Pass = tuple[tuple[Display, ...], tuple[Part, ...], int]


def _passes(signs: tuple[Part, ...], which: tuple[Part, ...] = WHICH_GRADIENTS) -> tuple[Pass, ...]:
    """Displays that touch signs only are quick, so they come first, with all ways to lose gradients."""
    displays = tuple(product(CHANNELS, signs, RANGES))
    of_signs = tuple(one for one in displays if _is_of_signs(one))
    others = tuple(one for one in displays if not _is_of_signs(one))
    others += tuple(
        (CHANNELS[0], REVERSED, ranges) for ranges in RANGES if ranges.could_give in (_affine, _cut_and_shifted)
    )
    return (of_signs, which, 4), (others, which[:3], 3), (others, which[:1], 4)


@cache
def integrals() -> Space:
    """What is made of integrated gradients."""
    sums = (*right_weights(), *wrong_weights())
    targets = (*TARGETS, *OTHERS)
    return Space(sums, PATHS, (*SCORES, *MORE_SCORES), targets, (*EACH, *CLIPPED), FACTORS, _passes(SIGNS))


@cache
def integrals_at_a_fixed_count() -> Space:
    """What is made of integrated gradients with a number of steps of one's own, the usual ones."""
    rules = [(name, n) for n in USUAL_COUNTS for name in NAMED[: 4 if n > USUAL_COUNTS[2] else 5]]
    weights = (
        Part(f"{name} at {n}", Mistake.STEPS_IGNORED, lambda _, name=name, n=n: by_name(name, n)) for name, n in rules
    )
    return replace(integrals(), weights=tuple(weights), passes=_passes(SIGNS, WHICH_GRADIENTS[:1]))


@cache
def of_planes() -> Space:
    """What is left of integrated gradients where the gradient is the same everywhere, whatever points it is taken at."""
    return replace(
        integrals(),
        weights=right_weights()[:1],
        paths=PATHS[:1],
        scores=SCORES[:1],
        passes=_passes(SIGNS, WHICH_GRADIENTS[:1]),
    )


AT_X_ALONE = Part("at x", None, lambda n: equal_weights(np.ones(1)))


@cache
def gradients_at_x() -> Space:
    """What is made of the gradient at x."""
    factors = (
        Part("none", None, lambda line: np.ones_like(line.difference)),
        Part("x", Mistake.INPUT_TIMES_GRADIENT, lambda line: line.image.double().numpy()),
    )
    signs = (*SIGNS, Part("sign", Mistake.GRADIENT_SIGN, np.sign))
    targets = (*TARGETS, *OTHERS)
    return Space(
        (AT_X_ALONE,), AT_X, (*SCORES, *MORE_SCORES), targets, EACH[:1], factors, _passes(signs, WHICH_GRADIENTS[:1])
    )


def _candidates(
    line: Line,
    n_steps: int,
    values: np.ndarray,
    space: Space,
    displays: Sequence[Display],
    which: Sequence[Part],
    most: int,
) -> Iterator[Composition]:
    """Compositions whose map of a line is a multiple of the values."""
    flat = values.ravel() / np.linalg.norm(values)
    sums = [(w, g) for w in space.weights for g in which if not (w.mistake and g.mistake)]
    nodes, table = _table(n_steps, sums)
    displays = [one for one in displays if line.image.ndim == 3 or not one[0].mistake]
    known: dict[bytes, list] = {}  # several ways lead to the same gradients, such as with a baseline of zero
    for path, score, target, each in product(space.paths, space.scores, space.targets, space.each):
        room = most - len(_mistakes(path, score, target, each))
        if room < 0 or (each.mistake is Mistake.NETWORK_NOT_ASKED and room < most - 1):
            continue
        choice = path, score, target, each
        if any(part.alone for part in choice) and len(_mistakes(*choice)) > 1:
            continue
        gradients = each.of(_taken(line, path, score, target).gradients_at(nodes)).reshape(len(nodes), -1)
        if not np.isfinite(gradients).all():
            continue
        key = gradients.tobytes()
        if key not in known:
            known[key] = list(_hits(line, table @ gradients, flat, space.factors, displays, room))
        for k, mean, factor, (channels, signs, ranges) in known[key]:
            weights, gradients_of = sums[k]
            yield Composition(weights, gradients_of, path, score, target, each, mean, factor, channels, signs, ranges)


def _hits(
    line: Line, means: np.ndarray, flat: np.ndarray, factors: Sequence[Part], displays: Sequence[Display], most: int
) -> Iterator[tuple[int, Part, Part, Display]]:
    """Which mean gradients are multiples of the values, with which factor and display."""
    shape = line.difference.shape
    multiplied = np.stack([factor.of(line).ravel() for factor in factors])
    places = np.arange(len(means))
    if all(_is_of_signs(display) and display[1] in SIGNS for display in displays):
        places = np.flatnonzero(_have_sizes(means, multiplied, flat))
        means = means[places]
    if not len(means):
        return
    for mean in MEANS:
        maps = (multiplied[:, None] * mean.of(means)).reshape(-1, flat.size)  # by factor, then by sum
        found: list[tuple[int, int, int, Display]] = []
        for (channels, signs), some in groupby(enumerate(displays), key=lambda placed: placed[1][:2]):
            room = most - len(_mistakes(mean, channels, signs))
            if room < 0 or (mean.mistake and signs.mistake):
                continue
            shown = signs.of(channels.of(maps.reshape(-1, *shape)))
            rows: dict[Callable, np.ndarray] = {}
            for place, display in some:
                ranges = display[2]
                left = room - (ranges.mistake is not None)
                if left < 0:
                    continue
                if ranges.could_give not in rows:
                    rows[ranges.could_give] = np.nonzero(ranges.could_give(_flat(shown), flat))[0]
                if not len(maybe := rows[ranges.could_give]):
                    continue
                for row in maybe[_are_multiples(_flat(ranges.of(shown[maybe])), flat)]:
                    factor, k = divmod(int(row), len(means))
                    if left >= (factors[factor].mistake is not None):
                        found.append((factor, place, k, display))
        for factor, _, k, display in sorted(found, key=lambda one: one[:3]):
            yield int(places[k]), mean, factors[factor], display


def _have_sizes(means: np.ndarray, factors: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Which means (K, n) could be multiples of the values (n,) with one of the factors (F, n) after a change of signs or a square.

    Where the values are not zero, their sizes are then a multiple of the maps' or of the maps' squares.
    """
    sizes, squares = np.abs(means), np.square(means) @ (np.square(factors) * (values != 0)).T
    possible = np.zeros(len(means), bool)
    with np.errstate(all="ignore"):
        for wanted in (np.abs(values), np.sqrt(np.abs(values))):
            across = sizes @ (np.abs(factors) * wanted).T / np.sqrt(squares * (wanted @ wanted))
            possible |= (~(1 - across > MAYBE)).any(axis=1)  # where there is nothing to compare, too
    return possible


def _are_multiples(maps: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Which rows of the maps (K, n) are multiples of the values (n,), of norm one."""
    sizes = _norms(maps)
    with np.errstate(all="ignore"):
        return (1 - np.abs(maps @ values) / sizes < PROPORTIONAL) & (sizes > VANISHING)


def _mistakes(*parts: Part) -> list[Mistake]:
    return [part.mistake for part in parts if part.mistake]


def _table(n_steps: int, sums: Sequence[tuple[Part, Part]]) -> tuple[np.ndarray, csr_array]:
    """All nodes of some sums, and each sum's weights on them, one row a sum, nearly all of them zero."""
    each = [_sum(weights, which, n_steps) for weights, which in sums]
    own = np.concatenate([nodes for nodes, _ in each]).round(9)
    nodes, columns = np.unique(own, return_inverse=True)
    rows = np.repeat(np.arange(len(each)), [len(nodes) for nodes, _ in each])
    weights = np.concatenate([weights for _, weights in each])
    return nodes, coo_array((weights, (rows, columns)), shape=(len(each), len(nodes))).tocsr()


def _first_that_holds(
    candidates: Sequence[Composition], answered: Sequence[Answered], failed: int
) -> Explanation | None:
    """The explanation with the fewest mistakes that gives all the answers."""
    held: Explanation | None = None
    for composition in sorted(candidates, key=lambda one: (len(one.mistakes), one.which.mistake is not None))[
        :MOST_TRIED
    ]:
        if held is not None and len(composition.mistakes) >= _weakness(held):
            break
        found = _explained(composition, answered, failed)
        if found is not None and (held is None or _weakness(found) < _weakness(held)):
            held = found
    return held


def _weakness(explanation: Explanation) -> int:
    """How many mistakes it takes; a factor of each map's own explains the less: the gradient of log F is that of F, over F."""
    return len(explanation.mistakes) + (Mistake.NORMALISED in explanation.mistakes)


def _explained(composition: Composition, answered: Sequence[Answered], failed: int = 0) -> Explanation | None:
    """The composition and the factor with which it gives the answers; None where there is no such factor.

    With mistakes in it, one answer in eight may be another, and one for four that are wrong: ties of classes and kinks are broken
    otherwise in float32.
    """
    allowed = min(len(answered) // 8, failed // 4) if composition.mistakes else 0
    factors, held, others, of_nothing = [], [], 0, 0
    tolerance = SAME_MAP if composition.mistakes else 3 * ROUNDING  # or half precision would be right
    for line, n_steps, values in answered:
        expected = composition.map(line, n_steps)
        if not np.isfinite(expected).all() or not np.isfinite(values).all():
            continue  # the mistake breaks down there: neither for nor against it
        if max(np.linalg.norm(values), np.linalg.norm(expected)) <= _negligible(line):
            continue  # both are nothing but rounding
        if composition.mistakes and np.linalg.norm(expected) <= _negligible(line):
            of_nothing += 1  # rounding that was divided by its own size, or something else
            continue
        factor = float((values * expected).sum() / max((expected**2).sum(), VANISHING**2))
        if factor and np.linalg.norm(values - factor * expected) <= tolerance * np.linalg.norm(values):
            factors.append((factor, n_steps, *composition.summed(n_steps)))
            held.append((line, values))
        else:
            others += 1
            if others > allowed:
                return None
    found = _with_factor(composition, factors, held) if len(factors) > others + of_nothing else None
    if found is not None and Mistake.NORMALISED not in found.mistakes and others + of_nothing > allowed:
        return None
    return found


def _with_factor(
    composition: Composition,
    factors: Sequence[tuple[float, int, int, float]],
    held: Sequence[tuple[Line, np.ndarray]],
) -> Explanation | None:
    """What the factors say: one that is known for what it is, one for all, or one for each map."""
    given = np.array([factor for factor, *_ in factors])
    sizes = [one for one in SIZES if composition.weights is not AT_X_ALONE or one[0] in (None, Mistake.TWICE)]
    for sign in (1.0, -1.0):
        for mistake, size in sizes:
            known = np.array([sign * size(*sums) for _, *sums in factors])
            if (np.abs(given - known) <= SAME_MAP * np.abs(known)).all():
                reversed_ = (Mistake.SIGN_REVERSED,) if sign < 0 else ()
                mistakes = named(composition, (*reversed_, *((mistake,) if mistake else ())))
                return Explanation(composition, lambda *sums, sign=sign, size=size: sign * size(*sums), mistakes)
    if composition.each.mistake is Mistake.NETWORK_NOT_ASKED and _mostly_add_up(held):
        return Explanation(composition, lambda *sums: np.nan, (Mistake.SHARED_BY_DIFFERENCE,))
    for mistake, adds_up_to in ((Mistake.RESCALED_TO_COMPLETE, rise), (Mistake.RESCALED_TO_SCORE, score_at_end)):
        if all(abs(values.sum() - adds_up_to(line)) <= SAME_MAP * np.abs(values).sum() for line, values in held):
            return Explanation(composition, lambda *sums: 1.0, named(composition, (mistake,)), adds_up_to)
    if not (given > 0).all() and not (given < 0).all():
        return None
    for mistake, size in SIZES:
        known = np.array([size(*sums) for _, *sums in factors])
        rest = given / np.where(known, known, np.nan)
        varies = np.ptp(known) > 2 * SAME_MAP * np.abs(known).max()
        if mistake and varies and (np.abs(rest - np.median(rest)) <= SAME_MAP * np.abs(np.median(rest))).all():
            # Another function of the score has a factor of its own.
            and_scaled = () if composition.score.mistake else (Mistake.SCALED,)
            scale = float(np.median(rest))
            told = named(composition, (mistake, *and_scaled))
            return Explanation(composition, lambda *sums, size=size, scale=scale: scale * size(*sums), told)
    features = np.array([values.size for _, values in held])
    if len({*features.tolist()}) > 1:
        for n_terms in (np.ones(len(given)), np.array([n for _, n, *_ in factors])):
            if (np.abs(np.abs(given * features / n_terms) - 1) <= SAME_MAP).all():
                told = named(composition, (Mistake.DIVIDED_BY_FEATURES,))
                return Explanation(composition, lambda *sums: np.nan, told)
    if (np.abs(np.abs(given) - 1) <= SAME_MAP).sum() > len(given) / 4:
        return None  # a map that was divided by a size of its own is hardly ever as large as it was
    one = float(np.median(given))
    reversed_ = (Mistake.SIGN_REVERSED,) if one < 0 else ()
    mistake = Mistake.SCALED if (np.abs(given - one) <= SAME_MAP * abs(one)).all() else Mistake.NORMALISED
    size = one if mistake is Mistake.SCALED else np.nan  # each map has a factor of its own, which no other map tells
    return Explanation(composition, lambda *sums: size, named(composition, (*reversed_, mistake)))


def _mostly_add_up(held: Sequence[tuple[Line, np.ndarray]]) -> bool:
    """Whether most maps add up to about F(x) - F(x'), as a rule with few steps lets them."""
    near = [abs(values.sum() - rise(line)) <= ABOUT * abs(rise(line)) for line, values in held]
    return sum(near) > len(near) / 2


def rise(line: Line) -> float:
    """F(x) - F(x')."""
    return float(np.diff(line.scores(np.array([0.0, 1.0])))[0])


def score_at_end(line: Line) -> float:
    """F(x)."""
    return float(line.scores(np.ones(1))[0])


def named(composition: Composition, of_size: tuple[Mistake, ...] = ()) -> tuple[Mistake, ...]:
    """The mistakes of a composition and of its factor, those that are known together by their one name."""
    found = [*composition.mistakes, *of_size]
    if composition.score.name == "log softmax" and not composition.signs.mistake and Mistake.SIGN_REVERSED not in found:
        found = [Mistake.SOFTMAX_INSIDE, Mistake.LOG_PROBABILITY, *found[1:]]
    if composition.weights.name == "trapezoid -1" and Mistake.ONE_TERM_TOO_FEW in found:
        found[found.index(Mistake.ONE_TERM_TOO_FEW)] = Mistake.TRAPEZOID_WEIGHTS
    for together, name in TOGETHER.items():
        if together <= set(found):
            return (name, *(one for one in found if one not in together))
    return tuple(found)


TOGETHER: dict[frozenset[Mistake], Mistake] = {
    frozenset({Mistake.LOSS_DIFFERENTIATED, Mistake.SIGN_REVERSED}): Mistake.LOSS_DIFFERENTIATED,
    frozenset({Mistake.LOG_PROBABILITY, Mistake.SIGN_REVERSED}): Mistake.LOSS_DIFFERENTIATED,
    frozenset({Mistake.NOT_AVERAGED, Mistake.DIFFERENCE_MISSING}): Mistake.NEITHER_AVERAGED_NOR_MULTIPLIED,
    frozenset({Mistake.GRADIENT_TIMES_DIFFERENCE, Mistake.DIFFERENCE_MISSING}): Mistake.GRADIENT_AT_INPUT,
    frozenset({Mistake.GRADIENT_TIMES_DIFFERENCE, Mistake.TIMES_INPUT}): Mistake.GRADIENT_TIMES_INPUT,
    frozenset({Mistake.PATH_FROM_ZERO, Mistake.TIMES_INPUT}): Mistake.PATH_FROM_ZERO,
    frozenset({Mistake.PATH_FROM_ZERO}): Mistake.PATH_FROM_ZERO_TIMES_DIFFERENCE,
}
"""Mistakes that are known by one name where they come together. The larger sets stand first."""


def _taken(line: Line, path: Part, score: Part, target: Part) -> Line:
    """The line that is differentiated in place of another; kept with it, so that its gradients are computed once."""
    key = path.name, score.name, target.name
    known = line.others.get(key)
    if known is None:
        of_score = path.of(line)
        of_score = of_score if score.mistake is None else of_score.other(forward=score.of(of_score.forward))
        known = line.others[key] = target.of(of_score)
    return known
