"""How far off a map is, told from the gradients that it was summed from.

The map's integrand (x - x') g(a) moves along the path in two ways. Where units of a ReLU network switch it jumps; and it
drifts, as a softmax bends or as many small jumps point the same way. A rule with positive weights replaces the integral by
a staircase of its own, with one step between two nodes, at c.

Jumps. One of J at t instead of at c costs |J| |t - c|, and t is anywhere between the nodes with equal chance. So jumps that
do not know of one another put the map off by

    error^2 = sum over panels of E_i m_i,    m_i = mean of (t - c)^2 = h_i^2 / 12 + (middle - c)^2,

E_i the sum of |J|^2 in panel i, h_i its width. E_i is not |D_i|^2, the squared change over the panel, as the drift is in
that as well. But over two panels the slope of the drift is nearly one, and jumps of one do not know of those of the next:
with r for what jumps add to the sum of |J|^2 a length of the path,

    |D_i / h_i - D_j / h_j|^2 ~ r (1 / h_i + 1 / h_j)    for neighbours i and j,    E_i = r h_i,

r of a panel being the mean of what it has with each of its neighbours. With equal widths E_i is half the square of the
second difference of g: von Neumann's estimate of the noise on a series with a trend.

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

from igref.attribution.chunking import points_of, rows_of

TOLD = ("midpoint", "trapezoid", "gauss_legendre")


def is_told(rule: str, n_nodes: int) -> bool:
    """Whether the error of a map by this rule can be told: not of one-sided rules, nor from fewer than three gradients."""
    return rule in TOLD and n_nodes > 2


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
    first, last = nodes[1] - nodes[0], nodes[-1] - nodes[-2]
    drift = torch.zeros_like(weights)
    drift[:2] += torch.tensor([1.0, -1.0]) / first
    drift[-2:] += torch.tensor([-1.0, 1.0]) / last
    between_middles = nodes[-1] - nodes[0] - (first + last) / 2
    return drift * (weights @ nodes**2 - 1 / 3) / 2 / between_middles


def bend_coefficients(widths: Float64[Tensor, " P"], mean_squares: Float64[Tensor, " P"]) -> Float64[Tensor, " P-1"]:
    """For each two neighbouring panels, how much |D_i / h_i - D_j / h_j|^2 counts in the squared error by jumps.

    Example:
        >>> h = torch.full((4,), 0.25, dtype=torch.float64)
        >>> counted = bend_coefficients(h, h**2 / 12).sum() * (1 / h[0] + 1 / h[1])
        >>> round(float(counted), 6) == round(float((h**2 / 12 * h).sum()), 6)  # a rate of 1 everywhere
        True
    """
    of_rate = mean_squares * widths
    of_rate[1:-1] /= 2  # the outermost panels have one neighbour, the others two
    return (of_rate[1:] + of_rate[:-1]) / (1 / widths[1:] + 1 / widths[:-1])


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
        self.widths, self.coefficients = [], []
        for place, row in zip(self.place, weights, strict=True):
            own = row.nonzero()[:, 0]
            place[own] = torch.arange(len(own))
            self.widths.append(nodes[own].diff())
            self.coefficients.append(bend_coefficients(self.widths[-1], mean_square_distance(nodes[own], row[own])))
        self.squares = torch.zeros(len(weights), *rows_of(inputs).shape, dtype=torch.float64, device=inputs.device)
        self.last: list[tuple[Tensor, Tensor, Tensor] | None] = [None] * len(weights)

    def add(self, i: Int[Tensor, " B"], k: Int[Tensor, " B"], gradients: Float[Tensor, "B F"]) -> None:
        """Take in the gradients of input i at node k as `rows_of` gives them; the indices are on the CPU."""
        for row, place in enumerate(self.place):
            own = (place[k] >= 0).nonzero()[:, 0]
            if not len(own):
                continue
            inputs, places = i[own], place[k[own]]
            seen = gradients if len(own) == len(k) else gradients[own.to(gradients.device, non_blocking=True)]
            before = self.last[row]
            if before is not None:
                inputs, places = torch.cat([before[0], inputs]), torch.cat([before[1], places])
                seen = torch.cat([before[2], seen])
            self.last[row] = inputs[-2:].clone(), places[-2:].clone(), seen[-2:].clone()
            if len(inputs) > 2:
                self._add_bends(row, inputs, places, seen)

    def _add_bends(self, row: int, inputs: Tensor, places: Tensor, gradients: Tensor) -> None:
        """The squared bend at each node that has a neighbour on either side, to the sum of its input."""
        first, last = int(inputs[0]), int(inputs[-1]) + 1
        at, panels = places[1:-1], places[:-1].clamp(max=len(self.widths[row]) - 1)
        between = (at > 0) & (at <= len(self.coefficients[row])) & (inputs[:-2] == inputs[2:])
        slopes = gradients.diff(dim=0).div_(self.widths[row][panels].to(gradients, non_blocking=True)[:, None])
        shares = torch.zeros(last - first, len(at), dtype=gradients.dtype)
        coefficients = self.coefficients[row][(at - 1).clamp(0, len(self.coefficients[row]) - 1)]
        shares[inputs[1:-1] - first, torch.arange(len(at))] = (coefficients * between).to(shares)
        squares = self.squares[row, first:last]
        squares += shares.to(slopes.device, non_blocking=True) @ slopes.diff(dim=0).square_()

    def error_maps(
        self, difference: Float[Tensor, " N *shape"], drift: Float64[Tensor, "R N *shape"]
    ) -> Float[Tensor, "R N *shape"]:
        """The errors feature by feature, in the dtype of the inputs; `drift` has the sums by `drift_weights`."""
        squares = points_of(self.squares, difference.shape[1:])
        return ((squares + drift**2).sqrt() * difference.abs()).to(difference.dtype)


def relative_norm(error: Float[Tensor, " N *shape"], values: Float[Tensor, " N *shape"]) -> Float64[Tensor, " N"]:
    """|error| / |values| of each input, Euclidean norms: 0 where both are zero."""
    sizes = error.double().flatten(1).norm(dim=1), values.double().flatten(1).norm(dim=1)
    return torch.where(sizes[0] == 0, 0.0, sizes[0] / sizes[1])
