"""How far off a map is, told from the gradients that it was summed from.

Along the path the gradient of a network of ReLUs is a staircase: it jumps where a unit switches. Between two nodes the
change of the map's integrand, D = (x - x') (g(b) - g(a)), is known, but not where in between it took place. A rule with
positive weights replaces the integral by a staircase of its own, with one step between two nodes, at c. A jump at t
instead of at c costs |D| |t - c|; with t anywhere between the nodes with equal chance, and the panels independent of one
another,

    error^2 ~ sum over panels of D^2 mean (t - c)^2,    mean (t - c)^2 = h^2 / 12 + (m - c)^2,

m the middle of the panel and h its width. For the trapezoid rule c = m. The first and the last cell of the midpoint and
Gauss-Legendre rules reach beyond the outermost nodes; what jumps there is taken to be as much as beside it. The left and
the right rule's errors all point one way, so for them nothing is told.

For a smooth gradient, whose changes are no jumps, the sum is an upper bound once the panels are narrow. How well the
estimate does on networks is measured: benchmarks/README.md.
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


class ChangesAlongPaths:
    """The sums of squared changes, for R rows of weights over the same nodes, in one pass along the paths.

    Gradients come in the order of `chunks`: input by input, node by node. Of those that have been seen only the last of
    each row is kept, R gradients in all.

    Args:
        nodes: ascending.
        weights: one row for each rule, zero at nodes that it does not have.
        inputs: what the gradients are taken for; its shape and device count.
    """

    def __init__(self, nodes: Float64[Tensor, " K"], weights: Float64[Tensor, "R K"], inputs: Tensor) -> None:
        self.members = [row.nonzero()[:, 0] for row in weights]  # the nodes that each row has
        self.place = torch.full(weights.shape, -1)  # of each node among them
        for place, own in zip(self.place, self.members, strict=True):
            place[own] = torch.arange(len(own))
        own_rules = zip(self.members, weights, strict=True)
        self.mean_squares = [mean_square_distance(nodes[own], row[own]) for own, row in own_rules]
        self.squares = torch.zeros(len(weights), *inputs.shape, dtype=torch.float64, device=inputs.device)
        self.last: list[tuple[int, Tensor] | None] = [None] * len(weights)

    def add(self, i: Int[Tensor, " B"], k: Int[Tensor, " B"], gradients: Float[Tensor, "B F"]) -> None:
        """Take in the flattened gradients of input i at node k; the indices are on the CPU."""
        for row, place in enumerate(self.place):
            own = (place[k] >= 0).nonzero()[:, 0]
            if not len(own):
                continue
            inputs, places = i[own], place[k[own]]
            seen = gradients if len(own) == len(k) else gradients[own.to(gradients.device)]
            last = self.last[row]
            if last is not None and last[0] == int(inputs[0]) and places[0] > 0:
                seen = torch.cat([last[1], seen])
                inputs, places = torch.cat([inputs[:1], inputs]), torch.cat([places[:1] - 1, places])
            self.last[row] = int(inputs[-1]), seen[-1:].clone()
            along = (places[1:] > 0).nonzero()[:, 0]  # pairs of neighbours of one input, not of two
            if len(along):
                self._add_squares(row, inputs[1:][along], places[:-1][along], seen.diff(dim=0), along)

    def _add_squares(self, row: int, inputs: Tensor, panels: Tensor, changes: Tensor, along: Tensor) -> None:
        """Each panel's squared change times its mean square distance, to the sum of its input."""
        first, last = int(inputs[0]), int(inputs[-1]) + 1
        shares = torch.zeros(last - first, len(changes), dtype=changes.dtype)
        shares[inputs - first, along] = self.mean_squares[row][panels].to(shares)
        squares = self.squares[row, first:last]
        squares += (shares.to(changes.device) @ changes.square_()).view_as(squares)

    def error_maps(self, difference: Float[Tensor, " N *shape"]) -> Float[Tensor, "R N *shape"]:
        """The errors feature by feature, |x - x'| times the root of the sums, in the dtype of the inputs."""
        return (self.squares.sqrt() * difference.abs()).to(difference.dtype)


def relative_norm(error: Float[Tensor, " N *shape"], values: Float[Tensor, " N *shape"]) -> Float64[Tensor, " N"]:
    """|error| / |values| of each input, Euclidean norms: 0 where both are zero."""
    sizes = error.double().flatten(1).norm(dim=1), values.double().flatten(1).norm(dim=1)
    return torch.where(sizes[0] == 0, 0.0, sizes[0] / sizes[1])
