"""The verdict on ps3: maps at step counts from 5 to 200, their gaps, and the count from which on a gap stays small."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from autograder.judge.line import NAMED, SMALL_PICTURE
from autograder.judge.maps import MAP_PROPERTIES, judge_maps
from autograder.judge.mistakes import Mistake
from autograder.judge.studies.enough import BY_A_RULE, OF_THE_RULE, mistake_of_enough, stays
from autograder.judge.studies.gaps import Counted, Ends, mistake_of_gaps
from autograder.judge.studies.pictures import alike, read_pictures
from autograder.judge.studies.predictions import predictions_fault
from autograder.judge.studies.sample import Sample
from autograder.judge.studies.submitted_study import HandedInStudy, Subject
from autograder.judge.tolerances import BORDERLINE, STATED_GAP, STATED_GAP_FLOOR
from autograder.judge.verdict import NO_FAULT, Fault, Faults, UngradableError, Verdict
from autograder.judge.whose_map import StatedMap
from autograder.problem_sets import TASKS
from autograder.problem_sets.ps3.task import INVENTED_GAPS
from autograder.student.evidence import Evidence
from autograder.student.record import StudyRecord
from igref.attribution import quadrature

TASK = TASKS["ps3-study"]
BY_OTHER_RULES = 3
"""So many pictures are looked at, where gaps may be of another rule's maps."""
FEWEST, MOST, COUNTS = 5, 200, 5
WITHIN = 0.05


def judge(evidence: Evidence[StudyRecord], sample: Sample) -> Verdict:
    """The images, the counts, every map at its own count, the stated gaps, and what was read from them."""
    faults = Faults(TASK)
    with faults.noted():
        study = HandedInStudy(evidence)
        subject = read_pictures(study, faults, sample)
        with faults.noted("predictions"):
            faults.add(predictions_fault(study, subject), "predictions")
        baselines = read_baseline(study, subject)
        maps = judge_steps(study, subject, baselines, faults, sample)
        if not maps:
            faults.add(Fault("no maps", Mistake.MISSING_PART), "gaps", "enough")
            return faults.verdict()
        ends = scores_at_ends(subject, baselines)
        of_gaps = NO_FAULT
        with faults.noted("gaps"):
            of_gaps = _of_the_maps(gaps_fault(study, ends, maps), faults)
            faults.add(of_gaps, "gaps")
        with faults.noted("enough"):
            of_counts = _of_the_maps(enough_fault(study, relative_gaps(ends.rises, maps), subject.images), faults)
            if of_counts.seen and of_gaps.mistake and _follows_from_stated_gaps(study, maps, subject.images):
                of_counts = of_counts._replace(mistake=of_gaps.mistake)
            of_rule = rule_fault(study)
            # Of these the function tells more than counts that may agree by luck.
            if of_counts.mistake in OF_THE_RULE | BY_A_RULE and of_rule.mistake in BY_A_RULE:
                of_counts = of_counts._replace(mistake=of_rule.mistake)
            elif of_counts.mistake in OF_THE_RULE:
                of_counts = of_counts._replace(mistake=Mistake.WRONG_ENOUGH)
            faults.add(of_counts, "enough")
            faults.add(of_rule, "enough")
    return faults.verdict()


def _of_the_maps(fault: Fault, faults: Faults) -> Fault:
    """A fault of what was read from the maps; where those were made to add up, that is what it follows from."""
    if (
        fault.mistake in (Mistake.GAPS_MADE_UP, Mistake.GAPS_OF_ANOTHER_RULE, Mistake.WRONG_ENOUGH)
        and Mistake.RESCALED_TO_COMPLETE in faults.mistakes
    ):
        return fault._replace(mistake=Mistake.RESCALED_TO_COMPLETE)
    return fault


def _follows_from_stated_gaps(study: HandedInStudy, maps: Counted, images: Tensor) -> bool:
    """Whether the counts said to be enough are those by the gaps that were stated, so that nothing is wrong but these."""
    stated = {n: gaps for n, gaps in _stated_gaps(study, len(images)).items() if n in maps}
    return bool(stated) and not enough_fault(study, stated, images).seen


def read_baseline(study: HandedInStudy, subject: Subject) -> Tensor:
    """The one baseline of a step study, for each image.

    Raises:
        UngradableError: it is missing, wrong, or the input itself.
    """
    if "baseline" not in study.arrays:
        raise UngradableError(Mistake.MISSING_PART, "baseline is missing, expected a tensor (C, H, W) or (N, C, H, W)")
    baselines = study.batch("baseline", study.arrays["baseline"], subject.images)
    for n, (baseline, image) in enumerate(zip(baselines, subject.images, strict=True)):
        if alike(baseline, image):
            raise UngradableError(Mistake.BASELINE_IS_INPUT, f"the baseline is the input itself for image {n}")
    return baselines


def judge_steps(study: HandedInStudy, subject: Subject, baselines: Tensor, faults: Faults, sample: Sample) -> Counted:
    """Judge the step counts and the map of every image at every count; the maps that can be read."""
    maps: Counted = {}
    with faults.noted("steps", *MAP_PROPERTIES):
        counts = study.counts("attributions")
        faults.add(counts_fault(list(counts)), "steps")
        for count, array in counts.items():
            with faults.noted(*MAP_PROPERTIES):
                maps[count] = study.maps(f"attributions[{count}]", array, subject.images)
    each = [baselines[n] for n in range(len(baselines))]
    entries = [
        StatedMap(f"image {n} at {count} steps", n, each[n], count, values, str(count))
        for count, stack in maps.items()
        for n, values in enumerate(stack)
    ]
    if entries:
        judgement = judge_maps(subject, entries, sample)
        judgement.tell(faults)
        stated = study.values.get("rule")
        known = judgement.rules & {*quadrature.RULES}
        if known and stated in quadrature.RULES and stated not in known:
            found = ", ".join(sorted(known))
            faults.notes.append(f"rule says {stated}; with few steps the maps are those of another rule: {found}.")
    return maps


def counts_fault(counts: Sequence[int]) -> Fault:
    """Whether there are enough counts, and whether they span what the chapter asks for."""
    shown = ", ".join(map(str, counts))
    if len(counts) < COUNTS:
        return Fault(f"{len(counts)} step counts ({shown}), expected at least {COUNTS}", Mistake.TOO_FEW_COUNTS)
    if min(counts) > FEWEST or max(counts) < MOST:
        return Fault(
            f"step counts from {min(counts)} to {max(counts)}, expected {FEWEST} to {MOST}",
            Mistake.COUNTS_OUT_OF_RANGE,
        )
    return NO_FAULT


def relative_gaps(rises: np.ndarray, maps: Counted) -> Counted:
    """|sum of the map - (F(x) - F(x'))| / |F(x) - F(x')| for each image, at each count."""
    with np.errstate(all="ignore"):
        return {n: np.abs(stack.reshape(len(stack), -1).sum(1) - rises) / np.abs(rises) for n, stack in maps.items()}


def scores_at_ends(subject: Subject, baselines: Tensor) -> Ends:
    """F(x) and F(x') of each image, and how all other scores rise from x' to x."""

    def of_all_classes(forward: Callable[[Tensor], Tensor]) -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            at_image, at_baseline = (
                torch.cat([forward(chunk) for chunk in batch.split(8)]).double().numpy()
                for batch in (subject.images, baselines)
            )
        return at_image, at_baseline

    at_image, at_baseline = of_all_classes(subject.scores.forward)
    targets = np.arange(len(subject.targets)), np.array(subject.targets)

    def all_rises() -> list[np.ndarray]:
        other_at_image, other_at_baseline = of_all_classes(subject.scores.other_kind)
        return [at_image - at_baseline, other_at_image - other_at_baseline]

    def by_rules(counts: Sequence[int]) -> Iterator[np.ndarray]:
        small = subject.images[0].numel() <= SMALL_PICTURE and counts
        lines = (
            [subject.line(n, baselines[n]) for n in range(min(BY_OTHER_RULES, len(subject.images)))] if small else []
        )
        for rule in NAMED if lines else ():
            yield np.array([[line.rule(rule, count).sum() for line in lines] for count in counts])

    return Ends(at_image[targets], at_baseline[targets], all_rises, by_rules)


def gaps_fault(study: HandedInStudy, ends: Ends, maps: Counted) -> Fault:
    """Whether the stated gaps are those of the maps handed in.

    Raises:
        UngradableError: none are stated.
    """
    stated, relative = study.counts("gaps"), relative_gaps(ends.rises, maps)
    if missing := [n for n in relative if n not in stated]:
        return Fault(f"no gap for {', '.join(map(str, missing))} steps", Mistake.MISSING_PART)
    worst, has_sign = "", False
    for n, real in relative.items():
        given = np.abs(stated[n].astype(np.float64).ravel())
        if given.shape != real.shape:
            return Fault(f"gaps[{n}] has the shape {stated[n].shape}, expected ({len(real)},)", Mistake.WRONG_SHAPE)
        known = np.isfinite(real)
        excess = np.abs(given - real)[known] - (STATED_GAP * real[known] + STATED_GAP_FLOOR)
        has_sign |= bool((stated[n].astype(np.float64).ravel()[known] < -STATED_GAP_FLOOR).any())
        if not (excess <= 0).all():
            at = int(np.nonzero(known)[0][np.argmax(np.nan_to_num(excess, nan=np.inf))])
            numbers = f"stated {stated[n].ravel()[at]:.3g}, recomputed {real[at]:.3g}"
            worst = worst or f"the gap of image {at} at {n} steps is not that of its map: {numbers}"
    finest = max(relative)
    left = relative[finest][np.isfinite(relative[finest])].max(initial=0.0)
    if not stated[finest].any() and any(stated[n].any() for n in relative) and left > STATED_GAP_FLOOR / 3:
        return Fault(f"no gap at {finest} steps, where the maps leave up to {left:.1%}", Mistake.GAPS_TO_ANOTHER_COUNT)
    if not worst:
        return Fault("some of the gaps are negative", Mistake.GAPS_WITH_SIGN) if has_sign else NO_FAULT
    return Fault(worst, mistake_of_gaps(stated, maps, ends))


def enough_fault(study: HandedInStudy, relative: Counted, images: Tensor) -> Fault:
    """Whether the stated counts are those from which on the recomputed gap stays within 5 %.

    Raises:
        UngradableError: they are missing or no whole numbers.
    """
    array = study.arrays.get("enough")
    is_marked = array is not None and not (array.astype(np.float64) >= 0).all()  # such as -1 or NaN where there is none
    mistake = Mistake.ENOUGH_OF_NONE if is_marked else Mistake.WRONG_ENOUGH
    stated = study.whole_numbers("enough", images, 10**6, mistake)
    # Stated gaps stand for maps that are not there: submit leaves them out where there are too many.
    relative = dict(sorted((_stated_gaps(study, len(stated)) | relative).items()))
    gaps = np.stack(list(relative.values()))
    counts = list(relative)
    for n, given in enumerate(stated):
        # A gap near 5 % may be on either side of it, as it was computed in other chunks.
        allowed = {stays(counts, gaps[:, n], WITHIN + slack) for slack in (-BORDERLINE, 0.0, BORDERLINE)}
        if given not in allowed:
            right = stays(counts, gaps[:, n], WITHIN)
            really = f"from {right} steps on" if right else f"at none of the counts, not even at {counts[-1]} steps"
            seen = f"image {n}: stated {given}, but its gap stays within 5 % {really}"
            return Fault(seen, mistake_of_enough(stated, counts, gaps, WITHIN))
    return NO_FAULT


def rule_fault(study: HandedInStudy) -> Fault:
    """Whether the function by which a count is called enough tells luck from a gap that stays small, on invented gaps."""
    given, name = study.record.asked.get("enough_steps"), "enough_steps"
    if given is None:
        return Fault("enough_steps, the function, is missing", Mistake.MISSING_PART)
    if given.status == "raised":
        return Fault(f"enough_steps raised {given.error}: {given.message[:200]}", Mistake.RAISED)
    counts, gaps = list(INVENTED_GAPS), np.array([*INVENTED_GAPS.values()])
    expected = [stays(counts, column, WITHIN) for column in gaps.T]
    answers = study.arrays.get(name)
    if answers is None or answers.size != len(expected):
        shown = "no numbers" if answers is None else f"{answers.size} numbers"
        return Fault(f"enough_steps gives {shown} for the gaps of {len(expected)} images", Mistake.WRONG_SHAPE)
    given_counts = answers.ravel().tolist()
    for column, answer, right in zip(gaps.T, given_counts, expected, strict=True):
        if answer != right:
            table = ", ".join(f"{gap:.2f} at {count}" for count, gap in zip(counts, column, strict=True))
            seen = f"enough_steps gives {answer:g} for the gaps {table}; expected {right}"
            return Fault(seen, mistake_of_enough(given_counts, counts, gaps, WITHIN))
    return NO_FAULT


def _stated_gaps(study: HandedInStudy, n_images: int) -> Counted:
    """The stated gaps at each count that has one of each image."""
    try:
        stated = study.counts("gaps")
    except UngradableError:
        return {}
    return {n: np.abs(gaps.astype(np.float64).ravel()) for n, gaps in stated.items() if gaps.size == n_images}
