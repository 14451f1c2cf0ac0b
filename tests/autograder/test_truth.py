"""The truth of the probes against computations that share nothing with it."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from autograder.judge import truth
from autograder.judge.line import Line, distance
from autograder.judge.probes.functions import Probe, input_gradient_probes, integrated_gradients_probes
from autograder.judge.tolerances import ROUNDING
from autograder.judge.truth import Question
from autograder.student import networks

SEEDS = (11, 12)


def questions(seed: int) -> dict[str, Question]:
    return {probe.name: Question(probe) for probe in integrated_gradients_probes(seed)}


def slope_along(question: Question, alpha: float) -> np.ndarray:
    """The gradient on the path by autograd, with a plain forward pass."""
    point = (question.line.baseline + alpha * (question.line.image - question.line.baseline))[None].requires_grad_()
    score = question.probe.network(point)[0, question.probe.target]
    return torch.autograd.grad(score, point)[0][0].numpy()


@pytest.mark.parametrize("seed", SEEDS)
class TestExactAttributions:
    def test_of_affine_functions_are_slope_times_difference(self, seed):
        for name in ("affine function", "affine function of an image"):
            q = questions(seed)[name]
            layer = q.probe.network.layers[-1]
            weights = layer.weight[q.probe.target].reshape(q.line.image.shape).numpy()
            np.testing.assert_allclose(q.exact, weights * (q.line.image - q.line.baseline).numpy(), rtol=1e-12)

    def test_of_polynomials_are_each_terms_own_rise(self, seed):
        """F is a sum of functions of one coordinate, so that IG_i = f_i(x_i) - f_i(x'_i)."""
        for name, q in questions(seed).items():
            if name.startswith("polynomial"):
                ends = []
                for at in (q.line.image, q.line.baseline):
                    alone = torch.diag(at - q.line.baseline) + q.line.baseline
                    ends.append(q.probe.network(alone)[:, q.probe.target])
                rise = (ends[0] - ends[1]).numpy()
                np.testing.assert_allclose(q.exact, rise, rtol=1e-10, atol=1e-12, err_msg=name)

    def test_of_products_are_shares_of_each_triple(self, seed):
        """On the path from zero, s (x + o) y z has the gradient s (a^2 y z, (a x + o) a z, (a x + o) a y)."""
        q = questions(seed)["product of neighbours"]
        x, n = q.line.image.numpy(), q.line.image.numel()
        at = lambda point: q.probe.network(torch.tensor(point)[None])[0, q.probe.target].item()  # noqa: E731
        expected = np.zeros(n)
        for i in range(n - 2):
            unit = np.zeros(n)
            unit[i + 1 : i + 3] = 1
            # Only the triple at i has both of its last factors; those before it lack one.
            with_offset = at(unit)
            unit[i] = 1
            neighbour = np.zeros(n)
            neighbour[i : i + 2] = 1
            scale = at(unit) - with_offset - at(neighbour)
            offset = with_offset / scale
            product = scale * x[i + 1] * x[i + 2]
            expected[i] += product * x[i] / 3
            expected[i + 1 : i + 3] += product * (x[i] / 3 + offset / 2)
        np.testing.assert_allclose(q.exact, expected, rtol=1e-9)

    def test_of_smooth_networks_are_the_integral_over_alpha(self, seed):
        for name, q in questions(seed).items():
            if name.startswith("softmax") and q.line.image.ndim == 1:
                for i in (0, 4, 8):
                    integral, _ = quad(
                        lambda a, i=i, q=q: slope_along(q, a)[i], 0, 1, epsabs=1e-11, epsrel=1e-10, limit=200
                    )
                    assert q.exact[i] == pytest.approx(q.line.difference[i] * integral, rel=1e-9, abs=1e-11), name

    def test_of_piecewise_linear_networks_are_sums_of_many_points(self, seed):
        points = 100_000
        for name in ("ReLU network", "convolutional network on an image", "saturated ReLU"):
            q = questions(seed)[name]
            total = torch.zeros_like(q.line.image)
            for alphas in ((torch.arange(points, dtype=torch.float64) + 0.5) / points).split(10_000):
                path = q.line.baseline + alphas.view(-1, *[1] * q.line.image.ndim) * (q.line.image - q.line.baseline)
                score = q.probe.network(path.requires_grad_())[:, q.probe.target].sum()
                total += torch.autograd.grad(score, path)[0].sum(dim=0)
            assert distance(q.line.difference * total.numpy() / points, q.exact) < 2e-5, name

    def test_add_up_to_the_rise_of_the_score(self, seed):
        for name, q in questions(seed).items():
            scores = q.probe.network(torch.stack([q.line.image, q.line.baseline]))[:, q.probe.target]
            assert q.exact.sum() == pytest.approx(float(scores[0] - scores[1]), abs=1e-10), name


@pytest.mark.parametrize("seed", SEEDS)
def test_doubling_the_nodes_changes_nothing_on_smooth_networks(seed):
    for name, q in questions(seed).items():
        if q.probe.network.layers is None:
            assert distance(q.line.rule("gauss_legendre", 2 * truth.SMOOTH_NODES), q.exact) < 1e-12, name


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gradient_is_the_slope_at_x(seed):
    for probe in input_gradient_probes(seed):
        q = Question(probe)
        flat, h = q.line.image.flatten(), 1e-6
        shifts = h * torch.eye(flat.numel(), dtype=torch.float64)
        up, down = (
            q.probe.network((flat + s * shifts).reshape(-1, *q.line.image.shape))[:, q.probe.target] for s in (1, -1)
        )
        assert distance(q.gradient, ((up - down) / (2 * h)).reshape(q.line.image.shape).numpy()) < 1e-7, probe.name


class TestAllowedErrors:
    def test_are_what_the_largest_cell_of_a_rule_allows(self):
        """One feature: F = max(0, x - c), whose gradient jumps by one, so that its variation is one."""
        weights = np.ones((1, 4))
        network = networks.relu_network(np.ones((1, 1)), np.array([-0.5]), weights)
        x = torch.ones(1)
        q = Question(Probe("a kink", "networks", network, x, torch.zeros(1), 0, 11))
        assert q.exact == pytest.approx([0.5])
        assert q.allowed_error == pytest.approx(1.6 / 10 * 1 / 0.5 + ROUNDING)

    def test_are_rounding_on_affine_functions(self):
        assert questions(11)["affine function"].allowed_error == pytest.approx(ROUNDING, rel=1e-6)

    def test_a_single_step_has_rules_as_well(self):
        probe = integrated_gradients_probes(11)[2]
        one = Probe(**{**probe.__dict__, "n_steps": 1})
        assert 0 < Question(one).allowed_error < 10

    def test_shrink_with_the_steps(self):
        few, many = (q for q in questions(11).values() if q.probe.asks_about == "steps")
        assert many.allowed_error < few.allowed_error / 4


class TestDistance:
    def test_is_relative_to_the_reference(self):
        assert distance(np.array([3.0, 5.0]), np.array([3.0, 4.0])) == pytest.approx(1 / 5)
        assert distance(np.array([3.0, 4.0]), np.array([3.0, 4.0])) == 0

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e308])
    def test_is_infinite_where_a_value_is_not_finite_or_its_square(self, value):
        assert distance(np.array([value, 1e308]), np.array([1.0, 1.0])) == float("inf")

    def test_of_something_from_nothing_is_large(self):
        assert distance(np.ones(2), np.zeros(2)) > 1e20 and distance(np.zeros(2), np.zeros(2)) == 0


def test_a_line_ends_at_the_image_itself_where_the_sum_rounds():
    asked = []
    image, baseline = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0)) / 3, torch.ones(3, 8, 8)
    line = Line(lambda x: asked.append(x) or x.flatten(1), image, baseline, 0)
    line.gradients(np.array([0.5, 1.0]))
    assert torch.equal(asked[0][1], image) and not torch.equal(baseline + (image - baseline), image)
