"""Wrong work, one fault each, with the diagnosis that a grader ought to give.

Not a test. Each entry is the source of one student's cell, as in `styles`. `mistake` is a name in
`autograder.judge.mistakes.Mistake`, empty where no name fits, None where more than one would do. `keeps` and `loses`
name properties whose points the fault must leave, or must take.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

from corpus.ps1.styles import BATCH, GRADIENT

NOISE = """
def noise_like(x):
    return torch.randn(x.shape, generator=torch.Generator().manual_seed(x.numel()))
"""


@dataclass(frozen=True)
class Mutant:
    """A wrong answer to one task."""

    name: str
    source: str
    mistake: str | None
    task: str = "ps1-integrated-gradients"
    keeps: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()

    @property
    def function(self) -> str:
        return self.task.removeprefix("ps1-").replace("-", "_")


def _source(body: str) -> str:
    body = dedent(body)
    needed = {"input_gradient(": GRADIENT, "gradients_at(": BATCH, "noise_like(": NOISE}
    return "".join(source for call, source in needed.items() if call in body and f"def {call}" not in body) + body


def _integral(name: str, mistake: str | None, body: str, **properties: tuple[str, ...]) -> Mutant:
    return Mutant(name, _source(body), mistake, **properties)


def _loop(name: str, mistake: str | None, result: str, points: str = "range(1, n_steps + 1)", **properties) -> Mutant:
    """A loop that is right but for what it returns or for the steps it takes."""
    body = f"""
        def integrated_gradients(forward, x, baseline, target, n_steps):
            total = torch.zeros_like(x)
            for k in {points}:
                total += input_gradient(forward, baseline + k / n_steps * (x - baseline), target)
            return {result}
        """
    return _integral(name, mistake, body, **properties)


def _midpoint(name: str, mistake: str | None, result: str, **properties) -> Mutant:
    """The midpoint rule in a batch, right but for what it returns."""
    body = f"""
        def integrated_gradients(forward, x, baseline, target, n_steps):
            alphas = (torch.arange(n_steps) + 0.5) / n_steps
            gradients = gradients_at(forward, x, baseline, target, alphas)
            mean = gradients.mean(dim=0)
            return {result}
        """
    return _integral(name, mistake, body, **properties)


def _from_gradient(name: str, mistake: str | None, result: str) -> Mutant:
    """No path at all: something made of the gradient at one point."""
    body = f"""
        def integrated_gradients(forward, x, baseline, target, n_steps):
            return {result}
        """
    return _integral(name, mistake, body)


def _scored(name: str, mistake: str | None, score: str, **properties) -> Mutant:
    """The midpoint rule on another score than the target's."""
    body = f"""
        def integrated_gradients(forward, x, baseline, target, n_steps):
            alphas = ((torch.arange(n_steps) + 0.5) / n_steps).view(-1, *[1] * x.dim())
            points = (baseline + alphas * (x - baseline)).requires_grad_()
            scores = forward(points)
            return (x - baseline) * torch.autograd.grad(({score}).sum(), points)[0].mean(0)
        """
    return _integral(name, mistake, body, **properties)


def _gradient(name: str, mistake: str | None, result: str, **properties) -> Mutant:
    body = f"""
        def input_gradient(forward, x, target):
            point = x.detach()[None].requires_grad_()
            scores = forward(point)
            gradient = lambda score: torch.autograd.grad(score, point)[0][0]
            return {result}
        """
    return Mutant(name, _source(body), mistake, "ps1-input-gradient", **properties)


NUMBERS = (
    # the factor and the weights
    _loop("no x - x', right rule", "difference_missing", "total / n_steps"),
    _midpoint("no x - x', midpoint rule", "difference_missing", "mean"),
    _midpoint("times x", "times_input", "x * mean", keeps=("linear", "polynomial"), loses=("baseline",)),
    _loop("no 1/m", "not_averaged", "(x - baseline) * total"),
    _loop("neither 1/m nor x - x'", "neither_averaged_nor_multiplied", "total"),
    _loop("x' - x", "sign_reversed", "(baseline - x) * total / n_steps"),
    _midpoint("absolute value", "absolute_value", "((x - baseline) * mean).abs()"),
    _midpoint("absolute value of the gradient", "", "(x - baseline) * mean.abs()"),
    _midpoint("squared gradient", "", "(x - baseline) * (gradients**2).mean(0)"),
    _midpoint("square root of the mean square", "", "(x - baseline) * (gradients**2).mean(0).sqrt()"),
    _midpoint("times |x - x'|", "", "(x - baseline).abs() * mean"),
    _midpoint("times x - x' twice", "", "(x - baseline) ** 2 * mean"),
    _midpoint("x - x' left out but for its sign", "", "(x - baseline).sign() * mean"),
    _midpoint("the median in place of the mean", "", "(x - baseline) * gradients.median(dim=0).values"),
    _midpoint("positive part only", "", "((x - baseline) * mean).clamp(min=0)"),
    # the nodes
    _loop(
        "one node too many, both ends, over n",
        "one_term_too_many",
        "(x - baseline) * total / n_steps",
        "range(n_steps + 1)",
    ),
    _loop("one node too few, over n", "one_term_too_few", "(x - baseline) * total / n_steps", "range(1, n_steps)"),
    _loop("one node too few at the right, over n", "", "(x - baseline) * total / n_steps", "range(n_steps - 1)"),
    _loop("the path runs past x", "", "(x - baseline) * total / n_steps", "range(2, n_steps + 2)"),
    _loop("over n + 1", "weights_do_not_add_up", "(x - baseline) * total / (n_steps + 1)"),
    _loop("over n - 1", "weights_do_not_add_up", "(x - baseline) * total / (n_steps - 1)"),
    _integral(
        "captum's trapezoid",
        "trapezoid_weights",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            weights = torch.full((n_steps,), 1 / n_steps)
            weights[[0, -1]] /= 2
            gradients = gradients_at(forward, x, baseline, target, torch.linspace(0, 1, n_steps))
            return (x - baseline) * torch.tensordot(weights, gradients, dims=1)
        """,
        loses=("linear",),
    ),
    _integral(
        "PAIR saliency's path, over n",
        "one_term_too_many",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            total = torch.zeros_like(x)
            for alpha in np.linspace(0, 1, n_steps + 1):
                total += input_gradient(forward, baseline + float(alpha) * (x - baseline), target)
            return total * (x - baseline) / n_steps
        """,
    ),
    _from_gradient(
        "the end point only",
        "gradient_times_difference",
        "(x - baseline) * input_gradient(forward, x, target)",
    ),
    _from_gradient("gradient x input", "gradient_times_input", "x * input_gradient(forward, x, target)"),
    _from_gradient("the gradient itself", "gradient_at_input", "input_gradient(forward, x, target)"),
    _from_gradient(
        "the gradient at the baseline",
        "gradient_at_baseline",
        "(x - baseline) * input_gradient(forward, baseline, target)",
    ),
    _from_gradient(
        "the middle of the path only", "", "(x - baseline) * input_gradient(forward, (x + baseline) / 2, target)"
    ),
    _loop(
        "integer division of the steps",
        "gradient_at_baseline",
        "(x - baseline) * total / n_steps",
        "[k // n_steps for k in range(n_steps)]",
    ),
    _integral(
        "the gradient of the mean point",
        "",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            alphas = ((torch.arange(n_steps) + 0.5) / n_steps).view(-1, *[1] * x.dim())
            return (x - baseline) * input_gradient(forward, (baseline + alphas * (x - baseline)).mean(0), target)
        """,
    ),
    _integral(
        "only the last batch kept",
        "",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            for alphas in ((torch.arange(n_steps) + 0.5) / n_steps).split(4):
                gradients = gradients_at(forward, x, baseline, target, alphas)
            return (x - baseline) * gradients.mean(0)
        """,
        keeps=("linear",),
        loses=("polynomial", "networks", "steps"),
    ),
    _integral(
        "only the last batch summed",
        "",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            for alphas in ((torch.arange(n_steps) + 0.5) / n_steps).split(4):
                total = gradients_at(forward, x, baseline, target, alphas).sum(0)
            return (x - baseline) * total / n_steps
        """,
    ),
    _integral(
        "only the last gradient kept",
        "gradient_times_difference",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            for k in range(1, n_steps + 1):
                gradient = input_gradient(forward, baseline + k / n_steps * (x - baseline), target)
            return (x - baseline) * gradient
        """,
    ),
    # the path
    _integral(
        "a path from zero, times x",
        "path_from_zero",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            alphas = (torch.arange(n_steps) + 0.5) / n_steps
            return x * gradients_at(forward, x, torch.zeros_like(x), target, alphas).mean(0)
        """,
        keeps=("linear", "polynomial", "networks", "saturation", "target", "steps"),
        loses=("baseline",),
    ),
    _integral(
        "a path from zero, times x - x'",
        "path_from_zero_times_difference",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            alphas = (torch.arange(n_steps) + 0.5) / n_steps
            return (x - baseline) * gradients_at(forward, x, torch.zeros_like(x), target, alphas).mean(0)
        """,
        keeps=("linear", "polynomial", "networks", "saturation", "target", "steps"),
        loses=("baseline",),
    ),
    _integral(
        "baseline + alpha x",
        "",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            total = torch.zeros_like(x)
            for k in range(1, n_steps + 1):
                total += input_gradient(forward, baseline + k / n_steps * x, target)
            return (x - baseline) * total / n_steps
        """,
        loses=("baseline",),
    ),
    _integral(
        "the path runs from x outwards",
        "path_beyond_input",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            total = torch.zeros_like(x)
            for k in range(1, n_steps + 1):
                total += input_gradient(forward, x + k / n_steps * (x - baseline), target)
            return (x - baseline) * total / n_steps
        """,
    ),
    _integral(
        "x and baseline exchanged",
        "sign_reversed",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            x, baseline = baseline, x
            total = torch.zeros_like(x)
            for k in range(1, n_steps + 1):
                total += input_gradient(forward, baseline + k / n_steps * (x - baseline), target)
            return (x - baseline) * total / n_steps
        """,
    ),
    _integral(
        "noise on the path, as in SmoothGrad",
        "",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            total = torch.zeros_like(x)
            for k in range(1, n_steps + 1):
                point = baseline + k / n_steps * (x - baseline) + 0.3 * noise_like(x)
                total += input_gradient(forward, point, target)
            return (x - baseline) * total / n_steps
        """,
    ),
    # the score
    _scored(
        "the top class", "top_class", "scores[torch.arange(n_steps), forward(x[None])[0].argmax()]", loses=("target",)
    ),
    _scored("the top class at each point", "", "scores.max(dim=1).values", loses=("target",)),
    _scored("all classes", "all_classes", "scores"),
    _scored("class 0", "first_class", "scores[:, 0]"),
    _scored("the next class", "", "scores[:, (target + 1) % scores.shape[1]]"),
    _scored("the logarithm", "log_probability", "scores[:, target].log()"),
    _scored("a softmax on top", "", "scores.softmax(dim=1)[:, target]"),
    _scored("squared scores", "", "scores[:, target] ** 2"),
    # the steps
    _integral(
        "always 50 steps",
        "steps_ignored",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            alphas = (torch.arange(50) + 0.5) / 50
            return (x - baseline) * gradients_at(forward, x, baseline, target, alphas).mean(0)
        """,
        keeps=("linear", "polynomial", "networks", "saturation", "baseline", "target"),
        loses=("steps",),
    ),
    _integral(
        "always five steps",
        "steps_ignored",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            alphas = (torch.arange(5) + 0.5) / 5
            return (x - baseline) * gradients_at(forward, x, baseline, target, alphas).mean(0)
        """,
        loses=("steps",),
    ),
    # the size
    _midpoint("unit norm", "normalised", "(values := (x - baseline) * mean) / values.norm()"),
    _midpoint("divided by the largest value", "normalised", "(values := (x - baseline) * mean) / values.abs().max()"),
    _midpoint("scaled by 1.1", "scaled", "1.1 * (x - baseline) * mean"),
    _integral(
        "gradient x input, rescaled to completeness",
        "",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            values = (x - baseline) * input_gradient(forward, x, target)
            scores = forward(torch.stack([x, baseline]))[:, target]
            return values * (scores[0] - scores[1]) / values.sum()
        """,
        loses=("saturation",),
    ),
    _integral(
        "F(x) - F(x') in equal shares",
        "",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            scores = forward(torch.stack([x, baseline]))[:, target]
            return torch.ones_like(x) * (scores[0] - scores[1]) / x.numel()
        """,
    ),
    _integral(
        "F(x) - F(x') in shares of x - x'",
        "",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            scores = forward(torch.stack([x, baseline]))[:, target]
            return (x - baseline) / (x - baseline).sum() * (scores[0] - scores[1])
        """,
    ),
    _integral(
        "occlusion",
        "",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            values = torch.zeros(x.numel())
            for i in range(x.numel()):
                without = x.clone().flatten()
                without[i] = baseline.flatten()[i]
                values[i] = (forward(x[None]) - forward(without.reshape(1, *x.shape)))[0, target]
            return values.reshape(x.shape)
        """,
        keeps=("linear",),
        loses=("networks",),
    ),
    _midpoint(
        "the mean over the first dimension taken too early",
        "",
        "((x - baseline) * mean).mean(0, keepdim=True).expand_as(x)",
    ),
    # the precision
    _midpoint("half precision at the end", "half_precision", "((x - baseline) * mean).half()"),
    _integral(
        "half precision throughout",
        "half_precision",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            x, baseline = x.half(), baseline.half()
            alphas = (torch.arange(n_steps) + 0.5) / n_steps
            return ((x - baseline) * gradients_at(forward, x, baseline, target, alphas).mean(0)).float()
        """,
        loses=("linear",),
    ),
    _integral(
        "bfloat16 throughout",
        None,
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            x, baseline = x.bfloat16(), baseline.bfloat16()
            alphas = (torch.arange(n_steps) + 0.5) / n_steps
            return ((x - baseline) * gradients_at(forward, x, baseline, target, alphas).mean(0)).float()
        """,
        loses=("linear",),
    ),
    _midpoint("rounded to two decimals", None, "((x - baseline) * mean).round(decimals=2)"),
    # nothing at all
    _from_gradient("zeros", "zeros", "torch.zeros_like(x)"),
    _from_gradient("a constant", "", "torch.full_like(x, 0.5)"),
    _from_gradient("noise", "", "noise_like(x)"),
    _from_gradient("the input", "", "x"),
    _from_gradient("the difference", "", "x - baseline"),
    _integral(
        "detached scores, so that gradients are zero",
        "zeros",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            total = torch.zeros_like(x)
            for k in range(1, n_steps + 1):
                point = (baseline + k / n_steps * (x - baseline))[None].requires_grad_()
                score = forward(point.detach())[0, target] + 0 * point.sum()
                total += torch.autograd.grad(score, point)[0][0]
            return (x - baseline) * total / n_steps
        """,
    ),
)
"""Answers of the right form with wrong numbers."""

FORMS = (
    _midpoint("the sum", "", "((x - baseline) * mean).sum()", loses=("form", "linear")),
    _midpoint("a number", "", "float(((x - baseline) * mean).sum())", loses=("form", "linear")),
    _from_gradient("None", "", "None"),
    _midpoint("a list of numbers", "not_a_tensor", "((x - baseline) * mean).tolist()", loses=("form",)),
    _midpoint("a tuple with the gap", "", "((x - baseline) * mean, 0.0)", loses=("form",)),
    _midpoint(
        "a NumPy array",
        "not_a_tensor",
        "((x - baseline) * mean).numpy()",
        loses=("form",),
        keeps=("linear", "networks"),
    ),
    _midpoint(
        "a batch of one", "batch_of_one", "((x - baseline) * mean)[None]", loses=("form",), keeps=("linear", "networks")
    ),
    _midpoint("the terms, not summed", "", "(x - baseline) * gradients / n_steps", loses=("form", "linear")),
    _midpoint("summed over the first dimension", "", "((x - baseline) * mean).sum(0)", loses=("form",)),
    _midpoint("flattened", "", "((x - baseline) * mean).flatten()", loses=("form",), keeps=("saturation",)),
    _midpoint(
        "transposed", "", "((x - baseline) * mean).mT if x.dim() > 1 else (x - baseline) * mean", loses=("form",)
    ),
    _midpoint("NaN", "", "(x - baseline) * mean * float('nan')", loses=("form", "linear")),
    _midpoint(
        "one infinity", "", "(x - baseline) * mean / (torch.arange(x.numel()) > 0).view(x.shape)", loses=("linear",)
    ),
    _midpoint("whole numbers", "whole_numbers", "((x - baseline) * mean).long()", loses=("form", "linear")),
    _midpoint("complex numbers", "", "torch.complex((x - baseline) * mean, torch.zeros_like(x))", loses=("form",)),
    _midpoint("an empty tensor", "", "torch.empty(0)", loses=("form", "linear")),
    _midpoint("text", "", "str((x - baseline) * mean)", loses=("form", "linear")),
    _midpoint("the function itself", "", "integrated_gradients", loses=("form", "linear")),
    _integral(
        "the stub",
        "not_done",
        "def integrated_gradients(*args):\n    raise NotImplementedError('Task ... is still to be done')",
    ),
    _integral("raises", "raised", "def integrated_gradients(*args):\n    raise IndexError('list index out of range')"),
    _integral("takes three arguments", "raised", "def integrated_gradients(forward, x, baseline):\n    return x"),
    _integral("exits", "raised", "def integrated_gradients(*args):\n    raise SystemExit"),
    _integral(
        "recurses without end", "raised", "def integrated_gradients(*args):\n    return integrated_gradients(*args)"
    ),
    _integral(
        "no batch dimension",
        "raised",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            total = 0
            for k in range(1, n_steps + 1):
                point = (baseline + k / n_steps * (x - baseline)).requires_grad_()
                total += torch.autograd.grad(forward(point)[target], point)[0]
            return (x - baseline) * total / n_steps
        """,
    ),
)
"""Answers of the wrong form, or none."""

INTEGRATED_GRADIENTS = NUMBERS + FORMS

INPUT_GRADIENT = (
    _gradient("times x", "input_times_gradient", "x * gradient(scores[0, target])"),
    _gradient("absolute value", "absolute_value", "gradient(scores[0, target]).abs()"),
    _gradient("sign", "gradient_sign", "gradient(scores[0, target]).sign()"),
    _gradient("the gradient of a loss", "gradient_sign_reversed", "gradient(-scores[0, target])"),
    _gradient("top class", "top_class", "gradient(scores[0].max())", keeps=("linear", "nonlinear"), loses=("target",)),
    _gradient("all classes", "all_classes", "gradient(scores.sum())"),
    _gradient("class 0", "first_class", "gradient(scores[0, 0])"),
    _gradient("logarithm", "log_probability", "gradient(scores[0, target].log())"),
    _gradient("cross entropy", "", "gradient(torch.nn.functional.cross_entropy(scores, torch.tensor([target])))"),
    _gradient("squared", "", "gradient(scores[0, target]) ** 2"),
    _gradient("unit norm", "normalised", "(g := gradient(scores[0, target])) / g.norm()"),
    _gradient("divided by the largest value", "normalised", "(g := gradient(scores[0, target])) / g.abs().max()"),
    _gradient("zeros", "zeros", "torch.zeros_like(x)"),
    _gradient("ones", "", "torch.ones_like(x)"),
    _gradient("the input", "", "x"),
    _gradient("half precision", "half_precision", "gradient(scores[0, target]).half()"),
    _gradient(
        "NumPy", "not_a_tensor", "gradient(scores[0, target]).numpy()", keeps=("linear", "nonlinear"), loses=("form",)
    ),
    _gradient(
        "a batch of one",
        "batch_of_one",
        "gradient(scores[0, target])[None]",
        keeps=("linear", "images"),
        loses=("form",),
    ),
    _gradient("NaN", "", "gradient(scores[0, target]) / 0 * 0", loses=("form",)),
    _gradient("a number", "", "gradient(scores[0, target]).sum().item()", loses=("form",)),
    _gradient("None", "", "point.grad"),
    _gradient("detached", "raised", "gradient(scores.detach()[0, target])"),
    Mutant(
        ".backward() on x itself, whose gradient is never cleared",
        _source("""
        def input_gradient(forward, x, target):
            x.requires_grad_()
            forward(x.unsqueeze(0))[0, target].backward()
            return x.grad.clone()
        """),
        "not_the_same_again",
        "ps1-input-gradient",
        loses=("images",),
    ),
    _gradient(
        "the scores from the target on",
        "several_classes",
        "gradient(scores[0, target:].sum())",
    ),
    Mutant(
        "min-max before the pass",
        _source("""
        def input_gradient(forward, x, target):
            point = ((x - x.min()) / (x.max() - x.min()))[None].detach().requires_grad_()
            return torch.autograd.grad(forward(point)[0, target], point)[0][0]
        """),
        "input_rescaled",
        "ps1-input-gradient",
    ),
    _gradient("the stub", "not_done", "exec('raise NotImplementedError()')"),
    Mutant(
        "differences of 0.1",
        _source(
            """
            def input_gradient(forward, x, target):
                flat, h = x.flatten(), 0.1
                ups = (flat + h * torch.eye(flat.numel())).reshape(-1, *x.shape)
                return ((forward(ups)[:, target] - forward(x[None])[0, target]) / h).reshape(x.shape)
            """
        ),
        "",
        "ps1-input-gradient",
        keeps=("linear",),
        loses=("nonlinear",),
    ),
    Mutant(
        "the gradient at zero",
        _source(
            """
            def input_gradient(forward, x, target):
                point = torch.zeros_like(x)[None].requires_grad_()
                return torch.autograd.grad(forward(point)[0, target], point)[0][0]
            """
        ),
        "",
        "ps1-input-gradient",
        keeps=("linear",),
        loses=("nonlinear",),
    ),
)

MUTANTS = INTEGRATED_GRADIENTS + INPUT_GRADIENT
