"""The verdict on a photo's attribution: a study of one picture, with its baseline, target and maps.

The model's scores and its gradients are recomputed here; nothing that the student says about them counts.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from autograder.judge.line import Line, distance
from autograder.judge.maps import Entry, Subject, judge_maps
from autograder.judge.mistakes import Mistake
from autograder.judge.studies.faults import Faults, read_scores, study_verdict
from autograder.judge.studies.named_models import UngradableError
from autograder.judge.studies.reading import Study
from autograder.judge.studies.sample import Sample
from autograder.judge.verdict import Verdict
from autograder.problem_sets import TASKS
from autograder.student.evidence import Evidence

TASK = TASKS["ps1-photo"]
FEWEST_STEPS = 20


def judge(evidence: Evidence, sample: Sample) -> Verdict:
    """Completeness, the map itself, and gradient x input, each against what the grader computes."""
    faults = Faults(TASK)
    try:
        study = Study(evidence)
        subject, baseline = _read(study, sample)
        _judge_map(study, subject, baseline, faults, sample)
        _judge_product(study, subject, baseline, faults)
    except UngradableError as error:
        faults.end(error)
    return study_verdict(TASK, faults)


def _read(study: Study, sample: Sample) -> tuple[Subject, Tensor]:
    """The model's scores, the picture and its target; and the baseline, (C, H, W).

    Raises:
        UngradableError: one of them is missing or is wrong, so that nothing can be recomputed.
    """
    scores, images = read_scores(study, lambda channels: study.picture("image", channels), sample)
    baseline = study.picture("baseline", images.shape[1])[0]
    if images[0].shape != baseline.shape:
        shapes = f"image has {tuple(images[0].shape)}, baseline {tuple(baseline.shape)}"
        raise UngradableError(Mistake.WRONG_SHAPE, f"image and baseline differ in shape: {shapes}")
    if torch.equal(images[0], baseline):
        raise UngradableError(Mistake.BASELINE_IS_INPUT, "the baseline is the image itself, so there is no path")
    return Subject(scores, images, study.whole_numbers("target", images, scores.n_classes)), baseline


def _judge_map(study: Study, subject: Subject, baseline: Tensor, faults: Faults, sample: Sample) -> None:
    n_steps = study.n_steps()
    try:
        values = study.map_of("attribution", subject.images[0])
    except UngradableError as error:
        faults.add_to_maps((str(error), error.mistake))
        return
    found = judge_maps(subject, [Entry("the map", 0, baseline, n_steps, values)], sample)
    if not found.map and n_steps < FEWEST_STEPS:
        found.map, found.mistake = f"{n_steps} steps, expected at least {FEWEST_STEPS}", Mistake.TOO_FEW_STEPS
    faults.add_judgement(found)


def _judge_product(study: Study, subject: Subject, baseline: Tensor, faults: Faults) -> None:
    image = subject.images[0]
    try:
        product = study.map_of("gradient_times_input", image)
    except UngradableError as error:
        faults.add("product", (str(error), error.mistake))
        return
    line = Line(subject.scores.forward, image, baseline, subject.targets[0])
    expected = (image * line.gradients(np.ones(1))[0]).double().numpy()
    if not (error := distance(product, expected)) <= subject.scores.gradient_rounding:
        faults.add("product", (f"a relative distance of {error:.2g} from x dF/dx, expected rounding only", None))
