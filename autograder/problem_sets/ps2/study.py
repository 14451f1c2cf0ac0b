"""The verdict on ps2: maps from a blank baseline and from others, on ten images or more."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from autograder.judge.maps import MAP_PROPERTIES, judge_maps
from autograder.judge.mistakes import Mistake
from autograder.judge.studies.pictures import (
    baselines_fault,
    labels,
    read_pictures,
    variety_fault,
)
from autograder.judge.studies.predictions import predictions_fault
from autograder.judge.studies.sample import Sample
from autograder.judge.studies.submitted_study import HandedInStudy, Subject
from autograder.judge.verdict import Fault, Faults, Verdict
from autograder.judge.whose_map import StatedMap
from autograder.problem_sets import TASKS
from autograder.student.evidence import Evidence
from autograder.student.record import StudyRecord

TASK = TASKS["ps2-study"]


def judge(evidence: Evidence[StudyRecord], sample: Sample) -> Verdict:
    """The images, the predictions, the baselines, and every map against integrated gradients recomputed."""
    faults = Faults(TASK)
    with faults.noted():
        study = HandedInStudy(evidence)
        subject = read_pictures(study, faults, sample)
        with faults.noted("predictions"):
            faults.add(predictions_fault(study, subject), "predictions")
        baselines = read_baselines(study, subject, faults, "baselines")
        if baselines:
            of_baselines = baselines_fault(baselines, subject.images, subject.scores)
            faults.add(of_baselines, "baselines")
            if of_baselines.mistake is Mistake.BASELINE_IS_INPUT and faults.seen["predictions"]:
                # Both follow where a baseline was painted into the pictures themselves.
                faults.come_from(Mistake.PICTURES_CHANGED, "predictions", "baselines")
        judge_baselines_maps(study, subject, baselines, faults, sample)
    return faults.verdict()


def read_baselines(study: HandedInStudy, subject: Subject, faults: Faults, blame: str) -> dict:
    """The baselines that can be read, by name; what is wrong with the others goes to the property `blame`."""
    baselines = {}
    with faults.noted(blame):
        for name, array in study.stacks("baselines").items():
            with faults.noted(blame):
                baselines[name] = study.batch(f"the baseline “{name}”", array, subject.images)
    return baselines


def judge_baselines_maps(
    study: HandedInStudy, subject: Subject, baselines: dict, faults: Faults, sample: Sample
) -> None:
    """Judge the attributions from each baseline, and whether they are various."""
    entries, attributed, various = [], {}, {}
    with faults.noted(*MAP_PROPERTIES):
        n_steps = study.n_steps()
        # A baseline that cannot be read has been said to be one: it costs its own points, and not those of the maps as well.
        unreadable = {*study.stacks("baselines")} - {*baselines} if baselines else set()
        for name, array in study.stacks("attributions").items():
            if name in unreadable:
                various |= _as_it_came(name, study.stacks("baselines")[name], subject)
                continue
            if name not in baselines:
                fault = f"maps for “{name}”, of which there is no baseline; there are {labels(baselines) or 'none'}"
                faults.add(Fault(fault, Mistake.MISSING_PART), *MAP_PROPERTIES)
                continue
            attributed[name] = baselines[name]
            with faults.noted(*MAP_PROPERTIES):
                for n, values in enumerate(study.maps(f"attributions[{name!r}]", array, subject.images)):
                    label = f"image {n} with the baseline “{name}”"
                    entries.append(StatedMap(label, n, baselines[name][n], n_steps, values, name))
    if attributed:
        fault = variety_fault(attributed | various, subject.images)
        faults.add(fault, "variety" if "variety" in faults.seen else "images")
    elif "variety" in faults.seen:
        faults.add(Fault("no maps to compare", Mistake.MISSING_PART), "variety")
    if entries:
        judge_maps(subject, entries, sample, baselines=baselines).tell(faults)
    else:
        faults.add(Fault("no maps to judge", Mistake.MISSING_PART), *MAP_PROPERTIES)


def _as_it_came(name: str, baseline: np.ndarray, subject: Subject) -> dict[str, Tensor]:
    """A baseline out of range, which maps are of all the same; empty where it has another form than pictures."""
    kept = baseline[: len(subject.images)]
    if kept.shape != tuple(subject.images.shape) or not np.isfinite(kept).all():
        return {}
    return {name: torch.tensor(kept, dtype=subject.images.dtype)}
