"""What becomes of a study on its way to the grader: all of it where it fits, and where it does not, what can be graded."""

import itertools

import numpy as np
import pytest
import torch

from autograder import submit
from autograder.judge import line
from autograder.judge.deadline import Deadline
from autograder.judge.line import Line
from autograder.judge.studies.submitted_study import HandedInStudy
from autograder.judge.tolerances import FEEDBACK_SECONDS
from autograder.judge.verdict import UngradableError
from autograder.problem_sets import checking
from autograder.student import record as studies
from autograder.student.evidence import Evidence
from autograder.student.record import ARRAY, ARRAYS, StudyRecord, measured_again, study_record
from corpus.entries import DIGITS, Entry
from corpus.maps import gradients
from corpus.models import COLOURS, material
from corpus.studies import enough_of, of_baselines, of_steps
from tests.calibration.judged import verdict_on

PARTS = {"images": ARRAY, "attributions": ARRAYS, "gaps": ARRAYS}


def study(counts, n_images=12):
    maps = {n: torch.rand(n_images, 3, 16, 16) for n in counts}
    return {
        "images": torch.rand(n_images, 3, 16, 16),
        "attributions": maps,
        "gaps": {n: torch.rand(n_images) for n in counts},
    }


def counts_of(part, record, arrays):
    return [int(name) for k, name in enumerate(record.names[part]) if f"{part}.{k}" in arrays]


def test_forty_counts_are_kept_with_all_images():
    counts = list(range(200, 0, -5))
    record, arrays = study_record("ps3-study", study(counts), PARTS)
    assert counts_of("attributions", record, arrays) == counts_of("gaps", record, arrays) == counts
    assert len(arrays["images"]) == record.images_given == 12


def test_where_too_much_is_given_ten_images_and_the_ends_of_the_counts_remain(monkeypatch):
    monkeypatch.setattr(studies, "MAX_STUDY_BYTES", 2 * 2**20)
    counts = [200, 5, 10, *range(11, 150)]
    record, arrays = study_record("ps3-study", study(counts), PARTS)
    kept = sorted(counts_of("attributions", record, arrays))
    assert kept[0] == 5 and kept[-1] == 200 and 40 < len(kept) < len(counts)
    assert max(b - a for a, b in itertools.pairwise(kept[:-1])) <= 6  # spread evenly
    assert counts_of("gaps", record, arrays) == counts
    assert len(arrays["images"]) == len(arrays["attributions.0"]) == 10
    assert sum(array.nbytes for array in arrays.values()) <= 2 * 2**20


def test_a_measure_is_asked_again_only_about_images_that_were_kept():
    given = study([5, 10], n_images=40) | {"targets": torch.zeros(40, dtype=torch.long)}
    again = measured_again(lambda *_: 1.0, None, given, "attributions", 3, n_pairs=30, seconds=0)
    assert {entry.image for entry in again} == {0, 1, 2}
    assert measured_again(lambda *_: 1.0, None, given, "attributions", 0, n_pairs=30, seconds=0) == []


def test_more_images_than_are_ever_kept_are_refused_before_any_work():
    forged = Evidence(StudyRecord("ps3-study", {}, {}, {}, {}, []), {"images": np.zeros((450, 3, 8, 8), np.float32)})
    with pytest.raises(UngradableError, match="450 images"):
        HandedInStudy(forged).images()


def test_a_baseline_out_of_range_costs_its_own_points_and_no_others():
    whole = of_baselines(COLOURS)
    loud = whole["baselines"] | {"noise": 3 * whole["baselines"]["noise"] - 1}
    two = {name: whole["attributions"][name] for name in ("black", "noise")}  # it is the only one that is not blank
    for attributions in (whole["attributions"], two):
        given = whole | {"baselines": loud, "attributions": attributions}
        verdict = verdict_on(Entry("ps2-study", "study", "loud noise", lambda given=given: (None, given), True))
        assert [finding.name for finding in verdict.findings if not finding.holds] == ["baselines"]
        assert "noise" in verdict.findings[2].seen and verdict.mistake == "image_normalised"


def first_small(gaps, tolerance=0.05):
    return [next((n for n in gaps if gaps[n][k] <= tolerance), 0) for k in range(len(gaps[5]))]


def no_rule(gaps, tolerance=0.05):
    raise RuntimeError("still to be done")


@pytest.mark.parametrize(
    ("rule", "mistake", "said"),
    [
        (enough_of, "", ""),
        (lambda gaps: enough_of(gaps).tolist(), "", ""),
        (first_small, "first_not_stays", "0.02 at 5, 0.20 at 10"),
        (lambda gaps: 0 * enough_of(gaps), "wrong_enough", "gives 0"),
        (lambda gaps: enough_of(gaps)[:2], "wrong_shape", "2 numbers"),
        (no_rule, "raised", "still to be done"),
        (None, "missing_part", "missing"),
    ],
)
def test_the_rule_is_asked_about_gaps_that_are_small_by_luck(rule, mistake, said):
    """In the study itself no gap leaves 5 % again, so that a rule that takes the first small one states the same counts."""
    whole = of_steps(COLOURS, steps=(5, 20, 50, 100, 200)) | {"enough_steps": rule}
    verdict = verdict_on(Entry("ps3-study", "study", "rule", lambda: (None, whole), not mistake))
    assert [finding.name for finding in verdict.findings if not finding.holds] == ["enough"] * bool(mistake)
    assert verdict.mistake == mistake and said in verdict.findings[-1].seen


def rises_from_black() -> torch.Tensor:
    """What the probability of each small picture's class changes by on the path from black, (N,)."""
    m = material(COLOURS)
    with torch.no_grad():
        end, start = m.model.probabilities(torch.cat([m.images, torch.zeros_like(m.images)])).chunk(2)
    return (end - start)[torch.arange(len(m.images)), m.top]


def test_gaps_of_the_sum_of_all_maps_are_named():
    whole = of_steps(COLOURS, steps=(5, 20, 50, 100, 200))
    rises = rises_from_black().double()
    gaps = {n: (maps.double().sum() - rises).abs() / rises.abs() for n, maps in whole["attributions"].items()}
    verdict = verdict_on(Entry("ps3-study", "study", "gaps", lambda: (None, whole | {"gaps": gaps}), False))
    assert verdict.mistake == "gaps_of_the_batch"
    assert next(finding.name for finding in verdict.findings if not finding.holds) == "gaps"


def test_the_black_map_under_every_name_is_the_map_of_another_baseline():
    whole = of_baselines(COLOURS)
    black = next(name for name, baseline in whole["baselines"].items() if not baseline.any())
    copied = dict.fromkeys(whole["attributions"], whole["attributions"][black])
    verdict = verdict_on(Entry("ps2-study", "study", "copy", lambda: (None, whole | {"attributions": copied}), False))
    assert verdict.mistake == "map_of_another_baseline"


def test_a_map_under_another_baselines_name_is_told_whose_it_is():
    whole = of_baselines(COLOURS)
    names = list(whole["attributions"])
    turned = dict(zip(names, (whole["attributions"][name] for name in reversed(names)), strict=True))
    verdict = verdict_on(Entry("ps2-study", "study", "turned", lambda: (None, whole | {"attributions": turned}), False))
    assert verdict.mistake == "map_of_another_baseline"
    (seen,) = [finding.seen for finding in verdict.findings if finding.name == "map"]
    given = seen.partition("with the baseline “")[2].partition("”")[0]
    assert seen.endswith(f"this map was computed from the baseline “{names[-1 - names.index(given)]}”")


def test_gaps_of_the_maps_before_they_were_made_to_add_up_have_no_cause_of_their_own():
    whole = of_steps(COLOURS, steps=(5, 20, 50, 100, 200))
    rises = rises_from_black().view(-1, 1, 1, 1)
    fitted = {n: maps * rises / maps.sum((1, 2, 3), keepdim=True) for n, maps in whole["attributions"].items()}
    verdict = verdict_on(Entry("ps3-study", "study", "fitted", lambda: (None, whole | {"attributions": fitted}), False))
    wrong = {finding.name: finding.mistakes for finding in verdict.findings if not finding.holds}
    assert {"map", "gaps"} <= set(wrong) and set(wrong.values()) == {("rescaled_to_complete",)}


def test_counts_that_follow_from_wrong_gaps_have_no_cause_of_their_own():
    whole = of_steps(COLOURS, steps=(5, 20, 50, 100, 200))
    gaps = {n: 7 * gaps + 0.04 for n, gaps in whole["gaps"].items()}
    wrong = {}
    for name, stated in (("follows", gaps), ("does not", whole["gaps"])):
        enough = {"gaps": gaps, "enough": enough_of(stated) if name == "follows" else 0 * enough_of(gaps)}
        verdict = verdict_on(Entry("ps3-study", "study", name, lambda more=enough: (None, whole | more), False))
        wrong[name] = {one.name: one.mistakes for one in verdict.findings if not one.holds}
    assert wrong["follows"]["enough"] == wrong["follows"]["gaps"] != ("wrong_enough",)
    assert wrong["does not"]["enough"] == ("wrong_enough",)


def _means_of_chunks(job) -> torch.Tensor:
    """The mean of the means of chunks of eight midpoints, of which the last is shorter."""
    each = gradients(job, (torch.arange(job.n) + 0.5) / job.n)
    return (job.x - job.x0) * torch.stack([some.mean(0) for some in each.split(8)]).mean(0)


def _every_kth(job) -> torch.Tensor:
    """Every k-th of the left nodes of many steps, divided by a count that is not theirs."""
    nodes = torch.arange(0, 200, 200 // job.n) / 200
    return (job.x - job.x0) * gradients(job, nodes).sum(0) / job.n


@pytest.mark.parametrize(("compute", "mistake"), [(_means_of_chunks, "mean_of_means"), (_every_kth, "scaled")])
def test_batches_are_blamed_where_they_are_what_is_wrong(compute, mistake):
    whole = of_baselines(COLOURS, compute, n=30)
    verdict = verdict_on(Entry("ps2-study", "study", "batches", lambda: (None, whole), False))
    assert verdict.points < verdict.max_points and verdict.mistake == mistake


PREDICTIONS = {
    "predictions_of_baselines": lambda scores, of_black: of_black.argmax(1),
    "predictions_not_first": lambda scores, _: scores.argsort(1)[:, 0],
    "prediction_of_one_picture": lambda scores, _: scores[:1].argmax(1).expand(len(scores)),
    "predictions_in_another_order": lambda scores, _: scores.argmax(1)[torch.randperm(len(scores))],
    "predictions_are_targets": lambda scores, _: torch.arange(len(scores)) % scores.shape[1],
}


@pytest.mark.parametrize("mistake", PREDICTIONS)
def test_predictions_that_are_something_else_are_told_what_they_are(mistake):
    m, whole = material(COLOURS), of_baselines(COLOURS)
    with torch.no_grad():
        scores, of_black = m.model.probabilities(m.images), m.model.probabilities(torch.zeros_like(m.images))
    stated = PREDICTIONS[mistake](scores, of_black)
    targets = {"targets": stated} if mistake == "predictions_are_targets" else {}
    whole = of_baselines(COLOURS, **targets) | {"predictions": stated}
    verdict = verdict_on(Entry("ps2-study", "study", mistake, lambda: (None, whole), False))
    assert [finding.name for finding in verdict.findings if not finding.holds] == ["predictions"]
    assert verdict.mistake == mistake


def test_maps_of_the_first_nodes_of_the_finest_count_are_told_that_the_path_is_cut_short():
    """One pass over 200 midpoints with a running mean: the map at n is the mean of the first n."""

    def so_far(job):
        return (job.x - job.x0) * gradients(job, (torch.arange(200) + 0.5) / 200)[: job.n].mean(0)

    whole = of_steps(COLOURS, so_far, steps=(5, 20, 50, 100, 200))
    verdict = verdict_on(Entry("ps3-study", "study", "so far", lambda: (None, whole), False))
    assert verdict.mistake == "last_batch_only"


def _the_same_total(maps: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As when a total is not set to zero for the next picture."""
    return {name: some.cumsum(0) for name, some in maps.items()}


def _of_all_baselines_so_far(maps: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return dict(zip(maps, torch.stack([*maps.values()]).cumsum(0), strict=True))


def _mean_over_the_batch(maps: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: some / len(some) for name, some in maps.items()}


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (_the_same_total, "maps_pile_up"),
        (_of_all_baselines_so_far, "maps_pile_up"),
        (_mean_over_the_batch, "scores_averaged"),
    ],
)
def test_maps_of_more_than_their_own_picture_are_told_so(change, mistake):
    whole = of_baselines(COLOURS)
    changed = whole | {"attributions": change(whole["attributions"])}
    verdict = verdict_on(Entry("ps2-study", "study", mistake, lambda: (None, changed), False))
    assert verdict.mistake == mistake


@pytest.mark.parametrize("a_gradient", [0.02, 0.1, 0.3])
def test_feedback_on_small_pictures_of_a_slow_network_comes_in_time(monkeypatch, a_gradient):
    """A clock that moves with the gradients alone; with few of them, the rules are not compared to rounding."""
    now, ask = [0.0], Line._ask

    def slowly(path, points):
        now[0] += a_gradient * len(points)
        return ask(path, points)

    monkeypatch.delenv("AUTOGRADER_EVIDENCE", raising=False)
    monkeypatch.setattr(line, "CHUNK", 8 * 64)
    monkeypatch.setattr(Line, "_ask", slowly)
    monkeypatch.setattr(checking, "Deadline", lambda seconds: Deadline(seconds, lambda: now[0]))
    verdict = submit("ps3-study", **of_steps(DIGITS, steps=(5, 20, 50, 100, 200)))
    assert verdict.points == verdict.max_points, verdict.faults()
    assert now[0] <= FEEDBACK_SECONDS + 8 * a_gradient
    assert a_gradient < 0.1 or any("Left out here" in note for note in verdict.notes)
