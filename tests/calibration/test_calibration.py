"""A tenth of the corpus, of every set and kind in turn: the whole of it is `make calibrate`."""

import pytest
from corpus import SETS, corpus
from judged import hand_in

from autograder import submission

EVERY = 10
SLOW = "real model"


def _tenth():
    """Every tenth entry of each task, right and wrong work by itself, but for those that take a while."""
    entries = [entry for entry in corpus() if SLOW not in entry.name]
    for task in dict.fromkeys(entry.task for entry in entries):
        for correct in (True, False):
            yield from [entry for entry in entries if entry.task == task and entry.correct is correct][::EVERY]


@pytest.mark.parametrize("entry", list(_tenth()), ids=lambda entry: f"{entry.task}: {entry.name}")
def test_right_work_is_accepted_and_wrong_work_loses_points(entry):
    result = hand_in(entry)
    assert result.as_expected, (result.points, result.max_points, result.mistake)
    if not entry.correct:
        assert result.diagnosed, (result.mistake, entry.mistakes)


@pytest.mark.parametrize("seed", [3, 16, 68])
def test_an_honest_measure_is_not_at_the_mercy_of_the_pictures_drawn(seed):
    """With 24 pictures these seeds took points from the measure that tells true maps least surely."""
    entry = next(e for e in corpus() if e.task == "ps4-measure" and e.name == "scaled masks")
    assert hand_in(entry, seed).accepted


def test_a_record_that_claims_more_images_is_not_believed(monkeypatch):
    entry = next(e for e in corpus() if e.task == "ps2-study" and e.name == "nine images")
    honest = submission.study_record

    def forged(*arguments):
        record, arrays = honest(*arguments)
        return record | {"images_given": 10}, arrays

    monkeypatch.setattr(submission, "study_record", forged)
    assert hand_in(entry).mistake == "too_few_images"


def test_the_corpus_is_as_large_as_it_is_said_to_be():
    entries = corpus()
    right, wrong = [e for e in entries if e.correct], [e for e in entries if not e.correct]
    assert len(right) >= 100 and len(wrong) >= 300 and len({e.kind for e in wrong}) >= 30
    assert all(any(e.set == name for e in part) for name in SETS for part in (right, wrong))
    names = [(e.task, e.correct, e.name) for e in entries]
    assert len(set(names)) == len(names)
