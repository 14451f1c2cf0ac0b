"""What a map says of its own error: the formula, in one pass, and how far it is from the truth."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from igref.attribution.core import gradient, integrated_gradients
from igref.attribution.map_error import TOLD, mean_square_distance
from igref.attribution.quadrature import RULES, nodes_and_weights
from igref.steps.sweep import step_sweep
from tests.igref.small_networks import frozen, normal, pool_network, softmax_network

seeds = st.integers(0, 10_000)
told = st.sampled_from(TOLD)


@given(told, st.integers(2, 40))
def test_a_jump_anywhere_is_as_far_off_as_the_formula_says(rule, n):
    """The rule integrates a step at t to the weight of the nodes beyond t; the truth is 1 - t."""
    nodes, weights = nodes_and_weights(rule, n)
    t = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    estimate = torch.cat([weights.flip(0).cumsum(0).flip(0), torch.zeros(1).double()])[torch.searchsorted(nodes, t)]
    panel = torch.searchsorted(nodes, t) - 1  # -1 and n are beyond the outermost nodes
    inside = mean_square_distance(nodes, weights)
    for k in range(1, len(inside) - 1):
        found = ((estimate - (1 - t))[panel == k] ** 2).mean()
        assert float(found) == pytest.approx(float(inside[k]), rel=0.02)


@given(seeds, told, st.integers(2, 12), st.integers(1, 30))
def test_one_pass_in_chunks_gives_the_sum_over_neighbours(seed, rule, n, chunk_size):
    x, x0 = normal(3, 2, 6, 6, seed=seed), normal(2, 6, 6, seed=seed + 1)
    ig = integrated_gradients(pool_network(), x, x0, 1, n_steps=n, rule=rule, chunk_size=chunk_size)
    nodes, weights = nodes_and_weights(rule, n)
    for row in range(3):
        integrands = gradient(pool_network(), x0 + nodes.view(-1, 1, 1, 1) * (x[row] - x0), 1) * (x[row] - x0)
        squares = mean_square_distance(nodes, weights).view(-1, 1, 1, 1) * integrands.diff(dim=0) ** 2
        torch.testing.assert_close(ig.error_map[row], squares.sum(0).sqrt(), atol=1e-12, rtol=1e-9)
        torch.testing.assert_close(ig.map_error[row], squares.sum().sqrt() / ig.values[row].norm())


@given(seeds, st.integers(1, 50))
def test_a_sweep_tells_what_each_count_alone_tells(seed, chunk_size):
    x, x0 = normal(2, 2, 6, 6, seed=seed), normal(2, 6, 6, seed=seed + 1)
    sweep = step_sweep(pool_network(), x, x0, 1, steps=(1, 2, 6, 7), rule=RULES, chunk_size=chunk_size)
    for s, (rule, n) in enumerate(zip(sweep.rules, sweep.steps, strict=True)):
        alone = integrated_gradients(pool_network(), x, x0, 1, n_steps=n, rule=rule)
        one = sweep.attribution(n, rule)
        if alone.map_error is None:
            assert one.map_error is None and sweep.expected_map_error[s].isnan().all()
        else:
            torch.testing.assert_close(one.error_map, alone.error_map, atol=1e-9, rtol=1e-6)
            torch.testing.assert_close(sweep.expected_map_error[s], alone.map_error, atol=1e-9, rtol=1e-6)


@pytest.mark.parametrize(("rule", "n"), [("left", 50), ("right", 50), ("midpoint", 1), ("gauss_legendre", 1)])
def test_what_cannot_be_told_is_not(rule, n):
    ig = integrated_gradients(softmax_network(), normal(2, 4), normal(4), 0, n_steps=n, rule=rule)
    assert ig.error_map is None and ig.map_error is None


def wide_relu_network(seed):
    """400 features, 400 hidden units: hundreds of jumps along a path, none of which matters much."""
    return frozen(torch.nn.Linear(400, 400), torch.nn.ReLU(), torch.nn.Linear(400, 3), seed=seed)


@pytest.mark.parametrize("rule", TOLD)
@pytest.mark.parametrize("n", (32, 64))
def test_where_many_units_switch_the_error_is_what_is_told(rule, n):
    x, x0 = normal(20, 400, seed=1), normal(400, seed=2)
    network = wide_relu_network(0)
    fine = integrated_gradients(network, x, x0, 1, n_steps=2000).values
    ig = integrated_gradients(network, x, x0, 1, n_steps=n, rule=rule)
    ratio = (ig.values - fine).flatten(1).norm(dim=1) / fine.flatten(1).norm(dim=1) / ig.map_error
    assert ((ratio > 0.8) & (ratio < 1.25)).double().mean() >= 0.9
    within = ((ig.values - fine).abs() <= 2 * ig.error_map).double().mean()
    assert within >= 0.9


@pytest.mark.parametrize("rule", TOLD)
def test_of_a_smooth_network_it_is_an_upper_bound(rule):
    x, x0 = normal(20, 4, seed=1), normal(4, seed=2)
    fine = integrated_gradients(softmax_network(), x, x0, 1, n_steps=200, rule="gauss_legendre").values
    ig = integrated_gradients(softmax_network(), x, x0, 1, n_steps=32, rule=rule)
    assert ((ig.values - fine).norm(dim=1) / fine.norm(dim=1) <= ig.map_error).all()


def test_nothing_out_of_nothing_has_no_error():
    ig = integrated_gradients(softmax_network(), normal(2, 4), normal(2, 4), 0)
    assert not ig.map_error.any()
