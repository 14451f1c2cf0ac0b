"""Right maps that the list of textbook rules does not hold: rules that few write, and nodes that nobody states.

Rules of high degree err more than the common ones where steps are few and F has kinks, so their maps are known by their weights. Of
nodes that are drawn at random, one in each of n equal cells, nothing is known but the cells: a map is one of theirs when it is a
mean of gradients, one from each cell.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.polynomial.legendre import Legendre
from scipy.optimize import nnls

from autograder.judge.line import SMALL_PICTURE, Line, Pair, Weighted, distance
from autograder.judge.tolerances import EXACT_MAP, IN_CELLS

BOOLE = np.array([14, 64, 24, 64, 14]) / 45
THREE_EIGHTHS = np.array([3, 9, 9, 3]) / 8
NODES, FEWEST_PARTS = 200, 2
"""Nodes at which gradients are taken to tell what a cell holds: so many on the path, and at least so many parts of each cell."""
OF_THE_SUMS = 3.0
"""The weight of "each cell counts once" beside the map, both of size one, in the least squares."""


def is_of_rare_rule(pair: Pair, values: np.ndarray) -> bool:
    """Whether this is the map of Boole's rule, of three eighths, Romberg's or Lobatto's, at the stated steps."""
    n, line = pair.stated_steps, pair.line
    if n > pair.exact_steps:
        return False
    small = line.image.numel() <= SMALL_PICTURE
    found = [rule(n) for name, rule in RULES.items() if small or name not in NODES_OF_THEIR_OWN]
    return any(distance(values, line.weighted(*rule)) <= EXACT_MAP for rule in found if rule)


def is_one_node_a_cell(pair: Pair, values: np.ndarray) -> bool:
    """Whether this is (x - x') times the mean of gradients, one from each of n equal cells of the path.

    For small pictures: the cells' gradients are many.
    """
    n = pair.stated_steps
    if n > pair.exact_steps or pair.line.image.numel() > SMALL_PICTURE or not values.any():
        return False
    return _beside_cells(pair.line, values, n) <= IN_CELLS


def _beside_cells(line: Line, values: np.ndarray, n: int) -> float:
    """Relative distance of a map from the nearest mean of n gradients, one from each cell's convex hull."""
    parts = max(FEWEST_PARTS, -(-NODES // n))
    nodes = np.arange(parts * n + 1) / (parts * n)
    size = float(np.linalg.norm(values))
    of_nodes = (line.gradients(nodes).double().numpy() * line.difference).reshape(len(nodes), -1) / (n * size)
    ends_shared = np.concatenate([np.arange(parts + 1) + parts * k for k in range(n)])
    sums = OF_THE_SUMS * np.kron(np.eye(n), np.ones(parts + 1))
    wanted = np.concatenate([values.ravel() / size, np.full(n, OF_THE_SUMS)])
    try:
        _, rest = nnls(np.vstack([of_nodes[ends_shared].T, sums]), wanted)
    except (RuntimeError, ValueError):  # no solution in its number of steps, or a gradient that is not finite
        return np.inf
    return float(rest)


def _composite(block: np.ndarray) -> Callable[[int], Weighted | None]:
    """Newton and Cotes' closed rule, block by block, where they fill the path."""
    degree = len(block) - 1

    def rule(n: int) -> Weighted | None:
        if n % degree:
            return None
        weights = np.zeros(n + 1)
        for start in range(0, n, degree):
            weights[start : start + degree + 1] += block / n
        return np.linspace(0, 1, n + 1), weights

    return rule


def _romberg(n: int) -> Weighted | None:
    """Richardson's extrapolation of the trapezoids with 1, 2, 4, ... n intervals; for powers of two."""
    if n & (n - 1):
        return None
    rows = []
    for step in (n >> k for k in range(n.bit_length())):
        weights = np.zeros(n + 1)
        weights[::step] = step / n
        weights[[0, -1]] /= 2
        rows.append(weights)
    for order in range(1, len(rows)):
        rows = [(4**order * fine - coarse) / (4**order - 1) for coarse, fine in pairwise(rows)]
    return np.linspace(0, 1, n + 1), rows[0]


def _lobatto(n: int) -> Weighted | None:
    """The rule of highest degree among those with n nodes that hold both ends."""
    if n < 2:
        return None
    polynomial = Legendre.basis(n - 1)
    nodes = np.concatenate([[-1.0], np.sort(polynomial.deriv().roots().real), [1.0]])
    return (nodes + 1) / 2, 1 / (n * (n - 1) * polynomial(nodes) ** 2)


NODES_OF_THEIR_OWN = ("lobatto", "lobatto + 1")
"""Maps of photos are not held against these rules: they need gradients of their own."""
RULES: dict[str, Callable[[int], Weighted | None]] = {
    "boole": _composite(BOOLE),
    "three eighths": _composite(THREE_EIGHTHS),
    "romberg": _romberg,
    "lobatto": _lobatto,
    "lobatto + 1": lambda n: _lobatto(n + 1),
}
"""From a number of steps to nodes and weights that add up to one; None where the rule has none at this number."""
