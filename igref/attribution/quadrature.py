"""Quadrature rules on [0, 1]: nodes and weights.

An integral over [0, 1] becomes a sum, integral f ~ sum_k w_k f(a_k). The weights of every rule sum to 1, so
that a constant is integrated exactly; how much more is exact is the rule's degree of exactness.

Source: P. Davis and P. Rabinowitz, Methods of Numerical Integration, 2nd ed., 1984, sections 2.1 and 2.7.
"""

import torch
from jaxtyping import Float64
from scipy.special import roots_legendre
from torch import Tensor

from igref import arguments

RULES = ("left", "right", "midpoint", "trapezoid", "gauss_legendre")


def nodes_and_weights(rule: str, n_steps: int) -> tuple[Float64[Tensor, " n"], Float64[Tensor, " n"]]:
    """Nodes, ascending in [0, 1], and weights, positive with sum 1, of a rule.

    A node k/n is the same float64 number in every rule and at every count that has it, so nodes can be
    shared.

    Args:
        rule: a name in `RULES`.
        n_steps: at least 1. Counts equal intervals for `left`, `right`, `midpoint` (one node in each) and
            `trapezoid` (their ends, n_steps + 1 nodes); counts nodes for `gauss_legendre`.

    Raises:
        ValueError: an unknown rule, or n_steps < 1.
        TypeError: n_steps is not a whole number.

    Example:
        >>> nodes, weights = nodes_and_weights("trapezoid", 2)
        >>> nodes.tolist(), weights.tolist()
        ([0.0, 0.5, 1.0], [0.25, 0.5, 0.25])
        >>> nodes, weights = nodes_and_weights("gauss_legendre", 2)
        >>> round(float(weights @ nodes**3), 12)  # the integral of a^3 is 1/4
        0.25
    """
    rule = arguments.choice(rule, RULES, "rule")
    n = arguments.count(n_steps, "n_steps")
    if rule == "gauss_legendre":
        nodes, weights = map(torch.from_numpy, roots_legendre(n))  # on [-1, 1], where the weights sum to 2
        return (nodes + 1) / 2, weights / weights.sum()
    if rule == "trapezoid":
        weights = torch.full((n + 1,), 1 / n, dtype=torch.float64)
        weights[[0, -1]] = 1 / (2 * n)
        return torch.arange(n + 1, dtype=torch.float64) / n, weights
    twice = {"left": 0, "midpoint": 1, "right": 2}[rule] + 2 * torch.arange(n, dtype=torch.float64)
    return twice / (2 * n), torch.full((n,), 1 / n, dtype=torch.float64)


def degree_of_exactness(rule: str, n_steps: int) -> int:
    """The highest degree up to which the rule integrates every polynomial exactly.

    0 for `left` and `right`, 1 for `midpoint` and `trapezoid` whatever the count, 2 n_steps - 1 for
    `gauss_legendre`. Arguments and errors as for `nodes_and_weights`.

    Example:
        >>> degree_of_exactness("gauss_legendre", 5)
        9
    """
    rule = arguments.choice(rule, RULES, "rule")
    n = arguments.count(n_steps, "n_steps")
    return {"left": 0, "right": 0, "midpoint": 1, "trapezoid": 1, "gauss_legendre": 2 * n - 1}[rule]
