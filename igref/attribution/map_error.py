"""How far off a map is, told from the gradients that it was summed from.

The map's integrand (x - x') g(a) moves along the path in two ways. Where units of a ReLU network switch it jumps; and it
drifts, as a softmax bends or as many small jumps point the same way. A rule with positive weights replaces the integral by
a staircase of its own, with one step between two nodes, at c.

Jumps. One of J at t instead of at c costs |J| |t - c|, and t is anywhere between the nodes with equal chance. So jumps that
do not know of one another put the map off by

    error^2 = sum over panels of E_i m_i,    m_i = mean of (t - c)^2 = h_i^2 / 12 + (middle - c)^2,

E_i the sum of |J|^2 in panel i, h_i its width. E_i is not |D_i|^2, the squared change over the panel, as the drift is in
that as well: D_i = drift + jumps. But jumps of one panel do not know of those of the next, and the drift over both is
nearly one, in proportion to the widths, so that in the mean

    D_i . D_(i+1) h_i / h_(i+1) = |drift_i|^2    and    E_i = |D_i|^2 - D_i . D_(i+1) h_i / h_(i+1);

likewise for the panel before, and the mean of both is taken. With equal widths this is half the sum of the squares of the
second differences of g: von Neumann's estimate of the noise on a series with a trend.

Drift. To lowest order a rule errs on it as on a parabola: by half its error for a^2, times the change of the slope dg/da
over the path. For the trapezoid rule that is h^2 / 12 (g'(1) - g'(0)), the first term of Euler and Maclaurin; for
Gauss-Legendre it is nothing. It is added, squared.

The first and the last cell of the midpoint and Gauss-Legendre rules reach beyond the outermost nodes; what jumps there is
taken to be as much as beside it. The left and the right rule's errors all point one way, so for them nothing is told. How
well the estimate does on networks is measured: benchmarks/README.md.

Source: J. von Neumann, R. Kent, H. Bellinson, B. Hart, The mean square successive difference, Annals of Mathematical
Statistics 12, 1941; P. Davis and P. Rabinowitz, Methods of Numerical Integration, 1984, section 2.9.
"""

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

TOLD = ("midpoint", "trapezoid", "gauss_legendre")


def is_told(rule: str, n_nodes: int) -> bool:
    """Whether the error of a map by this rule can be told: not of one-sided rules, nor from a single gradient."""
    return rule in TOLD and n_nodes > 1


def mean_square_distance(nodes: Float64[Tensor, " K"], weights: Float64[Tensor, " K"]) -> Float64[Tensor, " K-1"]:
    """For each two neighbouring nodes, the mean of (t - c)^2: how far a jump between them is from the rule's own step.

    Example:
        >>> mean_square_distance(torch.tensor([0.0, 1.0]).double(), torch.tensor([0.5, 0.5]).double()) * 12
        tensor([1.], dtype=torch.float64)
    """
    widths, middles = nodes.diff(), (nodes[1:] + nodes[:-1]) / 2
    mean_square = widths**2 / 12 + (middles - weights.cumsum(0)[:-1]) ** 2
    if len(widths):
        mean_square[0] += nodes[0] ** 3 / 3 / widths[0]
        mean_square[-1] += (1 - nodes[-1]) ** 3 / 3 / widths[-1]
    return mean_square


def drift_weights(nodes: Float64[Tensor, " K"], weights: Float64[Tensor, " K"]) -> Float64[Tensor, " K"]:
    """What the gradients at the nodes have to be weighted with to add up to the rule's error for a gradient that drifts.

    The change of the slope over the path is taken from the outermost two panels, whose slopes are those at their middles.

    Example:
        >>> nodes, trapezoid = torch.tensor([0, 0.5, 1]).double(), torch.tensor([0.25, 0.5, 0.25]).double()
        >>> errors = drift_weights(nodes, trapezoid) @ nodes**2, trapezoid @ nodes**2 - 1 / 3
        >>> [round(float(error), 6) for error in errors]
        [0.041667, 0.041667]
    """
    drift = torch.zeros_like(weights)
    if len(nodes) > 2:
        first, last = nodes[1] - nodes[0], nodes[-1] - nodes[-2]
        drift[:2] += torch.tensor([1.0, -1.0]) / first
        drift[-2:] += torch.tensor([-1.0, 1.0]) / last
        between_middles = nodes[-1] - nodes[0] - (first + last) / 2
        drift *= (weights @ nodes**2 - 1 / 3) / 2 / between_middles
    return drift


def products_with_the_last(
    nodes: Float64[Tensor, " K"], mean_squares: Float64[Tensor, " K-1"]
) -> Float64[Tensor, " K-1"]:
    """What of the product of each panel's change with that of the panel before is to be taken off, as the drift's part."""
    widths, halves = nodes.diff(), torch.full_like(mean_squares, 0.5)
    halves[[0, -1]] = 1  # the outermost panels have one neighbour
    parts = halves * mean_squares
    ratios = widths[1:] / widths[:-1]
    return torch.cat([torch.zeros(1, dtype=torch.float64), parts[1:] * ratios + parts[:-1] / ratios])


class ChangesAlongPaths:
    """The sums of the jumps' squares, for R rows of weights over the same nodes, in one pass along the paths.

    Gradients come in the order of `chunks`: input by input, node by node. Of those that have been seen only the last two
    of each row are kept, 2 R gradients in all.

    Args:
        nodes: ascending.
        weights: one row for each rule, zero at nodes that it does not have.
        inputs: what the gradients are taken for; its shape and device count.
    """

    def __init__(self, nodes: Float64[Tensor, " K"], weights: Float64[Tensor, "R K"], inputs: Tensor) -> None:
        self.place = torch.full(weights.shape, -1)  # of each node among those that the row has
        self.coefficients = []  # for each panel of a row: of its squared change, and of its product with the last
        for place, row in zip(self.place, weights, strict=True):
            own = row.nonzero()[:, 0]
            place[own] = torch.arange(len(own))
            mean_squares = mean_square_distance(nodes[own], row[own])
            self.coefficients.append(torch.stack([mean_squares, products_with_the_last(nodes[own], mean_squares)]))
        self.squares = torch.zeros(len(weights), *inputs.shape, dtype=torch.float64, device=inputs.device)
        self.last: list[tuple[Tensor, Tensor, Tensor] | None] = [None] * len(weights)

    def add(self, i: Int[Tensor, " B"], k: Int[Tensor, " B"], gradients: Float[Tensor, "B F"]) -> None:
        """Take in the flattened gradients of input i at node k; the indices are on the CPU."""
        for row, place in enumerate(self.place):
            own = (place[k] >= 0).nonzero()[:, 0]
            if not len(own):
                continue
            seen = i[own], place[k[own]], gradients if len(own) == len(k) else gradients[own.to(gradients.device)]
            before = self.last[row]
            if before is not None:
                seen = tuple(torch.cat(parts) for parts in zip(before, seen, strict=True))
            self.last[row] = tuple(part[-2:].clone() for part in seen)
            self._add_squares(row, *seen, len(seen[0]) - len(own))

    def _add_squares(self, row: int, inputs: Tensor, places: Tensor, gradients: Tensor, n_before: int) -> None:
        """Of each panel that is new, its squared change and its product with the last, to the sum of its input."""
        changes = gradients.diff(dim=0)
        for back, coefficients in enumerate(self.coefficients[row], start=1):
            ends = torch.arange(len(inputs))[max(n_before, back) :]
            ends = ends[places[ends] >= back]  # so many nodes of the same input came before it
            if not len(ends):
                continue
            first, last = int(inputs[ends[0]]), int(inputs[ends[-1]]) + 1
            shares = torch.zeros(last - first, len(changes) + 1 - back, dtype=changes.dtype)
            shares[inputs[ends] - first, ends - back] = coefficients[places[ends] - 1].to(shares) * (-1) ** (back + 1)
            squares = self.squares[row, first:last]
            products = changes[back - 1 :] * changes[: len(changes) + 1 - back]
            squares += (shares.to(changes.device) @ products).view_as(squares)

    def error_maps(
        self, difference: Float[Tensor, " N *shape"], drift: Float64[Tensor, "R N *shape"]
    ) -> Float[Tensor, "R N *shape"]:
        """The errors feature by feature, in the dtype of the inputs; `drift` has the sums by `drift_weights`."""
        squares = self.squares.clamp(min=0) + drift**2
        return (squares.sqrt() * difference.abs()).to(difference.dtype)


def relative_norm(error: Float[Tensor, " N *shape"], values: Float[Tensor, " N *shape"]) -> Float64[Tensor, " N"]:
    """|error| / |values| of each input, Euclidean norms: 0 where both are zero."""
    sizes = error.double().flatten(1).norm(dim=1), values.double().flatten(1).norm(dim=1)
    return torch.where(sizes[0] == 0, 0.0, sizes[0] / sizes[1])
