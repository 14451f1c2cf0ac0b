"""The adaptive mode keeps its promise: within the tolerance, or it says that it is not."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from igref.attribution import adaptive
from igref.attribution.adaptive import STOPS, adaptive_integrated_gradients
from igref.attribution.core import gradient, integrated_gradients
from igref.attribution.exact import exact_integrated_gradients
from tests.igref.small_networks import normal, pool_network, relu_network, softmax_network, wide_relu_network

seeds = st.integers(0, 10_000)


@given(seeds, st.sampled_from((0.2, 0.05, 0.01, 0.001)), st.sampled_from(STOPS))
def test_converged_means_within_the_tolerance(seed, tolerance, stop):
    x, x0, targets = 2 * normal(3, 4, seed=seed), normal(3, 4, seed=seed + 1), torch.tensor([0, 2, 1])
    ig = adaptive_integrated_gradients(relu_network(seed), x, x0, targets, tolerance=tolerance, stop=stop)
    for n, panels in enumerate(ig.panels):
        allowed = tolerance * abs(float(ig.scores[n] - ig.baseline_scores[n]))
        small = float(panels.residuals.abs().sum()) <= allowed
        if stop != "map":
            assert bool(ig.converged[n]) == small or (ig.converged[n] and stop == "gap")
        if ig.converged[n] and stop == "map":
            assert float(ig.map_error[n]) <= tolerance * (1 + 1e-9)
        if ig.converged[n]:
            assert float(ig.relative_gap[n]) <= tolerance * (1 + 1e-9)


def wiggly(x):
    """A rise with a fast wave on it, whose residuals are large and cancel."""
    return x + 0.3 * torch.sin(90 * x)


@pytest.mark.parametrize("tolerance", [0.1, 0.05, 0.01])
def test_stopping_by_the_gap_is_within_the_tolerance_and_cheaper(tolerance):
    x, x0 = torch.ones(1, 1).double(), torch.zeros(1, 1).double()
    by_gap, by_residuals = (
        adaptive_integrated_gradients(wiggly, x, x0, 0, tolerance=tolerance, stop=stop) for stop in ("gap", "residuals")
    )
    assert by_gap.converged.all() and float(by_gap.relative_gap) <= tolerance
    assert by_gap.n_gradients < by_residuals.n_gradients


def test_a_gap_that_is_small_once_is_cut_on():
    def even(x):  # two bumps whose residuals cancel until cuts tell them apart
        return x + torch.exp(-(((x - 0.3) * 60) ** 2)) - torch.exp(-(((x - 0.81) * 25) ** 2))

    x, x0 = torch.ones(1, 1).double(), torch.zeros(1, 1).double()
    rounds = [adaptive_integrated_gradients(even, x, x0, 0, max_gradients=n, stop="residuals") for n in range(9, 34, 4)]
    within = [float(ig.relative_gap) <= 0.05 for ig in rounds]
    once = within.index(True)
    by_gap = adaptive_integrated_gradients(even, x, x0, 0)
    assert by_gap.converged.all() and by_gap.n_gradients >= rounds[once].n_gradients + 8


def test_a_gap_that_does_not_stay_small_is_said_not_to_be():
    jump = lambda x: (x > 0.37).to(x) + 0 * x  # noqa: E731
    x, x0 = torch.ones(1, 1).double(), torch.zeros(1, 1).double()
    ig = adaptive_integrated_gradients(jump, x, x0, 0, max_gradients=100)
    assert not ig.converged.any() and float(ig.relative_gap) > 0.05


@given(seeds)
def test_the_residuals_telescope_to_the_gap(seed):
    x, x0 = normal(2, 2, 6, 6, seed=seed), normal(2, 6, 6, seed=seed + 1)
    ig = adaptive_integrated_gradients(pool_network(), x, x0, 1, tolerance=0.01)
    for panels, gap in zip(ig.panels, ig.completeness_gap, strict=True):
        assert panels.positions[0] == 0 and panels.positions[-1] == 1
        assert (panels.positions.diff() > 0).all()
        assert float(panels.residuals.sum()) == pytest.approx(float(gap), abs=1e-12)


def test_the_panels_hold_what_the_model_says():
    network, x, x0 = softmax_network(), normal(1, 4), normal(1, 4, seed=1)
    (panels,) = adaptive_integrated_gradients(network, x, x0, 2).panels
    points = (x0 + panels.positions[:, None] * (x - x0)).requires_grad_()
    scores = network(points)[:, 2]
    (slopes,) = torch.autograd.grad(scores.sum(), points)
    torch.testing.assert_close(panels.scores, scores.detach())
    torch.testing.assert_close(panels.slopes, (slopes * (x - x0)).sum(1))


def test_with_no_cuts_it_is_the_trapezoid():
    network, x, x0 = softmax_network(), normal(2, 4), normal(4, seed=1)
    ig = adaptive_integrated_gradients(network, x, x0, 2, tolerance=1.0)
    trapezoid = integrated_gradients(network, x, x0, 2, n_steps=8, rule="trapezoid")
    torch.testing.assert_close(ig.values, trapezoid.values, atol=1e-14, rtol=0)
    torch.testing.assert_close(ig.completeness_gap, trapezoid.completeness_gap, atol=1e-14, rtol=0)
    assert ig.n_gradients == 18 and ig.gradients_per_input.tolist() == [9, 9]


@settings(max_examples=5)
@given(seeds)
def test_it_converges_to_the_exact_map(seed):
    network, x, x0 = relu_network(seed), normal(1, 4, seed=seed), normal(4, seed=seed + 1)
    exact = exact_integrated_gradients(network, x, x0, 0)
    ig = adaptive_integrated_gradients(network, x, x0, 0, tolerance=0.0, max_gradients=800)
    assert (ig.values - exact).abs().max() <= 0.04


def test_panels_go_where_the_function_bends():
    """All of the rise is near a = 0.9."""
    x = torch.ones(1, 1).double()
    ig = adaptive_integrated_gradients(lambda x: torch.sigmoid(200 * (x - 0.9)), x, torch.zeros(1, 1).double(), 0)
    positions = ig.panels[0].positions
    near = (positions - 0.9).abs() < 0.1
    assert ig.converged.all() and near.sum() > len(positions) / 2
    uniform = integrated_gradients(
        lambda x: torch.sigmoid(200 * (x - 0.9)), x, torch.zeros(1, 1).double(), 0, n_steps=ig.n_gradients
    )
    assert ig.relative_gap < uniform.relative_gap


@pytest.mark.parametrize("most", (2, 3, 9, 10, 30))
def test_it_stops_at_max_gradients_and_says_so(most, counting):
    forward = counting(lambda x: torch.sigmoid(2000 * (x - 0.55)))
    x = torch.ones(2, 1).double()
    ig = adaptive_integrated_gradients(forward, x, torch.zeros(1).double(), 0, tolerance=1e-6, max_gradients=most)
    assert not ig.converged.any()
    assert ig.gradients_per_input.tolist() == [most, most]
    assert ig.n_gradients == forward.points == 2 * most


def test_a_jump_cannot_be_integrated_and_is_given_up():
    jump = lambda x: (x > 1 / 3).double() + 0 * x  # noqa: E731
    ig = adaptive_integrated_gradients(jump, torch.ones(1, 1).double(), torch.zeros(1).double(), 0)
    assert not ig.converged.any() and float(ig.relative_gap) == pytest.approx(1)
    assert ig.n_gradients < 500  # halving ends where neighbouring numbers meet, long before max_gradients


def test_no_rise_and_no_path_is_converged():
    ig = adaptive_integrated_gradients(softmax_network(), normal(2, 4), normal(2, 4), 0)
    assert ig.converged.all() and not ig.values.any()


@given(seeds, st.integers(1, 20))
def test_neither_the_chunk_size_nor_the_batch_has_an_influence(seed, chunk_size):
    x, x0 = normal(3, 4, seed=seed), normal(3, 4, seed=seed + 1)
    one = adaptive_integrated_gradients(relu_network(), x, x0, 1)
    other = adaptive_integrated_gradients(relu_network(), x[1:2], x0[1], 1, chunk_size=chunk_size)
    torch.testing.assert_close(one.values[1], other.values[0], atol=1e-10, rtol=0)


def test_float32_and_progress():
    reports = []
    ig = adaptive_integrated_gradients(
        softmax_network().float(), normal(2, 4).float(), normal(4, seed=1).float(), 0,
        progress=lambda *report: reports.append(report),
    )  # fmt: skip
    assert ig.values.dtype == torch.float32 and ig.converged.all()
    assert reports == [(1, 2), (2, 2)]


def other_end_beside(positions, k):
    """The panel that panel k was cut from, or is paired with at the start, has this end besides."""
    width = float(positions[k + 1] - positions[k])
    first_of_two = round(float(positions[k]) / width) % 2 == 0
    return float(positions[k + 1]) + width if first_of_two else float(positions[k]) - width


@given(seeds)
def test_the_error_map_is_the_panels_sum_by_the_definition(seed):
    x, x0 = normal(2, 2, 6, 6, seed=seed), normal(2, 6, 6, seed=seed + 1)
    ig = adaptive_integrated_gradients(pool_network(), x, x0, 1, tolerance=0.02)
    for n, panels in enumerate(ig.panels):
        beyond = torch.tensor([other_end_beside(panels.positions, k) for k in range(len(panels.positions) - 1)])
        left, right, far = (
            gradient(pool_network(), x0 + ends.double().view(-1, 1, 1, 1) * (x[n] - x0), 1).flatten(1)
            * (x[n] - x0).flatten()
            for ends in (panels.positions[:-1], panels.positions[1:], beyond)
        )
        first_of_two = (beyond > panels.positions[1:])[:, None]
        here, beside = right - left, torch.where(first_of_two, far - right, left - far)
        of_each = torch.stack([here, beside]).square().sum(2)
        share = torch.where(of_each[0] == 0, 0, of_each[0] / of_each.sum(0))[:, None]
        bend = torch.where(first_of_two, beside - here, here - beside)
        h = panels.positions.diff()[:, None]
        jumps, drift = (share * h**2 * bend**2 / 12), (share * h * bend / 6).sum(0)
        at_an_end = (panels.positions[:-1] == 0) | (panels.positions[1:] == 1)
        squares = jumps.sum(1) * (1 + 2 * at_an_end * (2 * share[:, 0] - 1).clamp(min=0))
        jumps *= squares.sum() / jumps.sum()
        shrunk = max(0, 1 - float(jumps.sum() / 3 / drift.square().sum())) * drift**2
        expected = (jumps.sum(0) + shrunk).sqrt()
        torch.testing.assert_close(ig.error_map[n].flatten(), expected, atol=1e-9, rtol=1e-6)
        torch.testing.assert_close(panels.errors.norm(), expected.norm(), atol=1e-9, rtol=1e-6)
        torch.testing.assert_close(panels.errors.square() / panels.errors.square().sum(), squares / squares.sum())
        torch.testing.assert_close(ig.map_error[n], expected.norm() / ig.values[n].norm(), atol=1e-9, rtol=1e-6)


@pytest.mark.parametrize("tolerance", [0.05, 0.02, 0.01])
def test_what_is_stated_where_it_stops_is_the_error_of_a_large_relu_network(tolerance):
    network, x, x0 = wide_relu_network(), normal(20, 400, seed=1), normal(400, seed=2)
    fine = integrated_gradients(network, x, x0, 1, n_steps=2000).values
    ig = adaptive_integrated_gradients(network, x, x0, 1, tolerance=tolerance)
    ratio = (ig.values - fine).norm(dim=1) / fine.norm(dim=1) / ig.map_error
    assert ig.converged.all()
    assert ((ratio > 0.8) & (ratio < 1.25)).double().mean() >= 0.8 and 0.9 < float(ratio.median()) < 1.1
    assert ((ig.values - fine).abs() <= 2 * ig.error_map).double().mean() >= 0.88


def test_of_a_gradient_that_only_drifts_the_drift_is_stated():
    """h |D| / sqrt(12), as if it jumped, would be several times too much."""
    x, x0 = torch.ones(1, 3).double(), torch.zeros(1, 3).double()
    for n_gradients in (9, 17, 33):
        ig = adaptive_integrated_gradients(lambda x: x**3, x, x0, 1, tolerance=0.0, max_gradients=n_gradients)
        assert 0.7 < float((ig.values[0, 1] - 1).abs() / ig.map_error) <= 1.25


def test_one_jump_is_found_and_the_panels_beside_it_are_let_be():
    kink = lambda x: torch.relu(x - 0.3)  # noqa: E731
    ig = adaptive_integrated_gradients(kink, torch.ones(1, 1).double(), torch.zeros(1, 1).double(), 0, tolerance=1e-4)
    assert ig.converged.all() and ig.n_gradients < 9 + 4 * 12
    assert float((ig.values - 0.7).abs()) <= 2 * float(ig.error_map)


def test_cuts_by_the_map_need_fewer_gradients_than_the_trapezoid_for_the_same_map():
    network, x, x0 = relu_network(3), 8 * normal(4, 4, seed=3), normal(4, seed=4)
    exact = exact_integrated_gradients(network, x, x0, 1)
    ig = adaptive_integrated_gradients(network, x, x0, 1, tolerance=0.01)
    uniform = integrated_gradients(network, x, x0, 1, n_steps=ig.n_gradients // 4, rule="trapezoid")
    assert ig.converged.all()
    assert (ig.values - exact).norm() < 0.5 * (uniform.values - exact).norm()


def test_a_gap_that_the_map_does_not_show_is_looked_for():
    """A third of F's rise is between two of the first ends; the gradients there are as if it were not."""
    bump = lambda x: x + 0.5 * torch.sigmoid(2000 * (x - 0.55))  # noqa: E731
    x, x0 = torch.ones(1, 1).double(), torch.zeros(1, 1).double()
    ig = adaptive_integrated_gradients(bump, x, x0, 0)
    assert ig.converged.all() and float(ig.relative_gap) <= 0.05 and ig.n_gradients > 9


def test_few_gradients_are_kept_and_the_map_is_the_same(monkeypatch):
    x, x0 = 8 * normal(2, 4, seed=5), normal(4, seed=6)
    monkeypatch.setattr(adaptive, "MOST_A_ROUND", 4)
    every = adaptive_integrated_gradients(relu_network(), x, x0, 1, tolerance=0.002)
    kept = []

    class Watched(adaptive._Line):
        def take_in(self):
            taken = super().take_in()
            kept.append(len(self.kept))
            return taken

    for name, value in (("KEPT_GRADIENTS", 12), ("_Line", Watched)):
        monkeypatch.setattr(adaptive, name, value)
    few = adaptive_integrated_gradients(relu_network(), x, x0, 1, tolerance=0.002)
    positions = [len(panels.positions) for panels in few.panels]
    assert max(kept) <= 12 + 4 * adaptive.CUTS_A_ROUND < min(positions)
    assert positions == [len(panels.positions) for panels in every.panels] == every.gradients_per_input.tolist()
    assert few.n_gradients > every.n_gradients  # what was let go is taken again, and counted
    torch.testing.assert_close(few.values, every.values, atol=1e-12, rtol=0)
    torch.testing.assert_close(few.error_map, every.error_map, atol=1e-9, rtol=0)


def test_inputs_share_chunks():
    sizes = []

    def forward(x):
        if x.requires_grad:
            sizes.append(len(x))
        return relu_network()(x)

    x, x0 = 4 * normal(30, 4), normal(4, seed=1)
    ig = adaptive_integrated_gradients(forward, x, x0, 1, chunk_size=40)
    assert max(sizes) <= 40 and ig.n_gradients / len(sizes) > 25
