"""Other paths, several baselines and expected gradients, against their definitions."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from igref.attribution.core import integrated_gradients
from igref.attribution.paths import (
    average_over_baselines,
    expected_gradients,
    feature_by_feature,
    path_integrated_gradients,
    straight_line,
)
from igref.attribution.quadrature import RULES
from tests.igref.small_networks import normal, pool_network, relu_network, softmax_network

seeds = st.integers(0, 10_000)
TARGETS = torch.tensor([0, 2, 1])


def close(ours, expected, tolerance=1e-12):
    torch.testing.assert_close(ours, expected, atol=tolerance, rtol=0)


@given(seeds, st.sampled_from(RULES), st.integers(1, 12))
def test_along_the_straight_line_it_is_integrated_gradients(seed, rule, n):
    x, x0 = normal(3, 2, 6, 6, seed=seed), normal(3, 2, 6, 6, seed=seed + 1)
    path = path_integrated_gradients(pool_network(), straight_line(x, x0), TARGETS, n_steps=n, rule=rule, chunk_size=2)
    ig = integrated_gradients(pool_network(), x, x0, TARGETS, n_steps=n, rule=rule)
    close(path.values, ig.values, 1e-10)
    close(path.completeness_gap, ig.completeness_gap, 1e-10)
    assert path.n_gradients == ig.n_gradients


@settings(max_examples=5)
@given(seeds)
def test_every_smooth_path_is_complete(seed):
    x, x0, detour = normal(3, 4, seed=seed), normal(3, 4, seed=seed + 1), normal(3, 4, seed=seed + 2)

    def curve(a):
        return x0 + a**2 * (x - x0) + torch.sin(torch.pi * a) * detour

    ig = path_integrated_gradients(softmax_network(), curve, TARGETS, n_steps=60, rule="gauss_legendre")
    assert ig.completeness_gap.abs().max() <= 1e-6
    straight = integrated_gradients(softmax_network(), x, x0, TARGETS, n_steps=60, rule="gauss_legendre")
    assert (ig.values - straight.values).abs().max() > 1e-4  # complete, and yet another attribution


def test_two_paths_by_hand():
    """For x y the parabola (a, a^2) gives integral a^2 da = 1/3 to x; first x then y gives all to y."""
    product = lambda x: x.prod(1, keepdim=True)  # noqa: E731
    x, x0 = torch.ones(1, 2).double(), torch.zeros(1, 2).double()
    parabola = path_integrated_gradients(
        product, lambda a: torch.stack([a, a**2])[None], 0, n_steps=3, rule="gauss_legendre"
    )
    assert parabola.values[0].tolist() == pytest.approx([1 / 3, 2 / 3])
    corner = path_integrated_gradients(product, feature_by_feature(x, x0), 0, n_steps=10)
    assert corner.values[0].tolist() == pytest.approx([0, 1])


def test_a_path_that_rests_at_the_only_node_is_taken():
    """A rule may ask where dpath/da is zero: its sum is zero then, as the rule says, and the gap is all of the rise."""
    x, x0 = normal(3, 4), normal(3, 4, seed=1)
    ig = path_integrated_gradients(softmax_network(), lambda a: x0 + a**2 * (x - x0), TARGETS, n_steps=1, rule="left")
    assert not ig.values.any() and ig.completeness_gap.abs().min() > 0
    assert not path_integrated_gradients(softmax_network(), lambda a: x, TARGETS).values.any()  # nothing to follow
    with pytest.raises(ValueError, match="follow from a"):
        path_integrated_gradients(softmax_network(), lambda a: x0 + a.round() * (x - x0), TARGETS)


@settings(max_examples=4)
@given(seeds)
def test_feature_by_feature_is_the_rise_at_each_turn(seed):
    """Along an edge only one feature moves, so its attribution is what F rises there: exact for any F."""
    network, x, x0 = softmax_network(), normal(1, 4, seed=seed), normal(1, 4, seed=seed + 1)
    ig = path_integrated_gradients(network, feature_by_feature(x, x0), 0, n_steps=400)
    corners = torch.stack([torch.where(torch.arange(4) < k, x[0], x0[0]) for k in range(5)])
    close(ig.values[0], network(corners)[:, 0].diff(), 4e-4)


def test_the_mean_over_baselines_is_the_mean_of_the_runs():
    x, baselines = normal(3, 4), normal(5, 3, 4, seed=1)
    mean = average_over_baselines(relu_network(), x, baselines, TARGETS, n_steps=7)
    each = [integrated_gradients(relu_network(), x, b, TARGETS, n_steps=7) for b in baselines]
    close(mean.values, torch.stack([ig.values for ig in each]).mean(0))
    close(mean.completeness_gap, torch.stack([ig.completeness_gap for ig in each]).mean(0))
    close(mean.baseline_scores, torch.stack([ig.baseline_scores for ig in each]).mean(0))
    assert mean.n_gradients == 5 * 3 * 7


def test_one_baseline_for_all_inputs_may_be_averaged_too():
    x, baselines = normal(3, 4), normal(5, 4, seed=1)
    spread = baselines[:, None].expand(5, 3, 4)
    one, other = (average_over_baselines(relu_network(), x, b, 0).values for b in (baselines, spread))
    assert torch.equal(one, other)


def test_expected_gradients_are_exact_on_a_linear_model_in_the_mean_of_the_drawn_references():
    """With one reference nothing is left to chance on a linear model."""
    weights, x, reference = normal(4, 3), normal(2, 4, seed=1), normal(1, 4, seed=2)
    eg = expected_gradients(lambda x: x @ weights, x, reference, 1, n_samples=3)
    close(eg.values, (x - reference) * weights[:, 1])
    assert eg.completeness_gap.abs().max() <= 1e-12


def test_expected_gradients_converge_to_the_mean_of_integrated_gradients():
    x, references, n = normal(2, 4), normal(6, 4, seed=1), 40_000
    eg = expected_gradients(softmax_network(), x, references, 0, n_samples=n)
    mean = average_over_baselines(softmax_network(), x, references, 0, n_steps=40, rule="gauss_legendre")
    close(eg.values, mean.values, 5 / n**0.5)  # five standard errors, for summands of a standard deviation below 1
    close(eg.baseline_scores, mean.baseline_scores)


def test_expected_gradients_follow_their_seed_and_nothing_else():
    x, references = normal(2, 4), normal(6, 4, seed=1)
    run = lambda **options: expected_gradients(relu_network(), x, references, 0, **options).values  # noqa: E731
    first = run(seed=3)
    torch.manual_seed(99)
    close(run(seed=3, chunk_size=7), first, 1e-12)
    assert not torch.equal(run(seed=4), first)
    assert torch.initial_seed() == 99


@pytest.mark.parametrize("mode", (torch.no_grad, torch.inference_mode))
def test_works_where_gradients_are_switched_off(mode):
    network, x, x0 = softmax_network(), normal(3, 4), normal(3, 4, seed=1)

    def run():
        y, y0 = x.clone(), x0.clone()
        yield path_integrated_gradients(network, straight_line(y, y0), TARGETS)
        yield path_integrated_gradients(network, feature_by_feature(y, y0), TARGETS)
        yield average_over_baselines(network, y, y0[None], TARGETS)
        yield expected_gradients(network, y, y0, TARGETS)

    expected = list(run())
    with mode():
        for ours, usual in zip(run(), expected, strict=True):
            close(ours.values, usual.values)
            close(ours.completeness_gap, usual.completeness_gap)


def test_progress():
    for function, arguments, last in (
        (path_integrated_gradients, (straight_line(normal(2, 4), normal(4)), 0), (50, 50)),
        (average_over_baselines, (normal(2, 4), normal(3, 4), 0), (3, 3)),
        (expected_gradients, (normal(2, 4), normal(3, 4), 0), (400, 400)),
    ):
        reports = []
        function(relu_network(), *arguments, progress=lambda *report, to=reports: to.append(report))
        assert reports[-1] == last
