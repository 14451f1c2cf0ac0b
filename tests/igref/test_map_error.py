"""What a map says of its own error: the formula, in one pass, and how far it is from the truth."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from igref.attribution.adaptive import adaptive_integrated_gradients
from igref.attribution.core import gradient, integrated_gradients
from igref.attribution.map_error import TOLD, mean_square_distance
from igref.attribution.quadrature import RULES, nodes_and_weights
from igref.steps.sweep import step_sweep
from tests.igref.small_networks import frozen, normal, pool_network, softmax_network, wide_relu_network

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


@given(seeds, told, st.integers(3, 12), st.integers(1, 30))
def test_one_pass_in_chunks_gives_the_sum_over_neighbours(seed, rule, n, chunk_size):
    x, x0 = normal(3, 2, 6, 6, seed=seed), normal(2, 6, 6, seed=seed + 1)
    ig = integrated_gradients(pool_network(), x, x0, 1, n_steps=n, rule=rule, chunk_size=chunk_size)
    nodes, weights = nodes_and_weights(rule, n)
    h, distances = nodes.diff(), mean_square_distance(nodes, weights)
    for row in range(3):
        integrands = gradient(pool_network(), x0 + nodes.view(-1, 1, 1, 1) * (x[row] - x0), 1) * (x[row] - x0)
        D, squares = integrands.diff(dim=0), torch.zeros(2, 6, 6).double()
        for k in range(len(D)):
            besides = [j for j in (k - 1, k + 1) if 0 <= j < len(D)]
            rates = [(D[k] / h[k] - D[j] / h[j]) ** 2 / (1 / h[k] + 1 / h[j]) for j in besides]
            squares += distances[k] * h[k] * torch.stack(rates).mean(0)
        middles = (nodes[1:] + nodes[:-1]) / 2
        bend = (D[-1] / h[-1] - D[0] / h[0]) / (middles[-1] - middles[0])
        drift = bend / 2 * (weights @ nodes**2 - 1 / 3)
        expected = (squares + drift**2).sqrt()
        torch.testing.assert_close(ig.error_map[row], expected, atol=1e-9, rtol=1e-6)
        torch.testing.assert_close(ig.map_error[row], expected.norm() / ig.values[row].norm(), atol=1e-9, rtol=1e-6)


@given(seeds, told, st.integers(3, 40), st.floats(-50, 50))
def test_a_drift_on_top_is_not_taken_for_jumps(seed, rule, n, drift):
    """Of a parabola all is told as drift, with its sign squared away; of a straight gradient nothing is wrong."""
    parabola, straight = lambda x: x**3, lambda x: drift * x**2
    x, x0 = torch.ones(1, 1).double(), torch.zeros(1, 1).double()
    assert float(integrated_gradients(straight, x, x0, 0, n_steps=n, rule=rule).error_map) <= 1e-6 * (1 + abs(drift))
    ig = integrated_gradients(parabola, x, x0, 0, n_steps=n, rule=rule)
    off, slope = abs(float(ig.values) - 1), 6
    assert off <= float(ig.error_map) * (1 + 1e-9) + 1e-12
    assert float(ig.error_map) <= off + slope * n**-2.4  # second differences die out faster than the rule's own error


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


@pytest.mark.parametrize(
    ("rule", "n"), [("left", 50), ("right", 50), ("trapezoid", 1), ("midpoint", 2), ("gauss_legendre", 2)]
)
def test_what_cannot_be_told_is_not(rule, n):
    ig = integrated_gradients(softmax_network(), normal(2, 4), normal(4), 0, n_steps=n, rule=rule)
    assert ig.error_map is None and ig.map_error is None


@pytest.mark.parametrize("rule", TOLD)
@pytest.mark.parametrize("n", (32, 64))
def test_where_many_units_switch_the_error_is_what_is_told(rule, n):
    x, x0 = normal(20, 400, seed=1), normal(400, seed=2)
    network = wide_relu_network()
    fine = integrated_gradients(network, x, x0, 1, n_steps=2000).values
    ig = integrated_gradients(network, x, x0, 1, n_steps=n, rule=rule)
    ratio = (ig.values - fine).flatten(1).norm(dim=1) / fine.flatten(1).norm(dim=1) / ig.map_error
    assert ((ratio > 0.8) & (ratio < 1.25)).double().mean() >= 0.9
    within = ((ig.values - fine).abs() <= 2 * ig.error_map).double().mean()
    assert within >= 0.9


SMOOTH = {
    "softmax of a linear map": (torch.nn.Softmax(1),),
    "tanh and softmax": (torch.nn.Tanh(), torch.nn.Linear(16, 16), torch.nn.Softmax(1)),
    "GELU": (torch.nn.GELU(), torch.nn.Linear(16, 16), torch.nn.GELU(), torch.nn.Linear(16, 3)),
    "sigmoid": (torch.nn.Sigmoid(), torch.nn.Linear(16, 3)),
}


@pytest.mark.parametrize("kind", SMOOTH)
@pytest.mark.parametrize("rule", TOLD)
def test_of_a_smooth_network_it_is_an_upper_bound(kind, rule):
    network = frozen(torch.nn.Linear(16, 16), *SMOOTH[kind])
    x, x0 = normal(20, 16, seed=1), normal(16, seed=2)
    fine = integrated_gradients(network, x, x0, 1, n_steps=200, rule="gauss_legendre").values
    ig = integrated_gradients(network, x, x0, 1, n_steps=32, rule=rule)
    ratio = (ig.values - fine).norm(dim=1) / fine.norm(dim=1) / ig.map_error
    assert (ratio <= 1.25).all()


def test_what_happens_between_two_nodes_shows_in_the_gap():
    """From zero on a layer normalisation brings its input to full length within the first hundredth of the path."""
    torch.manual_seed(0)
    network = frozen(torch.nn.LayerNorm(16), torch.nn.Linear(16, 3))
    x, x0 = normal(5, 16, seed=1), torch.zeros(16, dtype=torch.float64)
    fine = adaptive_integrated_gradients(network, x, x0, 1, tolerance=1e-4).values
    ig = integrated_gradients(network, x, x0, 1, n_steps=64)
    assert (ig.relative_gap > 0.5).all()
    off = (ig.values - fine).norm(dim=1) / fine.norm(dim=1)
    assert (off / ig.map_error).max() > 2
    adapted = adaptive_integrated_gradients(network, x, x0, 1)
    off = (adapted.values - fine).norm(dim=1) / fine.norm(dim=1)
    assert adapted.converged.all() and (off <= 1.25 * adapted.map_error).all() and (off <= 0.05).all()


def test_a_constant_baseline_is_a_kink_of_max_pooling():
    """All pixels of a window are equal there, so the gradient at that end is not the one beside it: docs/igref.md."""
    torch.manual_seed(0)
    layers = (
        torch.nn.Conv2d(1, 8, 3),
        torch.nn.SiLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(392, 3),
    )
    network = torch.nn.Sequential(*layers).double().eval().requires_grad_(False)
    x, x0 = normal(5, 1, 16, 16, seed=1).abs(), torch.zeros(1, 16, 16, dtype=torch.float64)
    fine = integrated_gradients(network, x, x0, 1, n_steps=1000).values

    def ratio(ig):
        return (ig.values - fine).flatten(1).norm(dim=1) / fine.flatten(1).norm(dim=1) / ig.map_error

    of_rule = {rule: ratio(integrated_gradients(network, x, x0, 1, n_steps=32, rule=rule)) for rule in TOLD}
    assert (of_rule["midpoint"] <= 1.25).all() and (of_rule["gauss_legendre"] <= 1.25).all()
    assert (of_rule["trapezoid"] > 1.25).all() and (of_rule["trapezoid"] < 2).all()
    for ends in ((x, x0), (x0.expand_as(x), x)):
        fine = integrated_gradients(network, *ends, 1, n_steps=1000).values
        adapted = ratio(adaptive_integrated_gradients(network, *ends, 1, tolerance=0.0, max_gradients=33))
        assert ((adapted > 0.8) & (adapted < 1.25)).all()


def test_nothing_out_of_nothing_has_no_error():
    ig = integrated_gradients(softmax_network(), normal(2, 4), normal(2, 4), 0)
    assert not ig.map_error.any()
