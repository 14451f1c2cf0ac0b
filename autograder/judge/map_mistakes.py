"""What may be wrong with a map of one pair: exact matches first, then the nearest of the known mistakes.

The mistakes are the parts that functions are explained by (`autograder.judge.compositions`), one wrong part at a time around each
textbook rule, and what only a study can mix up: its own baselines, pictures, step counts and kinds of scores.

A map that equals a textbook rule's is right, and one that equals a known mistake's is wrong, however near the two
are: at 50 steps the trapezoid with weights that sum to 0.98 is nearer to the integral than an honest left rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
import torch

from autograder.judge.compositions import (
    CHANNELS,
    FACTORS,
    PATHS,
    RANGES,
    SCORES,
    SIGNS,
    SIZES,
    TARGETS,
    WHICH_GRADIENTS,
    WITH_RESPECT_TO_X,
    Composition,
    Part,
    named,
    right_weights,
    textbook,
    wrong_weights,
)
from autograder.judge.line import (
    NODES_OF_THEIR_OWN,
    RIGHT_RULES,
    SMALL_PICTURE,
    Line,
    Pair,
    distance,
    equal_weights,
)
from autograder.judge.mistakes import Mistake
from autograder.judge.resemblance import is_rounded, zeroed
from autograder.judge.studies.model_files import FileScores
from autograder.judge.studies.named_models import Scores
from autograder.judge.tolerances import ACROSS, EXACT_MAP, PROPORTIONAL_MAP, SAME_SUM

CLOSE_CLASSES, FEW_CLASSES = 5, 20
MOST_RARE_STEPS = 20
VANISHING = 1e-6
ALIKE = 0.5
IN_OTHER_PLACES = 0.5
"""How far a map is from a rule's whose numbers it has in other places: a map turned on its side was 1.4 from it."""
COMMON_COUNTS = (*range(1, 11), 20, 25, 50, 100, 200)
MORE_TERMS = 4
"""How many terms more than stated are looked for."""
WHOLE_TERMS, OF_ALL_IMAGES = 0.05, 0.05
"""How near a sum's size has to be to that of so many terms; and how near to one the size of a map times the number of pictures."""
SUM_OF_ONE, SIZE_OF_ONE = 0.02, 1e-3
"""How near to one the sum of a map of the wrong size has to be, which F(x) - F(x') is but for the gap, or its largest number, its
norm, the sum of its sizes: it was divided by that."""
LARGEST_BATCH = 64
FEW_RULES = 4
GLANCE = Part("glance", None, lambda n: equal_weights(np.array([0.2, 0.5, 0.8])))
"""The nodes at which other lines of photos are seen first."""
MOST_LIKELY, LIKELY = 3, 0.5
"""How many of the lines are looked at more closely, and from which cosine on. On one photo the true line had 0.81 to 0.92 at a
glance, in logits, logarithms, another class, from white and from grey."""
TIED = 0.02
"""Lines whose cosines at a glance are this near to each other are all looked at: from mid-grey and from the model's mean they were
0.001 apart."""
STEPS_OF_ANOTHER_LINE, EXPLAINED, LIKE_ANOTHER_LINE = 25, 0.5, 0.8
"""The steps of a closer look; the distance up to which a line explains a map, if the right one is twice as far; and the cosine from
which on it does for a map of another size. The true lines had distances of 0.1 to 0.4, and cosines of 0.91 to 0.99."""
OF_ANOTHER_COUNT = 0.8
"""The cosine from which on a photo's map may be of another number of steps: those of 3 and 5 midpoints had 0.90 and 0.92."""
IMAGENET = (torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))
"""The mean and the deviation of each colour, by which the pictures of torchvision's models are normalised."""
PLAIN_BASELINES = {"white": 1.0, "grey": 0.5}
TEMPERATURES = (0.1, 0.5, 2.0, 5.0, 10.0)
"""What logits are divided by before a softmax."""
WITHIN_NAMING, CAUSE = 0.9, "the search for the likely cause"
"""The share of a deadline after which mistakes are looked for no longer, and what is left out then."""
NEAR_MISSES = {
    "closed + 1": Mistake.ONE_TERM_TOO_MANY,
    "inner - 1": Mistake.ONE_TERM_TOO_FEW,
    "trapezoid -1": Mistake.ONE_TERM_TOO_FEW,
}
"""Weights that come close to right ones where their sum does not: what they add up to is the mistake."""
OF_BATCHES = (Mistake.MEAN_OF_MEANS, Mistake.LAST_BATCH_DROPPED)
IN_BATCHES = ("right", "midpoint", "left", "trapezoid", "closed", "closed + 1")
"""The rules whose gradients are looked for in batches, one of which counts for too much or not at all."""
Named = Iterator[tuple[Mistake, np.ndarray]]
Sizes = Sequence[tuple[tuple[Mistake, ...], float]]
"""Factors in which a composition's map is looked for, and what each of them means."""
AS_IT_IS: Sizes = (((), 1.0),)


@dataclass
class Context:
    """What a study says beside the pair, for the mistakes that mix things up."""

    scores: Scores | FileScores | None = None
    other_baselines: dict[str, torch.Tensor] = field(default_factory=dict)
    other_pairs: tuple[Line, ...] = ()
    other_counts: tuple[int, ...] = ()
    n_images: int = 1


def is_of_chebyshev_nodes(pair: Pair, values: np.ndarray) -> bool:
    """Whether this is Clenshaw and Curtis' map or Fejer's. Their nodes are widest apart in the middle, and err more there."""
    n, line = pair.stated_steps, pair.line
    if not 1 < n <= (2 * pair.n_steps if _is_small(line) else MOST_RARE_STEPS):
        return False
    angles = (np.arange(n + 1) / n, np.linspace(0, 1, n), (np.arange(n) + 0.5) / n)
    maps = (pair.in_time(lambda some=some: line.interpolatory((1 - np.cos(np.pi * some)) / 2)) for some in angles)
    return any(of_rule is not None and distance(values, of_rule) <= EXACT_MAP for of_rule in maps)


def exact_mistake(pair: Pair, values: np.ndarray) -> Mistake | None:
    """The mistake whose map this is, to rounding, of those that come close to the right map."""
    if pair.stated_steps > pair.exact_steps:
        return None  # the rules at this count are not recomputed, so nothing can be told to rounding
    for name, wrong in _near_misses(pair, values):
        if distance(values, wrong) <= EXACT_MAP:
            return name
    for _, right in pair.right_maps(values):
        rest = values - right
        even = rest.mean()
        if abs(even) * values.size**0.5 > 2 * EXACT_MAP * np.linalg.norm(right) >= 2 * np.linalg.norm(rest - even):
            return Mistake.GAP_SPREAD
        factor = float((values * right).sum() / max((right**2).sum(), 1e-300))
        across = distance(values, factor * right)
        if abs(factor - 1) > EXACT_MAP and across <= min(ACROSS * abs(factor - 1), EXACT_MAP * abs(factor)):
            return _name_of_factor(pair, values, factor)
    return None


def likely_mistake(pair: Pair, values: np.ndarray, context: Context) -> Mistake | None:
    """The mistake that explains a wrong map best; `unrelated_map` where none does, and None where there was no time to look."""
    if not values.any():
        return Mistake.ZEROS
    if values.max() - values.min() <= 1e-6 * np.abs(values).max():
        return Mistake.CONSTANT_MAP
    with pair.line.deadline.or_left_out(WITHIN_NAMING, CAUSE):
        return _named(pair, values, context)
    if abs(_cosine(values, pair.reference)) > 1 - pair.allowed_map_error**2:  # which is known already
        return _name_of_factor(pair, values, float((values * pair.reference).sum() / (pair.reference**2).sum()))
    return None


def _named(pair: Pair, values: np.ndarray, context: Context) -> Mistake:
    if exact := exact_mistake(pair, values):
        return _scaled(pair, values, context) if exact is Mistake.SCALED else exact
    if np.linalg.norm(values) < VANISHING * np.linalg.norm(pair.reference):
        return Mistake.ALL_CLASSES  # probabilities sum to one, so the gradient of their sum is rounding
    if of_logarithm := _of_logarithm(pair, values):
        return of_logarithm
    if is_rounded(values, pair.reference, pair.allowed_map_error):
        return Mistake.VALUES_ROUNDED
    gone = zeroed(values, pair.reference, pair.allowed_map_error)
    if gone is not None and (pair.reference[gone] > 0).any():
        return Mistake.PARTS_ZEROED
    if _is_of_other_places(pair, values):
        return Mistake.PLACES_MIXED_UP
    nearest, nearest_error = None, 1.0
    for name, wrong in _wrong(pair, values, context):
        if nearest_error <= ALIKE and pair.line.deadline.is_over(WITHIN_NAMING):
            break
        pair.line.deadline.check()
        if not np.isfinite(wrong).all():
            continue  # the mistake breaks down here
        error = distance(values, wrong)
        if error <= EXACT_MAP:
            return name
        if name in OF_BATCHES or name is Mistake.LAST_BATCH_ONLY:
            continue  # one of so many is near by luck
        if error / pair.allowed_map_error < nearest_error:
            nearest, nearest_error = name, error / pair.allowed_map_error
        if nearest_error > ALIKE and name != Mistake.ALL_CLASSES and _is_multiple(values, wrong):
            of_its_size_alone = name is not Mistake.OTHER_STEP_COUNT and _is_multiple(wrong, pair.reference)
            if not of_its_size_alone:  # or else a map of any other size would be told of this mistake
                nearest, nearest_error = _of_another_size(pair, values, wrong, name), ALIKE
    if nearest is Mistake.OTHER_STEP_COUNT:
        factor = float((values * pair.reference).sum() / (pair.reference**2).sum())
        if distance(values, factor * pair.reference) < nearest_error * pair.allowed_map_error:
            return _scaled(pair, values, context)
    if nearest_error > ALIKE and not (nearest and _is_small(pair.line)):
        nearest = _of_another_line(pair, values, context) or nearest
    if nearest:
        return nearest
    if _is_half_precision(values) and distance(values, pair.reference) < 0.1:
        return Mistake.HALF_PRECISION
    cosine = _cosine(values, pair.reference)
    if cosine > 1 - pair.allowed_map_error**2:
        return _scaled(pair, values, context)
    return Mistake.NOISY_MAP if cosine > 0.3 else Mistake.UNRELATED_MAP


def _of_logarithm(pair: Pair, values: np.ndarray) -> Mistake | None:
    """The mistake by which a map is that of log F, or of the loss -log F, whose gradient is that of F over F."""
    for name in pair.rule_names:
        nodes, weights = RIGHT_RULES[name](pair.exact_steps)
        scores = pair.line.scores(nodes)
        if not (scores > 0).all():
            return None
        wrong = pair.line.weighted(nodes, weights / scores)
        for mistake, sign in ((Mistake.LOG_PROBABILITY, 1), (Mistake.LOSS_DIFFERENTIATED, -1)):
            if distance(values, sign * wrong) <= EXACT_MAP:
                return mistake
    return None


def _is_of_other_places(pair: Pair, values: np.ndarray) -> bool:
    """Whether the numbers are a textbook rule's, and their places are not."""
    in_order = np.sort(values, axis=None)
    return any(
        distance(values, right) > IN_OTHER_PLACES and distance(in_order, np.sort(right, axis=None)) <= EXACT_MAP
        for _, right in pair.right_maps(values)
    )


def _of_another_size(pair: Pair, values: np.ndarray, wrong: np.ndarray, name: Mistake) -> Mistake:
    """What a multiple of a wrong map is. At another count, that many terms may have been divided by the stated one."""
    terms = float((values * wrong).sum() / (wrong**2).sum()) * pair.stated_steps
    if name is not Mistake.OTHER_STEP_COUNT or abs(terms - pair.stated_steps) < WHOLE_TERMS:
        return name
    return Mistake.WEIGHTS_DO_NOT_ADD_UP if abs(terms - round(terms)) < WHOLE_TERMS else Mistake.SCALED


def _scaled(pair: Pair, values: np.ndarray, context: Context) -> Mistake:
    """What a map of another size is. Where few classes compete, maps of both kinds of scores are alike, and their sums tell."""
    if context.scores is not None:
        other = Pair(pair.line.other(forward=context.scores.other_kind), pair.n_steps)
        if abs(float(values.sum()) - other.score_difference) <= other.allowed_gap:
            return Mistake.OTHER_SCORES
    factor = float((values * pair.reference).sum() / (pair.reference**2).sum())
    if context.n_images > 1 and abs(factor * context.n_images - 1) < OF_ALL_IMAGES:
        return Mistake.SCORES_AVERAGED
    sizes = np.array([np.abs(values).sum(), np.abs(values).max(), np.linalg.norm(values)])
    divided = abs(values.sum() - 1) < SUM_OF_ONE or (np.abs(sizes - 1) < SIZE_OF_ONE).any()
    return Mistake.NORMALISED if divided else Mistake.SCALED


def _near_misses(pair: Pair, values: np.ndarray) -> Named:
    n = pair.exact_steps
    for weights in (*right_weights(), *wrong_weights()):
        mistake = NEAR_MISSES.get(weights.name)
        if mistake is None or (n < 2 and mistake is Mistake.ONE_TERM_TOO_FEW):
            continue
        if weights.name in NODES_OF_THEIR_OWN and not (_is_small(pair.line) or pair.is_in_reach(values)):
            continue
        composition = textbook(weights)
        near = pair.in_time(lambda composition=composition: composition.map(pair.line, n))
        for size in (size for known, size in SIZES if known is mistake and near is not None):
            yield named(composition, (mistake,))[0], size(n, *composition.summed(n)) * near


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


def _wrong(pair: Pair, values: np.ndarray, context: Context) -> Named:
    """The mistakes' maps, those first that need no other gradients than the rules do; of photos, only those and other counts."""
    line, n = pair.line, pair.exact_steps
    for composition, sizes in _one_wrong_part(pair):
        wrong = composition.map(line, n)
        for of_size, size in sizes:
            if mistakes := named(composition, of_size):
                yield mistakes[0], size * wrong
    near = _is_small(line) or _cosine(values, pair.reference) > OF_ANOTHER_COUNT
    if finest := max(context.other_counts, default=0) if _is_small(line) else 0:
        for rule, kept in product(("midpoint", "left", "right", "trapezoid"), (slice(None, n), slice(-n, None))):
            nodes, weights = RIGHT_RULES[rule](finest)
            if n < len(nodes):
                yield Mistake.LAST_BATCH_ONLY, line.weighted(nodes[kept], weights[kept] / weights[kept].sum())
    more = range(n + 1, n + MORE_TERMS + 1) if _is_small(line) else ()
    for count in dict.fromkeys((*context.other_counts, *COMMON_COUNTS, *more)):
        if near and count != pair.n_steps and count <= (2 if _is_small(line) else 1) * pair.n_steps:
            for rule in ("trapezoid", "midpoint", "left", "right"):
                yield Mistake.OTHER_STEP_COUNT, line.rule(rule, count)
    if _is_small(line):
        for rule, changed in product(("trapezoid", "right", "left", "midpoint"), _changed(line, context)):
            composition = replace(textbook(_weights(rule)), **changed)
            yield named(composition)[0], composition.map(line, pair.n_steps)


def _changed(line: Line, context: Context) -> list[Changed]:
    return [*_mixed_up(line, context), *(_other_scores(line, context.scores) if context.scores else ())]


def _of_another_line(pair: Pair, values: np.ndarray, context: Context) -> Mistake | None:
    """The mistake by which a map is that of another line, if roughly: other scores, another class, another baseline or image.

    The gradients of a line of photos take a while. So each line is seen at a glance, by three gradients, and the few that are most
    like the map are computed with more steps. One of them is the map's where it is much more like the map than the right one is.
    """
    line = pair.line
    glances = []
    for changed, factor, signs in product(_changed(line, context), FACTORS[:3], SIGNS[:2]):
        if "factor" in changed and factor.mistake:
            continue
        composition = replace(textbook(GLANCE), **{"factor": factor, "signs": signs} | changed)
        glances.append((*_error_and_cosine(values, composition.map(line, 1)), composition))
    # The nearest ones first, and of those of another size the most alike.
    likely = sorted(glances, key=lambda glance: (min(glance[0], 1.0), -abs(glance[1])))[:MOST_LIKELY]
    of_direction, cosine_of_right = None, abs(_cosine(values, pair.reference))
    nearest, least = None, min(EXPLAINED, distance(values, pair.reference) / 2)
    for _, at_a_glance, composition in likely:
        if abs(at_a_glance) < (abs(likely[0][1]) - TIED if nearest else LIKELY):
            continue
        wrong = replace(composition, weights=_weights("trapezoid")).map(line, min(pair.n_steps, STEPS_OF_ANOTHER_LINE))
        error, cosine = _error_and_cosine(values, wrong)
        mistake = named(composition, (Mistake.SIGN_REVERSED,) if cosine < 0 else ())[0]
        if error < least:
            nearest, least = mistake, error
        if of_direction is None and abs(cosine) > max(LIKE_ANOTHER_LINE, (1 + cosine_of_right) / 2):
            of_direction = mistake
    return nearest or of_direction


def _error_and_cosine(values: np.ndarray, wrong: np.ndarray) -> tuple[float, float]:
    """How far a map is from a wrong one or from its negative, whichever is nearer, and the cosine between them."""
    cosine = _cosine(values, wrong)
    return distance(values, np.sign(cosine) * wrong), cosine


def _weights(name: str) -> Part:
    return next(part for part in (*right_weights(), *wrong_weights()) if part.name == name)


def _one_wrong_part(pair: Pair) -> Iterator[tuple[Composition, Sizes]]:
    """Around each rule, what is wrong with the weights, the factor, the display or the size."""
    n = pair.exact_steps
    not_averaged = ((Mistake.NOT_AVERAGED,), float(pair.stated_steps))
    for end, factor in product(("end", "start", "ends in whole numbers"), FACTORS[:3]):
        yield replace(textbook(_weights(end)), factor=factor), AS_IT_IS
    for name in pair.rule_names:
        rule = textbook(_weights(name))
        yield rule, (((Mistake.SIGN_REVERSED,), -1.0), not_averaged)
        for factor in FACTORS[1:]:
            yield replace(rule, factor=factor), (*AS_IT_IS, not_averaged)
        yield replace(rule, which=WITH_RESPECT_TO_X), (*AS_IT_IS, ((), 2.0))
        for signs in SIGNS[1:]:
            yield replace(rule, signs=signs), AS_IT_IS
        for channels in CHANNELS[1:] if len(pair.line.image) > 1 else ():
            yield replace(rule, channels=channels), AS_IT_IS
    for name, ranges in product(pair.rule_names[:FEW_RULES], RANGES[1:]):
        yield replace(textbook(_weights(name)), ranges=ranges), AS_IT_IS
    for name, which in product(IN_BATCHES, WHICH_GRADIENTS):
        if name in pair.rule_names and which.mistake in OF_BATCHES and _changes(which, _weights(name), n):
            yield replace(textbook(_weights(name)), which=which), AS_IT_IS
    most = n if _is_small(pair.line) else min(n, LARGEST_BATCH + 1)
    for name, which, count in product(("right", "left"), (_last, _first), range(1, most)):  # each sum has one term more
        rule = replace(textbook(_weights(name)), which=which(count))
        yield rule, (*AS_IT_IS, ((), 1 / rule.summed(n)[1]))


def _changes(which: Part, weights: Part, n: int) -> bool:
    nodes, all_ = weights.of(n)
    return not np.array_equal(which.of(nodes, all_)[1], all_)


def _last(count: int) -> Part:
    """As when each batch overwrites the one before."""
    return Part(f"last {count}", Mistake.LAST_BATCH_ONLY, lambda nodes, weights: (nodes[-count:], weights[-count:]))


def _first(count: int) -> Part:
    return Part(f"first {count}", Mistake.LAST_BATCH_ONLY, lambda nodes, weights: (nodes[:count], weights[:count]))


def _factor(name: str, of: Callable[[Line], np.ndarray]) -> Part:
    """A factor that goes with another wrong part, and is no mistake of its own."""
    return Part(name, None, of)


# What is unlike a textbook rule's composition, by the name of the part.
Changed = dict[str, Any]


def _mixed_up(line: Line, context: Context) -> Iterator[Changed]:
    """Other lines: from zero, beyond x, from another baseline, to another image."""
    path, factor = ({part.name: part for part in parts} for parts in (PATHS, FACTORS))
    plain = (
        {}
        if _is_small(line)
        else {f"plain {name}": torch.full_like(line.baseline, v) for name, v in PLAIN_BASELINES.items()}
    )
    plain = {name: other for name, other in plain.items() if not torch.equal(other, line.baseline)}
    for name, other in (context.other_baselines | plain).items():
        of_other = Part(f"from “{name}”", Mistake.MAP_OF_ANOTHER_BASELINE, lambda line, b=other: line.other(baseline=b))
        difference = (line.image - other).double().numpy()
        yield {"path": of_other, "factor": _factor("its own", lambda _, d=difference: d)}
    if line.baseline.any():
        # Where a study has a black baseline, a map from zero is a copy of that one's: who called igref has no path to mend.
        if all(bool(other.any()) for other in context.other_baselines.values()):
            yield {"path": path["from zero"], "factor": factor["x"]}
        yield {"path": path["from zero"]}
        yield {"path": path["without the baseline"]}
    yield {"path": path["beyond x"]}
    for k, neighbour in enumerate(context.other_pairs):
        of_other = Part(f"of pair {k}", Mistake.MAP_OF_ANOTHER_IMAGE, lambda _, other=neighbour: other)
        yield {"path": of_other, "factor": _factor("its own", lambda _, other=neighbour: other.difference)}


def _other_scores(line: Line, scores: Scores | FileScores) -> Iterator[Changed]:
    """The same line under other scores: another class, all classes, logits, logarithms; from another grey."""
    with torch.no_grad():
        order = scores.forward(line.image[None])[0].argsort(descending=True).tolist()
    classes = order if len(order) <= FEW_CLASSES else (*order[:CLOSE_CLASSES], 0)
    for target in dict.fromkeys(classes):
        if target != line.target:
            mistake = Mistake.TOP_CLASS if target == order[0] else Mistake.WRONG_CLASS
            yield {"target": Part(f"class {target}", mistake, lambda line, t=target: line.other(target=t))}
    mean, std = scores.normalisation or (torch.zeros(1), torch.ones(1))
    if bool((mean != 0).any()):
        grey, deviation = mean.expand_as(line.baseline).clone(), std.double().numpy()
        from_grey = Part("from grey", Mistake.BASELINE_AFTER_NORMALISATION, lambda line: line.other(baseline=grey))
        difference = (line.image - grey).double().numpy()
        yield {"path": from_grey, "factor": _factor("its own", lambda _: difference)}
        yield {"path": from_grey}
        in_deviations = Part("x - x' over std", from_grey.mistake, lambda line: line.difference / deviation)
        yield {"factor": in_deviations}
    for twice, of_pixels in normalised_twice(line, scores):
        yield {
            "path": twice,
            "factor": _factor("over std", lambda line, of=of_pixels: of(line.image) - of(line.baseline)),
        }
        yield {"path": twice}
    yield {"score": Part("other kind", Mistake.OTHER_SCORES, lambda forward: scores.other_kind)}
    logits = scores.forward if scores.kind == "logits" else scores.other_kind
    for temperature in TEMPERATURES if _is_small(line) else ():
        calibrated = Part(
            f"softmax at {temperature:g}",
            Mistake.SCORE_TRANSFORMED,
            lambda forward, t=temperature: lambda x: (logits(x) / t).softmax(dim=1),
        )
        yield {"score": calibrated}
    of_photos = (Mistake.LOG_PROBABILITY, Mistake.ALL_CLASSES)
    for field_, parts in (("score", SCORES[1:]), ("target", TARGETS[1:])):
        for part in parts:
            if part.mistake in of_photos or _is_small(line):
                yield {field_: part}


def normalised_twice(
    line: Line, scores: Scores | FileScores
) -> Iterator[tuple[Part, Callable[[torch.Tensor], np.ndarray]]]:
    """Paths of pictures that were normalised before the pass, as the model does it or as for ImageNet, and that normalisation."""
    if scores.normalisation is None or len(line.image) != len(IMAGENET[0]):
        return
    for name, (mean, std) in {"as the model does": scores.normalisation, "as for ImageNet": IMAGENET}.items():
        path = Part(
            f"normalised twice, {name}",
            Mistake.NORMALISED_TWICE,
            lambda line, m=mean, s=std: line.other(image=(line.image - m) / s, baseline=(line.baseline - m) / s),
        )
        yield path, lambda pixels, m=mean, s=std: ((pixels - m) / s).double().numpy()


def _is_small(line: Line) -> bool:
    return line.image.numel() <= SMALL_PICTURE


def _is_multiple(values: np.ndarray, wrong: np.ndarray) -> bool:
    return _cosine(values, wrong) > 1 - PROPORTIONAL_MAP


def _cosine(values: np.ndarray, reference: np.ndarray) -> float:
    norms = np.linalg.norm(values) * np.linalg.norm(reference)
    return float((values * reference).sum() / norms) if norms > 0 else 0.0


def _is_half_precision(values: np.ndarray) -> bool:
    with np.errstate(all="ignore"):
        rounded = values.astype(np.float16).astype(np.float64)
    return bool(np.array_equal(rounded, values))
