"""A tenth of the corpus, of every set and kind in turn: the whole of it is `make calibrate`."""

from dataclasses import replace

import pytest

from autograder.problem_sets import TASKS
from autograder.student import submit as submission
from corpus import SETS, corpus
from tests.calibration import seeds, unseen_work
from tests.calibration.judged import hand_in, verdict_on

EVERY = 10
SLOW = "real model"
JUDGED_ELSEWHERE = ("ps1-input-gradient", "ps1-integrated-gradients")
"""All of these functions are judged in tests/autograder/test_functions.py."""


def _tenth():
    """Every tenth entry of each task, right and wrong work by itself, but for those that take a while."""
    entries = [entry for entry in corpus() if SLOW not in entry.name and entry.task not in JUDGED_ELSEWHERE]
    for task in dict.fromkeys(entry.task for entry in entries):
        for correct in (True, False):
            yield from [entry for entry in entries if entry.task == task and entry.correct is correct][::EVERY]


@pytest.mark.parametrize("entry", list(_tenth()), ids=lambda entry: f"{entry.task}: {entry.name}")
def test_right_work_is_accepted_and_wrong_work_loses_points(entry):
    result = hand_in(entry)
    assert result.as_expected, (result.points, result.max_points, result.mistake)
    if not entry.correct:
        assert result.diagnosed, (result.mistake, entry.mistakes)


ONCE_MISSED = (
    *("ps1/51", "ps1/107", "ps2/32", "ps2/74"),
    *("ps2/141", "ps3/18", "ps3/43", "ps3/73", "ps3/133", "ps3/136", "ps4/36", "ps4/49", "ps4/211", "ps4/215"),
    *("ps1/579", "ps1/590", "ps1/596", "ps2/177", "ps3/164", "ps3/165", "ps4/299"),
    *("ps1/627", "ps2/183", "ps2/184", "ps3/173", "ps4/323"),
    *("ps1/673", "ps1/676", "ps3/181", "ps3/185", "ps4/341", "ps4/342"),
    *("ps1/701", "ps1/708", "ps3/190", "ps4/361"),
    *("ps1/728", "ps1/733", "ps1/734", "ps2/207", "ps3/200"),
    *("ps1/764", "ps1/783", "ps2/213", "ps3/207", "ps4/388", "ps4/390"),
)
NAMED = {
    "ps1/579": ("one_kind_of_shape",),
    "ps1/590": ("kept_between_calls",),
    "ps1/596": ("features_averaged",),
    "ps2/177": ("predictions_in_another_order",),
    "ps3/164": ("enough_over_pictures",),
    "ps3/165": ("maps_pile_up",),
    "ps4/299": ("measure_changes_input",),
    "ps1/627": ("path_runs_past_input",),
    "ps2/183": ("targets_in_another_order",),
    "ps2/184": ("predictions_over_pictures",),
    "ps3/173": ("gaps_of_another_rule",),
    "ps4/323": ("quality_in_another_order",),
    "ps1/673": ("gradient_elsewhere", "points_off_the_path"),
    "ps1/676": ("score_transformed",),
    "ps3/181": ("enough_not_every_larger",),
    "ps3/185": ("gaps_in_another_order",),
    "ps4/341": ("quality_as_ranks",),
    "ps4/342": ("quality_of_other_scores",),
    "ps1/701": ("positive_part_only",),
    "ps1/708": ("loss_differentiated",),
    "ps3/190": ("gaps_rounded",),
    "ps4/361": ("quality_of_another_target",),
    "ps1/728": ("divided_by_features",),
    "ps1/733": ("path_clipped",),
    "ps1/734": ("not_zero_where_alike",),
    "ps2/207": ("pictures_changed",),
    "ps3/200": ("predictions_are_targets",),
    "ps1/764": ("axis_summed",),
    "ps1/783": ("softmax_inside",),
    "ps2/213": ("score_transformed",),
    "ps3/207": ("path_beyond_input",),
    "ps4/388": ("quality_of_another_measure",),
    "ps4/390": ("images_repeated",),
    "ps2/141": ("path_without_baseline",),
    "ps3/133": ("gaps_over_another_change",),
    "ps3/136": ("gaps_not_relative",),
    "ps4/211": ("measure_not_deterministic",),
    "ps4/215": ("measure_ignores_network",),
}


@pytest.mark.parametrize("name", ONCE_MISSED)
def test_what_unseen_work_taught_is_not_forgotten(name):
    (path,) = unseen_work.FOLDER.glob("{}/unseen/{}-*.txt".format(*name.split("/")))
    seen = unseen_work.judge(path)
    assert seen.as_expected, (seen.lost, seen.mistakes)
    assert seen.mistakes or seen.hand_in.expected == unseen_work.CORRECT
    assert seen.mistakes == NAMED.get(name, seen.mistakes)


def test_a_rule_by_a_wrong_name_is_mentioned_and_costs_nothing():
    """Only the notes say so: the rule itself is judged by a person."""
    entry = next(e for e in corpus() if e.task == "ps3-study" and e.correct and "left" in e.name)
    name, study = entry.make()
    right, wrong = (
        verdict_on(replace(entry, make=lambda rule=rule: (name, study | {"rule": rule})))
        for rule in ("left", "midpoint")
    )
    assert right.points == wrong.points == right.max_points
    assert not any("another rule" in note for note in right.notes)
    assert any("rule says midpoint" in note and "left" in note for note in wrong.notes)


def test_unseen_work_can_be_read_and_says_what_it_expects():
    hand_ins = [unseen_work.read(path) for path in unseen_work.files()]
    assert {(h.set, h.expected) for h in hand_ins} == {
        (name, expected) for name in SETS for expected in (unseen_work.CORRECT, unseen_work.WRONG, unseen_work.UNCLEAR)
    }
    for one in hand_ins:
        assert one.cells and one.what
        assert (one.expected == unseen_work.WRONG) == bool(one.tasks) and set(one.tasks) <= TASKS.keys()


@pytest.mark.parametrize("seed", [3, 16, 68])
def test_an_honest_measure_is_not_at_the_mercy_of_the_pictures_drawn(seed):
    """With 24 pictures these seeds took points from the measure that tells true maps least surely."""
    entry = next(e for e in corpus() if e.task == "ps4-measure" and e.name == "scaled masks")
    assert hand_in(entry, seed).accepted


def test_functions_are_compared_over_seeds(monkeypatch):
    """A few of the task whose truths are quick; all with many seeds are `python -m tests.calibration --seeds N`."""
    monkeypatch.setattr(seeds, "PROBES", {"ps1-input-gradient": seeds.PROBES["ps1-input-gradient"]})
    few = seeds.functions("ps1-input-gradient")[::20]
    some = [one for seed in (1000, 1001) for one in seeds.with_seed(few, seed)]
    assert not seeds.unsteady(some) and not seeds.refused(some), seeds.table_of(some)
    lucky = seeds.Outcome(some[0].name, True, 1002, ("linear",))
    assert seeds.unsteady([*some, lucky]).keys() == {lucky.name} and seeds.refused([*some, lucky]) == [lucky]
    assert f"{lucky.name} lost linear" in seeds.table_of([*some, lucky])


def test_a_record_that_claims_more_images_is_not_believed(monkeypatch):
    entry = next(e for e in corpus() if e.task == "ps2-study" and e.name == "nine images")
    honest = submission.study_record

    def forged(*arguments):
        record, arrays = honest(*arguments)
        record.images_given = 10
        return record, arrays

    monkeypatch.setattr(submission, "study_record", forged)
    assert hand_in(entry).mistake == "too_few_images"


def test_the_corpus_is_as_large_as_it_is_said_to_be():
    entries = corpus()
    right, wrong = [e for e in entries if e.correct], [e for e in entries if not e.correct]
    assert len(right) >= 100 and len(wrong) >= 300 and len({e.kind for e in wrong}) >= 30
    assert all(any(e.set == name for e in part) for name in SETS for part in (right, wrong))
    names = [(e.task, e.correct, e.name) for e in entries]
    assert len(set(names)) == len(names)
