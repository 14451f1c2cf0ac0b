"""Quadrature rules against the integrals of polynomials and NumPy's Gauss-Legendre."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from igref.attribution.quadrature import RULES, degree_of_exactness, nodes_and_weights

COUNTS = (1, 2, 3, 7, 20, 50, 200, 1000)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n", COUNTS)
def test_weights_are_positive_and_sum_to_one(rule, n):
    nodes, weights = nodes_and_weights(rule, n)
    assert abs(float(weights.sum()) - 1) <= 1e-12
    assert (weights > 0).all()
    assert len(nodes) == len(weights) == n + (rule == "trapezoid")
    assert nodes.min() >= 0 and nodes.max() <= 1 and (nodes.diff() > 0).all()
    assert nodes.dtype == weights.dtype == torch.float64


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n", (1, 2, 3, 7, 20))
def test_polynomials_up_to_the_degree_are_exact(rule, n):
    nodes, weights = nodes_and_weights(rule, n)
    for power in range(degree_of_exactness(rule, n) + 1):
        assert float(weights @ nodes**power) == pytest.approx(1 / (power + 1), abs=1e-14)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n", (1, 2, 3, 4))
def test_the_next_degree_is_not_exact(rule, n):
    nodes, weights = nodes_and_weights(rule, n)
    power = degree_of_exactness(rule, n) + 1
    assert abs(float(weights @ nodes**power) - 1 / (power + 1)) > 1e-7


@pytest.mark.parametrize("n", COUNTS[:-1])
def test_gauss_legendre_agrees_with_numpy(n):
    nodes, weights = np.polynomial.legendre.leggauss(n)
    ours = nodes_and_weights("gauss_legendre", n)
    np.testing.assert_allclose(ours[0], (nodes + 1) / 2, atol=1e-14)
    np.testing.assert_allclose(ours[1], weights / 2, atol=1e-14)


@given(st.integers(1, 60), st.integers(2, 10))
def test_finer_rules_contain_the_nodes_of_coarser_ones_to_the_bit(n, factor):
    coarse, _ = nodes_and_weights("trapezoid", n)
    fine, _ = nodes_and_weights("trapezoid", n * factor)
    assert torch.isin(coarse, fine).all()


def test_left_and_right_are_mirror_images():
    left, _ = nodes_and_weights("left", 7)
    right, _ = nodes_and_weights("right", 7)
    torch.testing.assert_close(left, 1 - right.flip(0), atol=1e-15, rtol=0)
    assert left[0] == 0 and right[-1] == 1


@pytest.mark.usefixtures("unchecked_signatures")
@pytest.mark.parametrize("function", (nodes_and_weights, degree_of_exactness))
@pytest.mark.parametrize(
    ("rule", "n", "error", "message"),
    [
        ("simpson", 5, ValueError, "rule: expected one of left, right, midpoint"),
        ("trapezoidal", 5, ValueError, "Did you mean 'trapezoid'"),
        (None, 5, ValueError, "rule: expected one of"),
        ("left", 0, ValueError, "n_steps: expected a whole number of at least 1, got 0"),
        ("left", 2.5, TypeError, "n_steps: expected a whole number of at least 1, got 2.5"),
        ("left", True, TypeError, "n_steps: expected a whole number"),
        ("left", "5", TypeError, "n_steps: expected a whole number"),
    ],
)
def test_bad_input(function, rule, n, error, message):
    with pytest.raises(error, match=message):
        function(rule, n)
