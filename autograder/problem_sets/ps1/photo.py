"""The verdict on a photo's attribution: a study of one picture, with its baseline, target and maps.

The model's scores and its gradients are recomputed here; nothing that the student says about them counts.
"""

from __future__ import annotations

import numpy as np
import torch

from autograder.judge.line import Line, distance
from autograder.judge.map_mistakes import CAUSE
from autograder.judge.maps import MAP_PROPERTIES, judge_maps
from autograder.judge.mistakes import Mistake
from autograder.judge.product_mistakes import product_mistake
from autograder.judge.studies.model_files import FileScores
from autograder.judge.studies.named_models import Scores
from autograder.judge.studies.sample import Sample
from autograder.judge.studies.submitted_study import HandedInStudy, Subject, read_subject
from autograder.judge.verdict import NO_FAULT, Fault, Faults, NotVerifiedError, UngradableError, Verdict
from autograder.judge.whose_map import StatedMap
from autograder.problem_sets import TASKS
from autograder.student.evidence import Evidence
from autograder.student.record import StudyRecord

TASK = TASKS["ps1-photo"]
FEWEST_STEPS = 20
WITHIN_NAMING_OF_PRODUCT = 0.3
"""The share of a deadline after which the cause of a wrong product is looked for no longer: the map is still to be judged."""
OF_SCORES = (
    *(Mistake.OTHER_SCORES, Mistake.LOG_PROBABILITY, Mistake.LOSS_DIFFERENTIATED),
    *(Mistake.SOFTMAX_INSIDE, Mistake.SIGMOID_INSIDE),
)
OF_NO_KNOWN_SCORES = (
    *(Mistake.NOISY_MAP, Mistake.UNRELATED_MAP, Mistake.ALL_CLASSES),
    *(Mistake.SCALED, Mistake.NOT_AVERAGED, Mistake.CHANNELS_AVERAGED, Mistake.LAST_BATCH_ONLY),
)
"""What a map of scores that it is not held against looks like: like no map of F, or like one of another size."""


def judge(evidence: Evidence[StudyRecord], sample: Sample) -> Verdict:
    """Completeness, the map itself, and gradient x input, each against what the grader computes."""
    faults = Faults(TASK)
    with faults.noted():
        study = HandedInStudy(evidence)
        subject = read_subject(study, sample, pictures="image", targets="target")
        baseline = study.picture("baseline", subject.images.shape[1])[0]
        if subject.images[0].shape != baseline.shape:
            shapes = f"image has {tuple(subject.images[0].shape)}, baseline {tuple(baseline.shape)}"
            raise UngradableError(Mistake.WRONG_SHAPE, f"image and baseline differ in shape: {shapes}")
        if torch.equal(subject.images[0], baseline):
            raise UngradableError(Mistake.BASELINE_IS_INPUT, "the baseline is the image itself, so there is no path")
        n_steps = study.n_steps()
        of_product = _product_fault(study, subject, baseline, n_steps)
        with faults.noted(*MAP_PROPERTIES):
            values = study.map_of("attribution", subject.images[0])
            found = judge_maps(subject, [StatedMap("the map", 0, baseline, n_steps, values)], sample)
            if not found.map and n_steps < FEWEST_STEPS:
                found.map = f"{n_steps} steps, expected at least {FEWEST_STEPS}"
                found.mistake = Mistake.TOO_FEW_STEPS
            if found.mistake in OF_NO_KNOWN_SCORES and of_product.mistake in OF_SCORES:
                found.mistake = (
                    of_product.mistake
                )  # a product is recomputed to rounding, so it tells which scores both are of
            found.tell(faults)
        faults.add(of_product, "product")
    return faults.verdict()


def _product_fault(study: HandedInStudy, subject: Subject, baseline: torch.Tensor, n_steps: int) -> Fault:
    """What is wrong with gradient x input."""
    try:
        product = study.map_of("gradient_times_input", subject.images[0])
        line = subject.line(0, baseline)
        error = distance(product, _gradient_times_input(line))
        if error <= subject.scores.gradient_rounding or _is_in_float64(product, line, subject.scores):
            return NO_FAULT
        mistake = None
        with subject.deadline.or_left_out(WITHIN_NAMING_OF_PRODUCT, CAUSE):
            mistake = product_mistake(line, subject.scores, product, n_steps)
        return Fault(f"a relative distance of {error:.2g} from x dF/dx, expected rounding only", mistake)
    except NotVerifiedError:
        raise  # then nothing can be graded
    except UngradableError as error:
        return Fault(str(error), error.mistake)


def _gradient_times_input(line: Line) -> np.ndarray:
    return (line.image * line.gradients(np.ones(1))[0]).double().numpy()


def _is_in_float64(product: np.ndarray, line: Line, scores: Scores | FileScores) -> bool:
    """Whether this is gradient x input of the model in float64, where a model can be had in it."""
    if scores.in_float64 is None:
        return False
    doubled = Line(scores.in_float64, line.image.double(), line.baseline.double(), line.target)
    return distance(product, _gradient_times_input(doubled)) <= scores.gradient_rounding
