"""The verdict on ps2: maps from a blank baseline and from others, on ten images or more."""

from __future__ import annotations

from autograder.judge.maps import Entry, Subject, judge_maps
from autograder.judge.mistakes import Mistake
from autograder.judge.studies.faults import Faults, read_subject, study_verdict
from autograder.judge.studies.named_models import UngradableError
from autograder.judge.studies.pictures import baselines_fault, labels, predictions_fault, variety_fault
from autograder.judge.studies.reading import Study
from autograder.judge.studies.sample import Sample
from autograder.judge.verdict import Verdict
from autograder.problem_sets import TASKS
from autograder.student.evidence import Evidence

TASK = TASKS["ps2-study"]


def judge(evidence: Evidence, sample: Sample) -> Verdict:
    """The images, the predictions, the baselines, and every map against integrated gradients recomputed."""
    faults = Faults(TASK)
    try:
        study = Study(evidence)
        subject = read_subject(study, faults, sample)
        faults.add("predictions", predictions_fault(study, subject.scores, subject.images))
        baselines = read_baselines(study, subject, faults, "baselines")
        if baselines:
            faults.add("baselines", baselines_fault(baselines, subject.images, subject.scores))
        judge_baselines_maps(study, subject, baselines, faults, sample)
    except UngradableError as error:
        faults.end(error)
    return study_verdict(TASK, faults)


def read_baselines(study: Study, subject: Subject, faults: Faults, blame: str) -> dict:
    """The baselines that can be read, by name; what is wrong with the others goes to the property `blame`."""
    baselines = {}
    try:
        for name, array in study.stacks("baselines").items():
            try:
                baselines[name] = study.batch(f"the baseline “{name}”", array, subject.images)
            except UngradableError as error:
                faults.add(blame, (str(error), error.mistake))
    except UngradableError as error:
        faults.add(blame, (str(error), error.mistake))
    return baselines


def judge_baselines_maps(study: Study, subject: Subject, baselines: dict, faults: Faults, sample: Sample) -> None:
    """Judge the attributions from each baseline, and whether they are various."""
    entries, attributed = [], {}
    try:
        n_steps = study.n_steps()
        for name, array in study.stacks("attributions").items():
            if name not in baselines:
                fault = f"maps for “{name}”, of which there is no baseline; there are {labels(baselines) or 'none'}"
                faults.add_to_maps((fault, Mistake.MISSING_PART))
                continue
            attributed[name] = baselines[name]
            try:
                maps = study.maps(f"attributions[{name!r}]", array, subject.images)
            except UngradableError as error:
                faults.add_to_maps((str(error), error.mistake))
                continue
            for n, values in enumerate(maps):
                label = f"image {n} with the baseline “{name}”"
                entries.append(Entry(label, n, baselines[name][n], n_steps, values, name))
    except UngradableError as error:
        faults.add_to_maps((str(error), error.mistake))
    if attributed:
        fault = variety_fault(attributed, subject.images)
        faults.add("variety" if "variety" in faults.seen else "images", fault)
    elif "variety" in faults.seen:
        faults.add("variety", ("no maps to compare", Mistake.MISSING_PART))
    if entries:
        faults.add_judgement(judge_maps(subject, entries, sample, baselines=baselines))
    else:
        faults.add_to_maps(("no maps to judge", Mistake.MISSING_PART))
