"""The verdict on a measure of quality: one fault costs what it breaks, whatever the seed, and looks alone are not paid."""

from functools import reduce

import numpy as np
import pytest
import torch

from autograder.judge.probes.measures import (
    HELD,
    NEW_RANKINGS,
    SHARED,
    new_rankings,
    quality_probes,
    what_is_asked,
    what_is_ranked,
)
from autograder.judge.tolerances import LEAST_RANKED
from autograder.problem_sets.ps4.studies import measure_fault
from autograder.student.evidence import Evidence
from autograder.student.record import RANKED
from autograder.task import MEASURE
from corpus.entries import Entry, function
from corpus.ps4.measures import RIGHT_MEASURES, WRONG_MEASURES
from tests.calibration.judged import verdict_on
from tests.calibration.unseen_work import KIT, read

SHOWN = RIGHT_MEASURES["keep against delete"]


def lost(source, seed=0):
    verdict = verdict_on(
        Entry("ps4-measure", "measure", "a measure", function(source, "attribution_quality"), True), seed
    )
    return {one.name for one in verdict.findings if not one.holds}, verdict


def changed(result):
    """A right measure whose result is changed: `q` is its number."""
    head, _, body = SHOWN.rpartition("return float(kept - deleted)")
    return f"{head}q = float(kept - deleted)\n    {result}{body}"


@pytest.mark.parametrize(("probes", "asked"), [(quality_probes, what_is_asked), (new_rankings, what_is_ranked)])
def test_what_the_questions_are_about_is_known_without_a_network(probes, asked):
    assert [(p.picture, p.of) for p in probes(5)] == [(p.picture, p.of) for p in asked(5)]
    assert [p.of for p in asked(5)] != [p.of for p in asked(6)]


def test_numbers_by_chance_are_no_measure_of_a_study_in_99_draws_of_100():
    """The place of one number among those of a picture is as likely as any other; the places of all pictures are added up."""
    places = np.full(len(NEW_RANKINGS) + 1, 1 / (len(NEW_RANKINGS) + 1))
    above = reduce(np.convolve, [places] * HELD)
    assert above[LEAST_RANKED:].sum() <= 0.01 < above[LEAST_RANKED - 1 :].sum()


def test_the_least_sure_right_measure_is_one_of_a_study():
    hand_in = read(KIT / "corpus/ps4/unseen/17-class-and-constants.txt")
    measure, _ = function(hand_in.cells["ps4-measure-answer"], "attribution_quality")()
    numbers = [measure(*(getattr(probe, name) for name in MEASURE)) for probe in new_rankings(1)]
    assert not measure_fault(Evidence(None, {RANKED: np.array(numbers)}), 1).seen


def test_the_seed_draws_the_order_of_the_questions_and_nothing_else():
    first, second = quality_probes(1), quality_probes(2)
    assert [p.name for p in first] != [p.name for p in second]
    by_name = {p.name: p for p in second}
    assert len(by_name) == len(first)
    for probe in first:
        other = by_name[probe.name]
        assert torch.equal(probe.x, other.x) and torch.equal(probe.attribution, other.attribution)
        assert (probe.target, probe.network) == (other.target, other.network)


def test_in_a_picture_of_two_digits_each_network_sees_its_own_alone():
    probes = [p for p in quality_probes(0) if p.of == "own"]
    assert len(probes) == 2 * SHARED and len({p.picture for p in quality_probes(0) if p.of == "true"}) == HELD
    for probe in probes:
        own = probe.attribution != 0
        scores = probe.network(
            torch.stack([probe.x, torch.where(own.any(0), probe.x, 0.0), torch.where(own, 0.0, probe.x)])
        )
        of_target = scores[:, probe.target]
        assert of_target[0] > 0.8 and torch.allclose(of_target[0], of_target[1]) and of_target[2] < 0.5


@pytest.mark.parametrize("name", [name for name in WRONG_MEASURES if name.startswith("never asks")])
def test_what_rates_maps_by_their_looks_loses_the_controls_whatever_it_calls(name):
    source, mistakes = WRONG_MEASURES[name]
    properties, verdict = lost(source)
    assert properties == {"random", "reversed"} and verdict.mistakes == mistakes
    assert f"for {SHARED} of {2 * SHARED}, below for {SHARED}" in verdict.findings[-1].seen


@pytest.mark.parametrize(
    ("result", "properties"),
    [
        ("return q", set()),
        ("return 1e-5 * q", set()),
        ("return 1000 + 1e6 * q", set()),
        ("return [q, q]", {"form", "deterministic", "scale", "constants", "random", "reversed"}),
        ("return q + 1e-2 * torch.rand(()).item()", {"deterministic"}),
        ("return q * attribution.abs().max().item()", {"scale"}),
        ("return q * (attribution.std() / attribution.std()).item()", {"constants"}),
        ("return -q", {"random", "reversed"}),
    ],
)
def test_a_fault_costs_what_it_breaks_on_every_seed(result, properties):
    for seed in (0, 1):
        assert lost(changed(result), seed)[0] == properties


@pytest.mark.parametrize(
    ("result", "mistakes"),
    [
        ("return -q", ("measure_reversed",)),
        ("return q + 10 * torch.rand(()).item()", ("measure_not_deterministic",)),
        ("return -q + 1e-2 * torch.rand(()).item()", ("measure_not_deterministic", "measure_reversed")),
    ],
)
def test_what_follows_from_one_fault_is_told_with_it(result, mistakes):
    assert lost(changed(result))[1].mistakes == mistakes
