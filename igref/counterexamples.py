"""Attribution methods that break an axiom, and the functions on which they do.

Two entries are about integrated gradients itself: `first_minus_second`, on which it breaks implementation invariance, and
`symmetric_path_of_the_ends`, a path method that keeps all six axioms and is another.

Each method takes (forward, inputs, baselines, targets), as the checks of `igref.axioms` want it, and returns
attributions (N, *shape). Arguments and errors are those of `igref.gradient`.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode

from igref.attribution.core import gradient, target_scores
from igref.attribution.paths import feature_by_feature, path_integrated_gradients
from igref.types import Forward, Targets

Inputs = Float[Tensor, " N *shape"]


def saturated(x: Float[Tensor, " B D"]) -> Float[Tensor, " B D"]:
    """1 - ReLU(1 - x): rises from 0 to 1, then stays; its gradient at 2 is 0 (arXiv 1703.01365, section 2.1).

    Example:
        >>> saturated(torch.tensor([[0.0, 0.5, 2.0]]))
        tensor([[0.0000, 0.5000, 1.0000]])
    """
    return 1 - (1 - x).relu()


def first_minus_second(x: Float[Tensor, " B D"]) -> Float[Tensor, " B 1"]:
    """x1 - x2, whose gradient is (1, -1) everywhere.

    Example:
        >>> first_minus_second(torch.tensor([[3.0, 1.0]]))
        tensor([[2.]])
    """
    return x[:, :1] - x[:, 1:2]


def first_minus_second_by_relus(x: Float[Tensor, " B D"]) -> Float[Tensor, " B 1"]:
    """The same function, as ReLU(x1 - x2) - ReLU(x2 - x1): where x1 = x2, automatic differentiation says (0, 0).

    The straight line from (0, 0) to (1, 1) runs inside that kink, so integrated gradients give (1, -1) for the one and (0, 0)
    for the other.

    Example:
        >>> from igref import integrated_gradients
        >>> x, x0 = torch.ones(1, 2), torch.zeros(1, 2)
        >>> for form in (first_minus_second, first_minus_second_by_relus):
        ...     print(integrated_gradients(form, x, x0, 0).values)
        tensor([[ 1., -1.]])
        tensor([[0., 0.]])
    """
    difference = first_minus_second(x)
    return difference.relu() - (-difference).relu()


def gradient_times_difference(forward: Forward, inputs: Inputs, baselines: Tensor, targets: Targets) -> Inputs:
    """(x - x') dF/dx at the input. Breaks completeness and sensitivity (a): a saturated F has no gradient.

    Example:
        >>> gradient_times_difference(saturated, torch.tensor([[2.0]]), torch.tensor([[0.0]]), 0).abs()
        tensor([[0.]])
    """
    return (inputs - baselines) * gradient(forward, inputs, targets)


def absolute_gradient(forward: Forward, inputs: Inputs, baselines: Tensor, targets: Targets) -> Inputs:
    """|dF/dx|, the saliency map of K. Simonyan et al., arXiv 1312.6034. Breaks linearity and completeness.

    Example:
        >>> absolute_gradient(lambda x: -3 * x, torch.tensor([[2.0]]), torch.tensor([[0.0]]), 0)
        tensor([[3.]])
    """
    return gradient(forward, inputs, targets).abs()


def occlusion_of_pairs(forward: Forward, inputs: Inputs, baselines: Tensor, targets: Targets) -> Inputs:
    """Replace two neighbouring features at a time by the baseline's; both get half of what F loses.

    Occlusion by patches, M. Zeiler and R. Fergus, arXiv 1311.2901, in its smallest form. Breaks sensitivity
    (b): a feature without influence shares what its neighbour earned.

    Example:
        >>> occlusion_of_pairs(lambda x: x[:, :1], torch.tensor([[2.0, 5.0]]), torch.tensor([[0.0, 0.0]]), 0)
        tensor([[1., 1.]])
    """
    targets = torch.as_tensor(targets).expand(len(inputs))
    values = torch.zeros_like(inputs).flatten(1)
    full = target_scores(forward, inputs, targets)
    for first in range(0, values.shape[1], 2):
        hidden = inputs.flatten(1).clone()
        hidden[:, first : first + 2] = baselines.flatten(1)[:, first : first + 2]
        lost = full - target_scores(forward, hidden.view_as(inputs), targets)
        values[:, first : first + 2] = (lost / 2).to(inputs)[:, None]
    return values.view_as(inputs)


def guided_backpropagation(forward: Forward, inputs: Inputs, baselines: Tensor, targets: Targets) -> Inputs:
    """The gradient times (x - x'), with every ReLU passing back positive gradients only.

    J. Springenberg et al., arXiv 1412.6806. Breaks implementation invariance, as the result depends on which
    ReLUs compute F; also completeness and linearity. Knows torch.relu, Tensor.relu, torch.nn.functional.relu
    and torch.nn.ReLU.

    Example:
        >>> x, x0 = torch.tensor([[-1.0]]), torch.tensor([[0.0]])
        >>> guided_backpropagation(lambda x: x, x, x0, 0)
        tensor([[-1.]])
        >>> guided_backpropagation(lambda x: x.relu() - (-x).relu(), x, x0, 0).abs()
        tensor([[0.]])
    """
    with _GuidedReLUs():
        return (inputs - baselines) * gradient(forward, inputs, targets)


def one_feature_after_the_other(forward: Forward, inputs: Inputs, baselines: Tensor, targets: Targets) -> Inputs:
    """The path method that moves one feature after the other, 50 midpoints for each. Breaks symmetry, only.

    Example:
        >>> product = lambda x: x.prod(dim=1, keepdim=True)
        >>> one_feature_after_the_other(product, torch.ones(1, 2), torch.zeros(1, 2), 0)
        tensor([[0., 1.]])
    """
    path = feature_by_feature(inputs, baselines)
    return path_integrated_gradients(forward, path, targets, n_steps=50 * inputs[0].numel()).values


def symmetric_path_of_the_ends(forward: Forward, inputs: Inputs, baselines: Tensor, targets: Targets) -> Inputs:
    """The path method with gamma_i(a) = x'_i + (x_i - x'_i) a^p_i, p_i = (1 + |x_i - x'_i|) / 2, by 200 midpoints.

    Features with equal ends move together, so it is symmetric; like every path method it is complete, linear, sensitive (a, b) and
    implementation invariant, and as its path is monotone it has non-decreasing positivity. It is not integrated gradients all the
    same: the shape of its path depends on the ends. So these axioms alone do not single out the straight line. They do among
    methods that take one path for all ends, scaled to them: p_i = p for all i is the straight line, run through at another speed.

    Source: the question is that of D. Lundstrom, T. Huang, M. Razaviyayn, A Rigorous Study of Integrated Gradients Method,
    ICML 2022, arXiv 2202.11912.

    Example:
        >>> product = lambda x: x.prod(dim=1, keepdim=True)
        >>> x, x0 = torch.tensor([[1.0, 1.0, 3.0]]), torch.zeros(1, 3)
        >>> [round(value, 2) for value in symmetric_path_of_the_ends(product, x, x0, 0)[0].tolist()]
        [0.75, 0.75, 1.5]
    """
    difference = inputs - baselines
    powers = (1 + difference.abs()) / 2
    return path_integrated_gradients(forward, lambda a: baselines + difference * a**powers, targets, n_steps=200).values


class _PositiveGradientReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, upstream: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return upstream.clamp(min=0) * (x > 0)


class _GuidedReLUs(TorchFunctionMode):
    """While active, every ReLU is the one above."""

    RELUS = (torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, torch.nn.functional.relu)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in self.RELUS:
            return _PositiveGradientReLU.apply(args[0])
        return function(*args, **(kwargs or {}))
