"""The verdicts on ps4's two studies: baselines and step counts compared by a student's own measure."""

from __future__ import annotations

import math

import numpy as np

from autograder.judge.mistakes import Mistake
from autograder.judge.probes.measures import HELD, NEW_RANKINGS, what_is_ranked
from autograder.judge.studies.pictures import read_pictures
from autograder.judge.studies.qualities import Measured, agrees, mistake_of_qualities, scale_of
from autograder.judge.studies.sample import Sample
from autograder.judge.studies.submitted_study import HandedInStudy
from autograder.judge.tolerances import LEAST_RANKED
from autograder.judge.verdict import NO_FAULT, Fault, Faults, Verdict
from autograder.problem_sets import TASKS
from autograder.problem_sets.ps2.study import judge_baselines_maps, read_baselines
from autograder.problem_sets.ps3.study import judge_steps, read_baseline
from autograder.student.evidence import Evidence
from autograder.student.record import RANKED, MeasuredRecord, StudyRecord

BASELINES, STEPS = TASKS["ps4-baselines"], TASKS["ps4-steps"]


def judge_baselines(evidence: Evidence[StudyRecord], sample: Sample) -> Verdict:
    """The images, the maps from each baseline, and whether the stated qualities are the measure's."""
    faults = Faults(BASELINES)
    with faults.noted():
        study = HandedInStudy(evidence)
        subject = read_pictures(study, faults, sample)
        baselines = read_baselines(study, subject, faults, "images")
        judge_baselines_maps(study, subject, baselines, faults, sample)
        with faults.noted("quality"):
            faults.add(quality_fault(study, len(subject.images)), "quality")
            faults.add(measure_fault(evidence, sample.seed), "quality")
    return faults.verdict()


def judge_steps_by_quality(evidence: Evidence[StudyRecord], sample: Sample) -> Verdict:
    """The images, the step counts and their maps, and whether the stated qualities are the measure's."""
    faults = Faults(STEPS)
    with faults.noted():
        study = HandedInStudy(evidence)
        subject = read_pictures(study, faults, sample)
        judge_steps(study, subject, read_baseline(study, subject), faults, sample)
        with faults.noted("quality"):
            faults.add(quality_fault(study, len(subject.images)), "quality")
            faults.add(measure_fault(evidence, sample.seed), "quality")
    return faults.verdict()


def quality_fault(study: HandedInStudy, n_images: int) -> Fault:
    """Whether every map has a stated quality, and those that were measured again agree.

    Raises:
        UngradableError: there are no qualities, or no maps.
    """
    stated, expected = study.stacks("quality"), study.stacks("attributions")
    if missing := [name for name in expected if name not in stated]:
        return Fault(f"no quality for {', '.join(missing)[:200]}", Mistake.MISSING_PART)
    for name, array in stated.items():
        if array.ravel().shape[0] < n_images:
            return Fault(f"quality[{name!r}] has the shape {array.shape}, expected ({n_images},)", Mistake.WRONG_SHAPE)
        if not np.isfinite(array.astype(np.float64)).all():
            return Fault(f"quality[{name!r}] holds NaN or infinity", Mistake.NOT_FINITE)
    if not study.record.measured_again:
        reason = study.record.measured_again_failed[:200]
        return Fault(f"the measure could not be asked again {reason}".strip(), Mistake.MEASURE_NOT_ASKED)
    values: Measured = {}
    for entry in study.record.measured_again:
        if fault := _unusable(entry, stated, n_images):
            return fault
        values[entry.name, entry.image] = float(entry.value or 0)
    scale = scale_of(values)
    for (name, image), value in values.items():
        given = float(stated[name].ravel()[image])
        if not agrees(given, value, scale):
            seen = f"“{name}”, image {image}: stated {given:.4g}, the measure gives {value:.4g}"
            return Fault(seen, mistake_of_qualities(stated, study.record.measured_again, values))
    if np.ptp(np.concatenate([array.ravel() for array in stated.values()])) == 0:
        return Fault("the same quality for every map of every image", Mistake.QUALITY_CONSTANT)
    return NO_FAULT


def measure_fault(evidence: Evidence[StudyRecord], seed: int) -> Fault:
    """Whether the measure that came with the study is one: it has to tell true maps from rankings that it has never seen.

    A table of random numbers under every map, which a measure by a map's digits repeats to the last one, does not.
    """
    probes, numbers = what_is_ranked(seed), evidence.arrays.get(RANKED)
    if numbers is None or numbers.shape != (len(probes),):
        return Fault("the measure did not answer the questions about other maps", Mistake.MEASURE_NOT_ASKED)
    values = {(p.picture, p.of): float(value) for p, value in zip(probes, numbers, strict=True)}
    above = sum(_above(values[n, "true"], values[n, of]) for of in NEW_RANKINGS for n in range(HELD))
    if above >= LEAST_RANKED:
        return NO_FAULT
    seen = (
        f"the measure puts the true map above a random ranking in {above:g} of {len(NEW_RANKINGS) * HELD} other cases"
    )
    return Fault(f"{seen}, expected {LEAST_RANKED} or more", Mistake.MEASURE_NO_BETTER_THAN_CHANCE)


def _above(true: float, other: float) -> float:
    """1 where the true map gets the higher number, a half where both get the same, or one of them none."""
    return 0.5 if true == other or not math.isfinite(true - other) else float(true > other)


def _unusable(entry: MeasuredRecord, stated: dict[str, np.ndarray], n_images: int) -> Fault | None:
    """What is wrong with an answer of the measure, whatever was stated."""
    name, image = entry.name, entry.image
    if entry.status == "raised":
        return Fault(f"the measure raised {entry.error}: {entry.message[:200]}", Mistake.RAISED)
    if name not in stated or not 0 <= image < n_images:
        return Fault("a map that was measured again is not in the study", Mistake.EVIDENCE_DAMAGED)
    if entry.value is None or not math.isfinite(entry.value):
        return Fault(f"the measure gives no finite number for “{name}”, image {image}", Mistake.MEASURE_NOT_FINITE)
    return None
