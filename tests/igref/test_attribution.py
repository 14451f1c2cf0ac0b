"""Gradient, gradient x input and integrated gradients against theorems, exact oracles and Captum."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from igref.attribution.core import gradient, gradient_times_input, integrated_gradients
from igref.attribution.exact import exact_integrated_gradients, exact_integrated_gradients_of_polynomial
from igref.attribution.quadrature import RULES, degree_of_exactness
from tests.igref.small_networks import frozen, normal, pool_network, relu_network, softmax_network

seeds = st.integers(0, 10_000)
rules = st.sampled_from(RULES)


def cubic(x):
    """Two scores, polynomials of degree 3 in four features."""
    a, b, c, d = x.unbind(1)
    return torch.stack([a * b * c + d**2, a**3 - b * d], dim=1)


def close(ours, expected, tolerance=1e-12):
    torch.testing.assert_close(ours, expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n", (1, 3, 50))
def test_a_linear_model_is_exact_at_any_count(rule, n):
    weights, x, x0 = normal(6, 3), normal(5, 6, seed=1), normal(5, 6, seed=2)
    ig = integrated_gradients(lambda x: x @ weights + 7, x, x0, 2, n_steps=n, rule=rule)
    close(ig.values, (x - x0) * weights[:, 2])
    assert ig.completeness_gap.abs().max() <= 1e-12


@pytest.mark.parametrize(("rule", "n"), [("gauss_legendre", 2), ("gauss_legendre", 3)])
def test_a_polynomial_is_exact_where_the_degree_allows(rule, n):
    assert degree_of_exactness(rule, n) >= 2  # the gradient of a cubic along a line is of degree 2
    x, x0, targets = normal(4, 4), normal(4, 4, seed=1), torch.tensor([0, 1, 1, 0])
    exact = exact_integrated_gradients_of_polynomial(cubic, x, x0, targets, degree=3)
    close(integrated_gradients(cubic, x, x0, targets, n_steps=n, rule=rule).values, exact)


@pytest.mark.parametrize(
    ("rule", "order"), [("left", 1), ("right", 1), ("midpoint", 2), ("trapezoid", 2), ("gauss_legendre", 8)]
)
def test_the_error_falls_as_theory_says(rule, order):
    network, x, x0 = softmax_network(), normal(1, 4), normal(4, seed=1)
    exact = integrated_gradients(network, x, x0, 0, n_steps=200, rule="gauss_legendre").values
    coarse, fine = (
        float((integrated_gradients(network, x, x0, 0, n_steps=n, rule=rule).values - exact).norm())
        for n in ((4, 8) if rule == "gauss_legendre" else (40, 80))
    )
    assert coarse / fine >= 0.9 * 2**order


@given(seeds, rules)
def test_relu_networks_converge_to_the_exact_oracle(seed, rule):
    network, x, x0 = relu_network(seed), normal(2, 4, seed=seed), normal(4, seed=seed + 1)
    exact = exact_integrated_gradients(network, x, x0, 1)
    ig = integrated_gradients(network, x, x0, 1, n_steps=2000, rule=rule)
    # a gradient with jumps of total variation V is integrated to within V / n by each of these rules
    assert (ig.values - exact).abs().max() <= 50 / 2000
    assert ig.completeness_gap.abs().max() <= 200 / 2000


@given(seeds)
def test_smooth_networks_are_complete(seed):
    x, x0 = normal(3, 4, seed=seed), normal(3, 4, seed=seed + 1)
    ig = integrated_gradients(softmax_network(seed), x, x0, 2, n_steps=60, rule="gauss_legendre")
    assert ig.completeness_gap.abs().max() <= 1e-6


@given(seeds, rules, st.floats(-3, 3), st.floats(-3, 3))
def test_linear_in_the_function(seed, rule, a, b):
    f, g, x, x0 = relu_network(seed), softmax_network(seed), normal(2, 4, seed=seed), normal(4, seed=seed + 1)
    of_f, of_g, of_sum = (
        integrated_gradients(forward, x, x0, 0, n_steps=9, rule=rule).values
        for forward in (f, g, lambda x: a * f(x) + b * g(x))
    )
    close(of_sum, a * of_f + b * of_g, 1e-11)


@given(seeds, rules, st.integers(1, 40), st.integers(1, 5))
def test_the_chunk_size_has_no_influence(seed, rule, chunk_size, n_inputs):
    x, x0 = normal(n_inputs, 2, 6, 6, seed=seed), normal(2, 6, 6, seed=seed + 1)
    one = integrated_gradients(pool_network(), x, x0, 1, n_steps=7, rule=rule)
    other = integrated_gradients(pool_network(), x, x0, 1, n_steps=7, rule=rule, chunk_size=chunk_size)
    close(one.values, other.values, 1e-10)
    close(one.completeness_gap, other.completeness_gap, 1e-10)


@given(seeds, rules)
def test_a_batch_is_its_inputs_one_by_one(seed, rule):
    x, x0 = normal(3, 4, seed=seed), normal(3, 4, seed=seed + 1)
    targets = torch.tensor([2, 0, 1])
    together = integrated_gradients(relu_network(), x, x0, targets, n_steps=6, rule=rule)
    for n in range(3):
        alone = integrated_gradients(relu_network(), x[n : n + 1], x0[n], int(targets[n]), n_steps=6, rule=rule)
        close(together.values[n], alone.values[0])
        close(together.scores[n], alone.scores[0])
        close(together.baseline_scores[n], alone.baseline_scores[0])
        close(together.relative_gap[n], alone.relative_gap[0], 1e-10)


@pytest.mark.parametrize("rule", RULES)
def test_the_scores_at_both_ends_are_those_of_the_model(rule):
    network, x, x0, targets = softmax_network(), normal(3, 4), normal(3, 4, seed=1), torch.tensor([2, 0, 1])
    ig = integrated_gradients(network, x, x0, targets, n_steps=4, rule=rule)
    close(ig.scores, network(x)[range(3), targets])
    close(ig.baseline_scores, network(x0)[range(3), targets])
    close(ig.completeness_gap, ig.values.sum(1) - (ig.scores - ig.baseline_scores))
    close(ig.relative_gap, ig.completeness_gap.abs() / (ig.scores - ig.baseline_scores).abs())


@pytest.mark.parametrize("rule", RULES)
def test_one_gradient_for_each_node(rule, counting):
    forward = counting(softmax_network())
    ig = integrated_gradients(forward, normal(3, 4), normal(4, seed=1), 0, n_steps=10, rule=rule)
    assert ig.n_gradients == forward.points == 3 * (11 if rule == "trapezoid" else 10)


def test_a_baseline_for_all_inputs_may_have_any_of_three_shapes():
    x, x0 = normal(3, 4), normal(4, seed=1)
    every = [integrated_gradients(relu_network(), x, b, 0).values for b in (x0, x0[None], x0.expand(3, 4).clone())]
    assert torch.equal(every[0], every[1]) and torch.equal(every[0], every[2])


def test_nothing_to_attribute_where_input_and_baseline_are_equal():
    ig = integrated_gradients(relu_network(), normal(2, 4), normal(2, 4), 0)
    assert not ig.values.any() and ig.completeness_gap.abs().max() <= 1e-15


def test_a_rise_that_cancels_has_an_infinite_relative_gap():
    x = torch.tensor([[1.0]], dtype=torch.float64)
    ig = integrated_gradients(lambda x: x**2, x, -x, 0, n_steps=4, rule="left")
    assert ig.relative_gap.isinf().all()


@given(seeds)
def test_gradient_is_the_derivative(seed):
    network, x = softmax_network(seed), normal(2, 4, seed=seed)
    analytic = gradient(network, x, torch.tensor([0, 2]))
    step = 1e-6 * torch.eye(4, dtype=torch.float64)
    for n, target in enumerate((0, 2)):
        central = (network(x[n] + step) - network(x[n] - step))[:, target] / 2e-6
        close(analytic[n], central, 1e-8)


def test_gradient_times_input_is_ig_from_zero_on_a_linear_model():
    weights, x = normal(4, 3), normal(5, 4, seed=1)
    forward = lambda x: x @ weights  # noqa: E731
    close(gradient_times_input(forward, x, 1), integrated_gradients(forward, x, torch.zeros_like(x), 1).values)


@pytest.mark.parametrize("mode", (torch.no_grad, torch.inference_mode))
def test_works_where_gradients_are_switched_off(mode):
    x, x0 = normal(2, 2, 6, 6), normal(2, 6, 6, seed=1)
    expected = integrated_gradients(pool_network(), x, x0, 1)
    network = pool_network()
    with mode():
        ig = integrated_gradients(network, x.clone(), x0.clone(), 1)
        slope = gradient(network, x.clone(), 1)
    close(ig.values, expected.values)
    close(slope, gradient(pool_network(), x, 1))


def test_inputs_and_parameters_are_left_alone():
    network, x, x0 = pool_network().requires_grad_(True), normal(2, 2, 6, 6), normal(2, 6, 6, seed=1)
    before = x.clone(), x0.clone()
    ig = integrated_gradients(network, x.requires_grad_(), x0, 1)
    assert torch.equal(x, before[0]) and torch.equal(x0, before[1])
    assert x.grad is None and all(p.grad is None for p in network.parameters())
    assert not ig.values.requires_grad


@pytest.mark.parametrize("shape", ((5,), (7, 3), (2, 6, 6), (2, 3, 4, 5), (1, 2, 3, 4, 5)))
@pytest.mark.parametrize("dtype", (torch.float32, torch.float64))
def test_inputs_of_any_shape_and_both_precisions(shape, dtype):
    size = torch.Size(shape).numel()
    network = frozen(nn.Flatten(), nn.Linear(size, 4), nn.ReLU(), nn.Linear(4, 3)).to(dtype)
    x, x0 = normal(2, *shape).to(dtype), normal(*shape, seed=1).to(dtype)
    ig = integrated_gradients(network, x, x0, torch.tensor([0, 2]), n_steps=500)
    assert ig.values.shape == x.shape and ig.values.dtype == dtype and ig.values.is_contiguous()
    exact = exact_integrated_gradients(network.double(), x, x0, torch.tensor([0, 2]))
    close(ig.values.double(), exact, 0.02)


def test_float32_loses_no_more_than_float32():
    x, x0 = normal(2, 4), normal(4, seed=1)
    double = integrated_gradients(softmax_network(), x, x0, 0, n_steps=1000).values
    single = integrated_gradients(softmax_network().float(), x.float(), x0.float(), 0, n_steps=1000).values
    close(single.double(), double, 1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda():
    x, x0 = normal(3, 2, 6, 6), normal(2, 6, 6, seed=1)
    expected = integrated_gradients(pool_network(), x, x0, torch.tensor([0, 1, 2]))
    network = pool_network().cuda()
    ig = integrated_gradients(network, x.cuda(), x0.cuda(), torch.tensor([0, 1, 2]))
    assert ig.values.is_cuda
    close(ig.values.cpu(), expected.values, 1e-10)


def test_progress_is_reported_up_to_the_end():
    reports = []
    integrated_gradients(
        relu_network(), normal(2, 4), normal(4), 0, n_steps=10, chunk_size=6,
        progress=lambda *report: reports.append(report),
    )  # fmt: skip
    assert reports == [(5, 20), (10, 20), (15, 20), (20, 20)]


def test_the_bar_stays_off_standard_error(capfd):
    integrated_gradients(relu_network(), normal(2, 4), normal(4), 0, progress=True)
    assert capfd.readouterr().err == ""


def test_gauss_legendre_agrees_with_captum():
    captum_attr = pytest.importorskip("captum.attr")
    network, x, x0 = softmax_network(), normal(3, 4), normal(3, 4, seed=1)
    theirs = captum_attr.IntegratedGradients(network).attribute(x, x0, target=1, n_steps=50, method="gausslegendre")
    ours = integrated_gradients(network, x, x0, 1, n_steps=50, rule="gauss_legendre").values
    close(ours, theirs.double(), 1e-6)


def test_why_captum_s_trapezoid_is_not_a_golden():
    """Its weights sum to (n - 1) / n: off by 1 / n even on a linear model, where every rule is exact."""
    captum_attr = pytest.importorskip("captum.attr")
    weights, x, n = normal(4, 1), normal(1, 4, seed=1), 20
    theirs = captum_attr.IntegratedGradients(lambda x: x @ weights).attribute(
        x, torch.zeros_like(x), target=0, n_steps=n, method="riemann_trapezoid"
    )
    close(theirs.double(), x * weights[:, 0] * (n - 1) / n, 1e-6)
    ours = integrated_gradients(lambda x: x @ weights, x, torch.zeros_like(x), 0, n_steps=n, rule="trapezoid")
    close(ours.values, x * weights[:, 0])
