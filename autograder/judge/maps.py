"""The maps of a study: do they add up, and are they integrated gradients of what is stated beside them?

F is recomputed for every pair. The whole path is recomputed for a sample of the pairs, drawn with the keyed seed,
and for those outside it whose sums look odd; small models are cheap enough to recompute them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from autograder.judge.deadline import TooLateError
from autograder.judge.line import CLOSED, SMALL_PICTURE, Line, Pair, distance
from autograder.judge.map_mistakes import (
    CAUSE,
    WITHIN_NAMING,
    Context,
    exact_mistake,
    is_of_chebyshev_nodes,
    likely_mistake,
)
from autograder.judge.map_picture import WrongMap
from autograder.judge.mistakes import BOTH_ENDS, Mistake
from autograder.judge.rare_rules import is_of_rare_rule, is_one_node_a_cell
from autograder.judge.studies.model_files import FileScores, refuse_foreign_gradients
from autograder.judge.studies.named_models import SCORES
from autograder.judge.studies.sample import Sample
from autograder.judge.studies.submitted_study import Subject
from autograder.judge.tolerances import (
    COPIED_MAP,
    EXACT_MAP,
    FEWEST_STEPS,
    LARGEST_MAP_ERROR,
    MAX_PATHS,
    MAX_RECOMPUTED_STEPS,
    NEARLY_ADDS_UP,
    ODD_GAP,
    TOO_NEAR,
)
from autograder.judge.verdict import Fault, Faults, UngradableError
from autograder.judge.whose_map import StatedMap, pair_of, rise_of, whose_map

PHOTO = 3 * 224 * 224
WITHIN_FLAT, WITHIN_SAMPLE = 0.3, 0.4
"""The share of a deadline after which flat scores are looked for no longer, and no further pair is recomputed."""
POINTS_OF_PATHS = 16
"""Points at which the gradients of a model from a file are held against its scores."""
MAP_PROPERTIES = ("completeness", "map")
FEW_STEPS = 20
TO_ROUNDING = "the exact comparison with every textbook rule"
"""What is left out of the verdict on a map that is as near as such a rule's, where there is no time for it."""
USUAL_BASELINES = ("black", "white", "constant", "maximum_distance", "uniform", "gaussian", "blurred")
BLURS = (1.0, 1.5, 2.0, 3.0, 5.0)
"""What small pictures are looked at with, where a study has one baseline and a map may be of another; widths in pixels."""
EXPLAINED_BY_COPIES = (
    *(
        Mistake.MAP_OF_ANOTHER_IMAGE,
        Mistake.MAP_OF_ANOTHER_BASELINE,
        Mistake.OTHER_STEP_COUNT,
        Mistake.UNRELATED_MAP,
        Mistake.NOISY_MAP,
    ),
    *(Mistake.SCALED, Mistake.LAST_BATCH_ONLY, Mistake.WRONG_CLASS, Mistake.TOP_CLASS),
    *(Mistake.BASELINE_AFTER_NORMALISATION, Mistake.OTHER_SCORES),
)


@dataclass
class Judgement:
    """What is wrong with the maps: the first fault of each property, and the mistake behind it.

    `rules` are the textbook rules that were recognised in maps of so few steps that no two of them are alike. `wrong` is the first
    map that is not what was recomputed, which was handed in as `first`.
    """

    completeness: str = ""
    map: str = ""
    mistake: Mistake | None = None
    checked: int = 0
    rules: set[str] = field(default_factory=set)
    wrong: WrongMap | None = None
    first: StatedMap | None = None

    @property
    def is_complete(self) -> bool:
        """Whether each property has its fault, so that no other map can add to what is said."""
        return bool(self.completeness and self.map)

    def blame(self, name: str, fault: str, mistake: Mistake | None) -> None:
        if not getattr(self, name):
            setattr(self, name, fault)
        self.mistake = self.mistake or mistake

    def tell(self, faults: Faults) -> None:
        """Add what is wrong to the faults of a study."""
        for name in MAP_PROPERTIES:
            faults.add(Fault(getattr(self, name), self.mistake), name)
        faults.wrong_map = faults.wrong_map or self.wrong
        if self.rules & {*CLOSED} and not (self.completeness or self.map):
            faults.notes.append(BOTH_ENDS)


def judge_maps(
    subject: Subject, entries: Sequence[StatedMap], sample: Sample, *, baselines: dict[str, Tensor] | None = None
) -> Judgement:
    """Judge every map. `baselines` are all those of the study, (N, C, H, W) each, to recognise a mix-up.

    Raises:
        UngradableError: there is nothing to attribute, as F is flat between baseline and image, or jumps, for most images.
    """
    paths: dict[tuple[int, int], Line] = {}
    _refuse_flat_scores(subject, entries, paths)
    if isinstance(subject.scores, FileScores):
        _refuse_foreign_gradients(subject.scores, subject, entries, sample.seed)
    if baselines is None and subject.images[0].numel() <= SMALL_PICTURE:
        baselines = _usual_baselines(subject.images)
    found = Judgement()
    order = np.random.default_rng(sample.seed).permutation(len(entries)).tolist()
    # Step counts of one image share their gradients, so the images are drawn, with all that is said of each.
    images = list(dict.fromkeys(entries[k].image for k in order))
    spent, allowance = 0, 0.0
    photos = subject.images[0].numel() / PHOTO
    unchecked = []
    for image in images:
        group = [k for k in order if entries[k].image == image]
        for k in group:
            entry = entries[k]
            if found.is_complete:
                continue
            if found.checked and (spent * photos > sample.gradients or subject.deadline.is_over(WITHIN_SAMPLE)):
                unchecked.append(k)
                continue
            pair = pair_of(subject, entry, paths)
            before = len(pair.line._gradients)
            _judge_map(pair, entry, found, _context(subject, entry, entries, baselines))
            allowance = max(allowance, pair.panel_gap)
            spent += len(pair.line._gradients) - before
            found.checked += 1
        paths.clear()
    _look_at_the_rest(subject, [entries[k] for k in unchecked], allowance, found, entries, baselines)
    with subject.deadline.or_left_out(WITHIN_NAMING, CAUSE):
        if found.first and found.mistake:
            found.mistake = whose_map(subject, found.first, entries, found.mistake)
    _blame_copies(subject, entries, found)
    return found


def _refuse_flat_scores(subject: Subject, entries: Sequence[StatedMap], paths: dict[tuple[int, int], Line]) -> None:
    pairs = {entry.image: entry for entry in entries if not torch.equal(subject.images[entry.image], entry.baseline)}
    flat, unseen = 0, len(pairs)
    with subject.deadline.or_left_out(WITHIN_FLAT, "whether F moves on the paths to most images"):
        for entry in pairs.values():
            flat += pair_of(subject, entry, paths).line.explains_nothing
            unseen -= 1
            if 2 * (flat + unseen) <= len(pairs):
                break  # however many of the others are
    if 2 * flat > len(pairs):
        raise UngradableError(
            Mistake.FLAT_SCORES,
            f"for {flat} of {len(pairs)} images no gradient between baseline and image says how F changes there",
        )


def _refuse_foreign_gradients(scores: FileScores, subject: Subject, entries: Sequence[StatedMap], seed: int) -> None:
    random = np.random.default_rng(seed)
    drawn = [entries[k] for k in random.integers(len(entries), size=POINTS_OF_PATHS)]
    shares = random.uniform(size=len(drawn))
    points = [
        one.baseline + share * (subject.images[one.image] - one.baseline)
        for one, share in zip(drawn, shares, strict=True)
    ]
    targets = np.array([subject.targets[one.image] for one in drawn])
    refuse_foreign_gradients(scores, torch.stack(points).float(), targets, seed)


def _blame_copies(subject: Subject, entries: Sequence[StatedMap], found: Judgement) -> None:
    if copied := _copies(subject, entries):
        fault, mistake = copied
        found.blame("map", fault, mistake)
        # That two maps are one says more than that one of them is not what it should be.
        found.mistake = mistake if found.mistake in (None, *EXPLAINED_BY_COPIES) else found.mistake


def _look_at_the_rest(subject, rest: list[StatedMap], allowance: float, found: Judgement, entries, baselines) -> None:
    """Sums of maps outside the sample: those that are odd are recomputed before they cost anything."""
    odd = []
    rises: dict[tuple[int, int], float] = {}  # of each pair, whatever the number of steps
    for entry in rest:
        key = (entry.image, id(entry.baseline))
        if key not in rises:
            rises[key] = rise_of(subject, entry)
        gap = abs(float(entry.values.sum()) - rises[key])
        if not gap <= ODD_GAP * allowance or not np.isfinite(gap):
            odd.append((gap, entry))
    for _, entry in sorted(odd, key=lambda item: -item[0])[:MAX_PATHS]:
        if found.is_complete:
            return
        if subject.deadline.is_over(WITHIN_SAMPLE):
            subject.deadline.left_out["maps whose sums look odd"] = None
            return
        _judge_map(pair_of(subject, entry, {}), entry, found, _context(subject, entry, entries, baselines))
        found.checked += 1


def _context(subject: Subject, entry: StatedMap, entries: Sequence[StatedMap], baselines) -> Context:
    others = {name: batch[entry.image] for name, batch in (baselines or {}).items()}
    others = {name: other for name, other in others.items() if not torch.equal(other, entry.baseline)}
    counts = tuple(sorted({other.n_steps for other in entries} - {entry.n_steps}))
    n, n_images = entry.image, len(subject.images)
    neighbours = {(n - 1) % n_images, (n + 1) % n_images, n_images - 1 - n} - {n}
    pairs = tuple(
        pair_of(subject, other, {}).line
        for other in entries
        if other.image in neighbours and other.series == entry.series
    )
    return Context(subject.scores, others, pairs, counts, n_images)


def _usual_baselines(images: Tensor) -> dict[str, Tensor]:
    """What a study of small pictures from one baseline may have taken in its place: igref's, blurs of several widths."""
    from igref.baselines import make_baseline  # withheld where students write their own, and there they hand several in

    usual = {name: make_baseline(name, images) for name in USUAL_BASELINES}
    blurs = {f"blurred by {sigma}": make_baseline("blurred", images, sigma=sigma) for sigma in BLURS}
    return usual | blurs | {"the mean image": images.mean(0).expand_as(images)}


def _judge_map(pair: Pair, entry: StatedMap, found: Judgement, context: Context) -> None:
    values = entry.values
    if not np.isfinite(values).all():
        found.blame("completeness", f"{entry.label}: NaN or infinity in the map", Mistake.NOT_FINITE)
        found.blame("map", f"{entry.label}: NaN or infinity in the map", Mistake.NOT_FINITE)
        return
    if not pair.line.difference.any():
        found.blame("map", f"{entry.label}: the baseline is the image itself", Mistake.BASELINE_IS_INPUT)
        return
    # Beside maps of many steps a map of one or two is what a study of steps shows.
    if (entry.n_steps >= FEWEST_STEPS or context.other_counts) and (rule := pair.textbook_rule(values)):
        if entry.n_steps <= FEW_STEPS or rule in CLOSED:
            found.rules.add(rule)
        return
    gap, error = abs(float(values.sum()) - pair.score_difference), distance(values, pair.reference)
    complete, near = gap <= pair.allowed_gap, error <= pair.allowed_map_error
    wrong = exact_mistake(pair, values) if complete and near else None
    if complete and near and not wrong:
        if not found.map and _is_of_more_steps(pair, values, context.other_counts):
            fault = (
                f"{entry.label}: this is the map of many more steps: {TOO_NEAR} times nearer to it than any rule "
                f"with {entry.n_steps}"
            )
            found.blame("map", fault, Mistake.OTHER_STEP_COUNT)
        if pair.is_unsure:
            pair.line.deadline.left_out[TO_ROUNDING] = None
        return
    if not wrong and (is_of_chebyshev_nodes(pair, values) or is_of_rare_rule(pair, values)):
        return
    if not (found.map or exact_mistake(pair, values)) and is_one_node_a_cell(pair, values):
        return
    mistake = found.mistake or wrong or likely_mistake(pair, values, context)
    found.wrong = found.wrong or WrongMap(entry.label, values, pair.reference)
    found.first = found.first or entry
    steps = f"{entry.n_steps} steps"
    is_of = _what_it_is_of(pair, values, mistake, context)
    if not complete:
        fault = (
            f"{entry.label}: the sum misses F(x) - F(x') by {gap:.2g}; a textbook rule with {steps} misses it by "
            f"{pair.allowed_gap:.2g} at most{is_of}"
        )
        found.blame("completeness", fault, mistake)
    elif error > LARGEST_MAP_ERROR:
        found.blame("completeness", f"{entry.label}: the sum fits, around a map that does not", mistake)
    if wrong:
        found.blame("map", f"{entry.label}: the weights or the scale of the gradients are off", mistake)
    elif not near:
        fault = (
            f"{entry.label}: a relative distance of {error:.2g} from the recomputed map; a textbook rule with {steps} "
            f"is {pair.allowed_map_error:.2g} from it at most{is_of}"
        )
        found.blame("map", fault, mistake)
    else:
        found.blame("map", f"{entry.label}: the map's size does not fit its sum", mistake)


def _what_it_is_of(pair: Pair, values: np.ndarray, mistake: Mistake | None, context: Context) -> str:
    """Which baseline a map is from, or which scores it is of, to be told with the fault; empty where that is not known.

    Of the scores its sum tells: a map adds up to about what its own scores change by.
    """
    if mistake is Mistake.OTHER_SCORES and context.scores is not None:
        at_baseline, at_image = pair.line.other(forward=context.scores.other_kind).scores(np.array([0.0, 1.0]))
        if abs(float(values.sum()) - (at_image - at_baseline)) <= NEARLY_ADDS_UP * abs(at_image - at_baseline):
            stated, other = context.scores.kind, next(kind for kind in SCORES if kind != context.scores.kind)
            return f"; this map is of the {other}, but `scores` says {stated}"
    if mistake is Mistake.MAP_OF_ANOTHER_BASELINE and pair.line.image.numel() <= SMALL_PICTURE:
        with suppress(TooLateError), pair.line.deadline.within(WITHIN_NAMING):
            for name, other in context.other_baselines.items():
                from_other = Pair(pair.line.other(baseline=other), pair.stated_steps)
                if distance(values, from_other.reference) <= from_other.allowed_map_error:
                    return f"; this map was computed from the baseline “{name}”"
    return ""


def _is_of_more_steps(pair: Pair, values: np.ndarray, other_counts: tuple[int, ...]) -> bool:
    """Whether a map is nearer to that of the study's largest count than its own count allows: one map stands at many counts.

    For small pictures, which are held against Gauss and Legendre's rule too: whatever else has as many steps errs more.
    """
    finest = max(other_counts, default=0)
    if finest < 2 * pair.stated_steps or pair.line.image.numel() > SMALL_PICTURE:
        return False
    fine = Pair(pair.line, finest).reference
    least = min((distance(right, fine) for _, right in pair.right_maps(values)), default=0.0)
    if pair.is_unsure or TOO_NEAR * max(distance(values, fine), EXACT_MAP) > least:
        return False
    return not (is_of_chebyshev_nodes(pair, values) or is_of_rare_rule(pair, values))


def _copies(subject: Subject, entries: Sequence[StatedMap]) -> tuple[str, Mistake] | None:
    """Two maps that are the same to the last digits although they are said to be of different things."""
    by_print: dict[bytes, StatedMap] = {}
    for entry in entries:
        norm = np.linalg.norm(entry.values)
        if not np.isfinite(norm) or norm == 0:
            continue
        mark = np.round(entry.values.ravel()[:: max(1, entry.values.size // 64)] / norm, 5).tobytes()
        first = by_print.setdefault(mark, entry)
        if first is entry or distance(entry.values, first.values) > COPIED_MAP:
            continue
        same_image = torch.equal(subject.images[first.image], subject.images[entry.image])
        fault = f"{entry.label}: the same map as {first.label}"
        if not same_image:
            return fault, Mistake.ONE_MAP_FOR_ALL
        if not torch.equal(first.baseline, entry.baseline):
            return fault, Mistake.MAP_OF_ANOTHER_BASELINE
        if first.n_steps != entry.n_steps and _counts_matter(subject, first, entry):
            return fault, Mistake.OTHER_STEP_COUNT
    return None


def _counts_matter(subject: Subject, first: StatedMap, second: StatedMap) -> bool:
    """Whether the two step counts give different maps at all, as they do wherever F bends."""
    line = pair_of(subject, first, {}).line
    fewer, more = sorted((first.n_steps, second.n_steps))
    fewer = min(fewer, MAX_RECOMPUTED_STEPS)
    return distance(*(line.rule("trapezoid", n) for n in (fewer, min(more, 2 * fewer)))) > 10 * COPIED_MAP
