"""Collecting what is wrong with a study, property by property, and the verdict that comes of it."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from autograder.judge.compositions import BOTH_ENDS, CLOSED
from autograder.judge.maps import Judgement, Subject
from autograder.judge.mistakes import Mistake
from autograder.judge.studies.model_files import FileScores, is_model_file, load_file_scores
from autograder.judge.studies.named_models import NotVerifiedError, Scores, UngradableError, load_scores
from autograder.judge.studies.pictures import Fault, images_fault
from autograder.judge.studies.reading import Study
from autograder.judge.studies.sample import Sample
from autograder.judge.verdict import Verdict, verdict_of
from autograder.student.record import MAX_IMAGES, MAX_STUDY_BYTES
from autograder.task import Task

MAP_PROPERTIES = ("completeness", "map")


class Faults:
    """The first fault of each property of a task, and the mistakes behind them in the order they were found."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.seen: dict[str, str] = {one.name: "" for one in task.properties}
        self.mistakes: list[Mistake | None] = []
        self.notes: list[str] = []
        self.not_verified = False

    def add(self, name: str, fault: Fault) -> None:
        """Note a fault of one property, given as what was seen and the mistake's name; nothing for an empty one."""
        if fault[0]:
            self.seen[name] = self.seen[name] or fault[0]
            self.mistakes.append(fault[1])

    def add_to_maps(self, fault: Fault) -> None:
        """A fault that concerns completeness and map alike."""
        for name in MAP_PROPERTIES:
            self.add(name, fault)

    def add_judgement(self, judgement: Judgement) -> None:
        for name in MAP_PROPERTIES:
            self.add(name, (getattr(judgement, name), judgement.mistake))
        if judgement.rules & {*CLOSED} and not (judgement.completeness or judgement.map):
            self.notes.append(BOTH_ENDS)

    def end(self, error: UngradableError) -> None:
        """A fault without which nothing else can be graded."""
        self.not_verified = isinstance(error, NotVerifiedError)
        for name, seen in self.seen.items():
            self.seen[name] = seen or str(error)
        self.mistakes.append(error.mistake)


def read_scores(
    study: Study, pictures: Callable[[int | None], Tensor], sample: Sample
) -> tuple[Scores | FileScores, Tensor]:
    """The model's scores, and the images, which `pictures` reads: of so many channels, or of any number.

    Raises:
        UngradableError: one of them is missing or wrong.
    """
    name, kind = study.value("model"), study.value("scores", "probabilities")
    if is_model_file(name):
        images = pictures(None)
        return load_file_scores(study.record, study.arrays, kind, images, sample.open_model), images
    scores = load_scores(name, kind)
    return scores, pictures(len(scores.model.mean))


def read_subject(study: Study, faults: Faults, sample: Sample) -> Subject:
    """The model's scores, the images and the targets; what is wrong with the set of images is noted.

    Raises:
        UngradableError: one of them is missing or wrong, so that nothing can be recomputed.
    """
    scores, images = read_scores(study, study.images, sample)
    given = _number_given(study, len(images))
    if given > len(images):
        faults.notes.append(f"Of {given} images the first {len(images)} were graded.")
    faults.add("images", images_fault(images, given))
    return Subject(scores, images, study.whole_numbers("targets", images, scores.n_classes))


def _number_given(study: Study, kept: int) -> int:
    """How many images were handed in. The record says it, and is believed only where `submit` had to leave some out."""
    given = study.record.get("images_given")
    size = sum(array.nbytes for array in study.arrays.values())
    left_out = kept >= MAX_IMAGES or size >= MAX_STUDY_BYTES / 2
    return max(given, kept) if isinstance(given, int) and left_out else kept


def study_verdict(task: Task, faults: Faults) -> Verdict:
    """The verdict from the faults found. The first mistake with a text of its own is the cause."""
    mistake = next(filter(None, faults.mistakes), None)
    notes = list(faults.notes)
    if faults.not_verified:
        notes.append("Not verified: this part waits for your instructor, who sees this note and may give the points.")
    return verdict_of(task, faults.seen, [mistake], notes)
