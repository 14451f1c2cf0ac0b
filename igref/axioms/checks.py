"""The axioms for attribution methods as checks that run, each with a witness.

A check that passes shows that a method keeps the axiom on the case given, not that it always does; one that
fails proves that the method breaks it. `igref.counterexamples` has a method that breaks each.

A method is a function (forward, inputs, baselines, targets) -> attributions (N, *shape), or an
`Attribution`. Tolerances are in units of F.

Source: M. Sundararajan, A. Taly, Q. Yan, Axiomatic Attribution for Deep Networks, ICML 2017, arXiv
1703.01365, sections 2 to 4; the names and the cases are theirs.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from igref import arguments
from igref.attribution.core import target_scores
from igref.axioms.axiom_verdict import (
    TOLERANCE,
    AxiomVerdict,
    Inputs,
    Method,
    Targets,
    attribute,
    compare,
    expect_same,
    probe_points,
    verdict,
)
from igref.types import Forward


def completeness(
    method: Method,
    forward: Forward,
    inputs: Inputs,
    baselines: Tensor,
    targets: Targets,
    *,
    tolerance: float = TOLERANCE,
) -> AxiomVerdict:
    """The attributions sum to F(x) - F(x') (section 3, proposition 1).

    Raises `TypeError` or `ValueError` where an argument, or what the method returned, has the wrong kind,
    shape or value.

    Example:
        >>> from igref.counterexamples import gradient_times_difference, saturated
        >>> x, x0 = torch.tensor([[2.0]]), torch.zeros(1)
        >>> print(completeness(gradient_times_difference, saturated, x, x0, 0))
        completeness is broken at input 0: sum of attributions = 0, F(x) - F(x') = 1
    """
    values, inputs, baselines, targets = attribute(method, forward, inputs, baselines, targets)
    total = values.flatten(1).sum(1)
    rise = target_scores(forward, inputs, targets) - target_scores(forward, baselines, targets)
    worst = int((total - rise).abs().argmax())
    witness = {"sum of attributions": float(total[worst]), "F(x) - F(x')": float(rise[worst])}
    return verdict("completeness", float((total - rise).abs()[worst]), tolerance, {"input": worst} | witness)


def sensitivity_a(
    method: Method,
    forward: Forward,
    inputs: Inputs,
    baselines: Tensor,
    targets: Targets,
    *,
    tolerance: float = 0.0,
) -> AxiomVerdict:
    """Where input and baseline differ in one feature and in score, that feature gets some (section 2.1).

    The violation is |F(x) - F(x')| of an input whose one different feature got at most `tolerance`.

    Raises `ValueError` where an input and its baseline do not differ in exactly one feature, or all scores
    are equal; otherwise as for `completeness`.

    Example:
        >>> from igref.counterexamples import gradient_times_difference, saturated
        >>> x, x0 = torch.tensor([[2.0]]), torch.zeros(1)
        >>> print(sensitivity_a(gradient_times_difference, saturated, x, x0, 0))
        sensitivity (a) is broken at input 0, feature 0: attribution = 0, F(x) - F(x') = 1
    """
    values, inputs, baselines, targets = attribute(method, forward, inputs, baselines, targets)
    differs = (inputs != baselines).flatten(1)
    if (differs.sum(1) != 1).any():
        raise ValueError(
            "inputs: expected each to differ from its baseline in exactly one feature, "
            f"got {differs.sum(1).tolist()} features."
        )
    rise = target_scores(forward, inputs, targets) - target_scores(forward, baselines, targets)
    if not rise.any():
        raise ValueError("inputs: expected a score different from the baseline's; all are equal.")
    attribution = values.flatten(1)[differs]
    broken = torch.where(attribution.abs() <= tolerance, rise.abs(), 0.0)
    worst = int(broken.argmax()) if broken.any() else int(rise.abs().argmax())
    witness = {
        "input": worst,
        "feature": int(differs[worst].nonzero()),
        "attribution": float(attribution[worst]),
        "F(x) - F(x')": float(rise[worst]),
    }
    return verdict("sensitivity (a)", float(broken[worst]), 0.0, witness)


def sensitivity_b(
    method: Method,
    forward: Forward,
    inputs: Inputs,
    baselines: Tensor,
    targets: Targets,
    *,
    unused: Sequence[int],
    tolerance: float = TOLERANCE,
) -> AxiomVerdict:
    """A feature that F does not depend on gets no attribution (section 2.1, also called dummy).

    `unused` numbers such features in the order of the flattened input.

    Raises `ValueError` where F does depend on one of them, seen at random points; otherwise as for
    `completeness`.

    Example:
        >>> from igref.counterexamples import occlusion_of_pairs
        >>> first_only = lambda x: x[:, :1] ** 2
        >>> x, x0 = torch.tensor([[3.0, 1.0]]), torch.zeros(2)
        >>> print(sensitivity_b(occlusion_of_pairs, first_only, x, x0, 0, unused=[1]))
        sensitivity (b) is broken at input 0, feature 1: attribution = 4.5
    """
    values, inputs, baselines, targets = attribute(method, forward, inputs, baselines, targets)
    unused = [arguments.feature(one, inputs, "unused") for one in arguments.several(unused, "unused")]
    if not unused:
        raise ValueError("unused: expected at least one feature.")
    probes = probe_points(inputs, baselines)
    moved = probes.flatten(1).clone()
    moved[:, unused] = moved[:, unused].roll(1, dims=0) + 1
    expect_same(
        forward,
        probes,
        forward,
        moved.view_as(probes),
        targets,
        "forward: expected no influence of the unused features on F",
    )
    theirs = values.flatten(1)[:, unused].abs()
    worst, which = divmod(int(theirs.argmax()), len(unused))
    witness = {"feature": unused[which], "attribution": float(values.flatten(1)[worst, unused[which]])}
    return verdict("sensitivity (b)", float(theirs.max()), tolerance, {"input": worst} | witness)


def implementation_invariance(
    method: Method,
    forward: Forward,
    same_function: Forward,
    inputs: Inputs,
    baselines: Tensor,
    targets: Targets,
    *,
    tolerance: float = TOLERANCE,
) -> AxiomVerdict:
    """Two networks that compute the same function get the same attributions (section 2.2).

    Gradients have it where they exist. Inside a kink each implementation has the gradient that automatic differentiation
    gives it, so even integrated gradients break it on a path that runs along a kink; one that crosses kinks in single
    points does not notice them.

    Raises `ValueError` where the two differ at some random point; otherwise as for `completeness`.

    Example:
        >>> from igref.counterexamples import guided_backpropagation
        >>> identity, by_two_relus = (lambda x: x), (lambda x: x.relu() - (-x).relu())
        >>> x, x0 = torch.tensor([[-1.0]]), torch.zeros(1)
        >>> print(implementation_invariance(guided_backpropagation, identity, by_two_relus, x, x0, 0))
        implementation invariance is broken at input 0, feature 0: one gives = -1, other gives = 0

        >>> from igref import counterexamples, integrated_gradients
        >>> forms = counterexamples.first_minus_second, counterexamples.first_minus_second_by_relus
        >>> print(implementation_invariance(integrated_gradients, *forms, torch.ones(1, 2), torch.zeros(2), 0))
        implementation invariance is broken at input 0, feature 0: one gives = 1, other gives = 0
    """
    one, inputs, baselines, targets = attribute(method, forward, inputs, baselines, targets)
    probes = probe_points(inputs, baselines)
    expect_same(
        forward,
        probes,
        same_function,
        probes,
        targets,
        "same_function: expected the same function as forward",
    )
    other = attribute(method, same_function, inputs, baselines, targets)[0]
    return compare("implementation invariance", one, other, tolerance, "one gives", "other gives")


def linearity(
    method: Method,
    forward: Forward,
    other: Forward,
    inputs: Inputs,
    baselines: Tensor,
    targets: Targets,
    *,
    a: float = 2.0,
    b: float = -3.0,
    tolerance: float = TOLERANCE,
) -> AxiomVerdict:
    """The attributions of a F + b G are a times those of F plus b times those of G (section 3, linearity).

    Errors as for `completeness`.

    Example:
        >>> from igref.counterexamples import absolute_gradient
        >>> x, x0 = torch.tensor([[1.0]]), torch.zeros(1)
        >>> print(linearity(absolute_gradient, lambda x: x, lambda x: x**2, x, x0, 0))
        linearity is broken at input 0, feature 0: map of 2F - 3G = 4, 2 maps of F - 3 maps of G = -4
    """
    forward, other = arguments.forward_function(forward), arguments.forward_function(other)
    a, b = (arguments.number(factor, name, low=-math.inf) for factor, name in ((a, "a"), (b, "b")))
    mixed = attribute(method, lambda x: a * forward(x) + b * other(x), inputs, baselines, targets)[0]
    first = attribute(method, forward, inputs, baselines, targets)[0]
    second = attribute(method, other, inputs, baselines, targets)[0]
    sign = "-" if b < 0 else "+"
    names = (f"map of {a:g}F {sign} {abs(b):g}G", f"{a:g} maps of F {sign} {abs(b):g} maps of G")
    return compare("linearity", mixed, a * first + b * second, tolerance, *names)


def symmetry(
    method: Method,
    forward: Forward,
    inputs: Inputs,
    baselines: Tensor,
    targets: Targets,
    *,
    features: tuple[int, int],
    tolerance: float = TOLERANCE,
) -> AxiomVerdict:
    """Two features alike to F, and equal in input and in baseline, get the same (section 4.1).

    `features` numbers the two in the order of the flattened input.

    Raises `ValueError` where the two are not equal in input and baseline, or swapping them changes F at some
    random point; otherwise as for `completeness`.

    Example:
        >>> from igref.counterexamples import one_feature_after_the_other
        >>> product = lambda x: x.prod(dim=1, keepdim=True)
        >>> x, x0 = torch.ones(1, 2), torch.zeros(2)
        >>> print(symmetry(one_feature_after_the_other, product, x, x0, 0, features=(0, 1)))
        symmetry is broken at input 0: attribution of feature 0 = 0, attribution of feature 1 = 1
    """
    values, inputs, baselines, targets = attribute(method, forward, inputs, baselines, targets)
    two = [arguments.feature(one, inputs, "features") for one in arguments.several(features, "features")]
    if len({*two}) != 2:
        raise ValueError(f"features: expected two different ones, got {two}.")
    i, j = two
    for name, batch in (("inputs", inputs), ("baselines", baselines)):
        if not torch.equal(batch.flatten(1)[:, i], batch.flatten(1)[:, j]):
            raise ValueError(f"{name}: expected features {i} and {j} to be equal; they are not.")
    probes = probe_points(inputs, baselines)
    swapped = probes.flatten(1).clone()
    swapped[:, [i, j]] = swapped[:, [j, i]]
    expect_same(
        forward,
        probes,
        forward,
        swapped.view_as(probes),
        targets,
        f"forward: expected the same score with features {i} and {j} swapped",
    )
    pairs = values.flatten(1)[:, [i, j]]
    violation = pairs.diff(dim=1).abs()[:, 0]
    worst = int(violation.argmax())
    witness = {f"attribution of feature {f}": float(v) for f, v in zip(two, pairs[worst], strict=True)}
    return verdict("symmetry", float(violation[worst]), tolerance, {"input": worst} | witness)
