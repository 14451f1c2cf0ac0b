"""The verdict of an axiom's check, and what the checks share.

Source of the axioms: arXiv 1703.01365, sections 2 to 4; see `igref.axioms`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from igref import arguments
from igref.attribution.core import Attribution, target_scores
from igref.types import Forward, Targets

Method = Callable[[Forward, Tensor, Tensor, Tensor], Tensor | Attribution]
Inputs = Float[Tensor, " N *shape"]

N_PROBES = 64
PLACES = ("input", "feature")  # of a witness: numbers that count, from 0, and are no values
TOLERANCE = 1e-3  # of a violation, in units of F
SAME_RELATIVE, SAME_ABSOLUTE = 1e-4, 1e-5  # scores of two functions that are to be the same, up to rounding in float32


@dataclass(frozen=True)
class AxiomVerdict:
    """Whether a method kept an axiom on a case, and the numbers that show it.

    Attributes:
        axiom: its name.
        holds: whether the violation is within the tolerance.
        violation: by how much the axiom is broken at worst, in units of F.
        witness: the numbers behind the violation, by name, for the input where it is worst.
    """

    axiom: str
    holds: bool
    violation: float
    witness: dict[str, float | int]

    def __str__(self) -> str:
        where = ", ".join(f"{name} {self.witness[name]}" for name in PLACES if name in self.witness)
        numbers = ", ".join(f"{name} = {value:.4g}" for name, value in self.witness.items() if name not in PLACES)
        return f"{self.axiom} {'holds' if self.holds else 'is broken'} at {where}: {numbers}"


def attribute(
    method: Method, forward: Forward, inputs: Tensor, baselines: Tensor, targets: Targets
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The method's attributions in float64, and the arguments in the form that it got."""
    if not callable(method):
        raise TypeError(
            f"method: expected a function (forward, inputs, baselines, targets), got {arguments.kind(method)}."
        )
    inputs = arguments.batch(inputs)
    baselines = arguments.batch_like(baselines, inputs)
    targets = arguments.target_indices(targets, inputs)
    result = method(arguments.forward_function(forward), inputs, baselines, targets)
    values = result.values if isinstance(result, Attribution) else result
    values = arguments.batch_like(values, inputs, "what the method returned", one_for_all=False)
    return values.double(), inputs, baselines, targets


def verdict(axiom: str, violation: float, tolerance: float, witness: dict[str, float | int]) -> AxiomVerdict:
    """Held, if the violation is within the tolerance."""
    tolerance = arguments.number(tolerance, "tolerance", low=0)
    witness = {name: value + 0 for name, value in witness.items()}  # no -0.0 in front of a reader
    return AxiomVerdict(axiom, violation <= tolerance, violation, witness)


def compare(axiom: str, one: Tensor, other: Tensor, tolerance: float, *names: str) -> AxiomVerdict:
    """Held, if two attributions that should be equal are, each feature within the tolerance."""
    one, other = one.flatten(1), other.flatten(1)
    worst, feature = divmod(int((one - other).abs().argmax()), one.shape[1])
    both = dict(zip(names, (float(one[worst, feature]), float(other[worst, feature])), strict=True))
    violation = float((one - other).abs().max())
    return verdict(axiom, violation, tolerance, {"input": worst, "feature": feature} | both)


def probe_points(inputs: Tensor, baselines: Tensor) -> Tensor:
    """Points to compare two functions at: the inputs, the baselines, and random ones of their size."""
    ends = torch.cat([inputs, baselines])
    noise = torch.randn(N_PROBES, *inputs.shape[1:], generator=torch.Generator().manual_seed(0)).to(inputs)
    return torch.cat([ends, noise * (1 + ends.abs().max())])


def expect_same(
    forward: Forward, points: Tensor, other: Forward, others: Tensor, targets: Tensor, expected: str
) -> None:
    """A `ValueError` unless both functions score alike, the one at the points and the other at the others."""
    for target in targets.unique():
        every = target.expand(len(points))
        one, two = target_scores(forward, points, every), target_scores(other, others, every)
        if not torch.allclose(one, two, rtol=SAME_RELATIVE, atol=SAME_ABSOLUTE):
            worst = int((one - two).abs().argmax())
            raise ValueError(f"{expected}; got scores {float(one[worst]):.6g} and {float(two[worst]):.6g}.")
