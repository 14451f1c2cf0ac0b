"""Integrated gradients as students write them, in plain torch, right and wrong.

`student_map` is one student's computation of one map; `WRONG_MAPS` are the ways in which it goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import integrate
from torch import Tensor

from igref.types import Forward


@dataclass(frozen=True)
class Job:
    """What one map is to be of: an image, a baseline, a class, a number of steps."""

    forward: Forward
    x: Tensor
    x0: Tensor
    target: int
    n: int

    @property
    def d(self) -> Tensor:
        return self.x - self.x0


def gradients(job: Job, alphas, *, x0: Tensor | None = None, forward: Forward | None = None, target=None) -> Tensor:
    """Gradients at x0 + alpha (x - x0), (K, C, H, W)."""
    x0 = job.x0 if x0 is None else x0
    alphas = torch.as_tensor(np.asarray(alphas), dtype=job.x.dtype).view(-1, 1, 1, 1)
    points = (x0 + alphas * (job.x - x0)).requires_grad_()
    scores = (forward or job.forward)(points)
    column = scores[:, job.target if target is None else target] if target != "all" else scores.sum(1)
    return torch.autograd.grad(column.sum(), points)[0]


def right(job: Job, **other) -> Tensor:
    return gradients(job, np.arange(1, job.n + 1) / job.n, **other)


def midpoint(job: Job) -> Tensor:
    return job.d * gradients(job, (np.arange(job.n) + 0.5) / job.n).mean(0)


def left(job: Job) -> Tensor:
    return job.d * gradients(job, np.arange(job.n) / job.n).mean(0)


def right_rule(job: Job) -> Tensor:
    return job.d * right(job).mean(0)


def trapezoid(job: Job) -> Tensor:
    g = gradients(job, np.linspace(0, 1, job.n + 1))
    return job.d * (g[:-1] + g[1:]).mean(0) / 2


def trapezoid_of_n_points(job: Job) -> Tensor:
    g = gradients(job, np.linspace(0, 1, job.n))
    return job.d * torch.trapezoid(g, dx=1 / (job.n - 1), dim=0)


def simpson(job: Job) -> Tensor:
    g = gradients(job, np.linspace(0, 1, job.n + 1)).numpy()
    return job.d * torch.from_numpy(integrate.simpson(g, dx=1 / job.n, axis=0).astype(g.dtype))


def gauss_legendre(job: Job) -> Tensor:
    nodes, weights = np.polynomial.legendre.leggauss(job.n)
    g = gradients(job, (nodes + 1) / 2)
    return job.d * (torch.tensor(weights / 2, dtype=g.dtype).view(-1, 1, 1, 1) * g).sum(0)


def loop(job: Job) -> Tensor:
    total = torch.zeros_like(job.x)
    for k in range(1, job.n + 1):
        point = (job.x0 + k / job.n * job.d).detach().requires_grad_()
        job.forward(point[None])[0, job.target].backward()
        total += point.grad
    return job.d * total / job.n


def in_batches(job: Job) -> Tensor:
    alphas = (np.arange(job.n) + 0.5) / job.n
    total = sum(gradients(job, alphas[k : k + 7]).sum(0) for k in range(0, job.n, 7))
    return job.d * total / job.n


def reversed_path(job: Job) -> Tensor:
    return job.d * gradients(job, (np.arange(job.n)[::-1] + 0.5) / job.n).mean(0)


def in_float64(job: Job) -> Tensor:
    return midpoint(job).double()


def mean_with_both_ends(job: Job) -> Tensor:
    return job.d * gradients(job, np.linspace(0, 1, job.n)).mean(0)


def mean_with_both_ends_of_one_more(job: Job) -> Tensor:
    return job.d * gradients(job, np.linspace(0, 1, job.n + 1)).mean(0)


RIGHT_MAPS = {
    f.__name__: f
    for f in (
        *(midpoint, left, right_rule, trapezoid, trapezoid_of_n_points, simpson, gauss_legendre),
        *(loop, in_batches, reversed_path, in_float64, mean_with_both_ends, mean_with_both_ends_of_one_more),
    )
}


def _weighted(weights: Callable[[int], np.ndarray], nodes: Callable[[int], np.ndarray]) -> Callable[[Job], Tensor]:
    def wrong(job: Job) -> Tensor:
        w = torch.tensor(weights(job.n), dtype=job.x.dtype).view(-1, 1, 1, 1)
        return job.d * (w * gradients(job, nodes(job.n))).sum(0)

    return wrong


def _captum_weights(n: int) -> np.ndarray:
    weights = np.full(n, 1 / n)
    weights[[0, -1]] /= 2
    return weights


def _rescaled(job: Job) -> Tensor:
    values = right_rule(job)
    with torch.no_grad():
        scores = job.forward(torch.stack([job.x, job.x0]))[:, job.target]
    return values * (scores[0] - scores[1]) / values.sum()


def _dropout(job: Job) -> Tensor:
    generator = torch.Generator().manual_seed(job.n)

    def forward(x: Tensor) -> Tensor:
        return job.forward(x * 2 * (torch.rand(x.shape, generator=generator) > 0.5))

    return job.d * right(job, forward=forward).mean(0)


def _log(job: Job) -> Tensor:
    return job.d * right(job, forward=lambda x: job.forward(x).log()).mean(0)


def _random(job: Job) -> Tensor:
    generator = torch.Generator().manual_seed(int(job.x.sum() * 1000) + job.n)
    return torch.randn(job.x.shape, generator=generator) * job.d.abs().mean()


def _channel_mean(job: Job) -> Tensor:
    return right_rule(job).mean(0, keepdim=True).expand(job.x.shape).clone()


def _float16(job: Job) -> Tensor:
    return right_rule(job).half()


def _gradient_of_another(job: Job) -> Tensor:
    return job.d * right(job, target=(job.target + 1) % job.forward(job.x[None]).shape[1]).mean(0)


def _top(job: Job) -> Tensor:
    return job.d * right(job, target=int(job.forward(job.x[None])[0].argmax())).mean(0)


ZERO = "from zero"
COLOURED = "coloured"

# The fault; what computes it; the diagnoses that name it; whether it needs a baseline that is not zero, or colours.
WRONG_MAPS: dict[str, tuple[Callable[[Job], Tensor], tuple[str, ...], tuple[str, ...]]] = {
    "no x - x'": (lambda j: right(j).mean(0), ("difference_missing",), ()),
    "times x in place of x - x'": (lambda j: j.x * right(j).mean(0), ("times_input",), (ZERO,)),
    "no 1/m": (lambda j: j.d * right(j).sum(0), ("not_averaged",), ()),
    "neither x - x' nor 1/m": (
        lambda j: right(j).sum(0),
        ("difference_missing", "neither_averaged_nor_multiplied", "not_averaged", "unrelated_map"),
        (),
    ),
    "one node too many": (
        _weighted(lambda n: np.full(n + 1, 1 / n), lambda n: np.linspace(0, 1, n + 1)),
        ("one_term_too_many",),
        (),
    ),
    "one node too few": (
        _weighted(lambda n: np.full(n - 1, 1 / n), lambda n: np.arange(1, n) / n),
        ("one_term_too_few",),
        (),
    ),
    "Captum's trapezoid": (_weighted(_captum_weights, lambda n: np.linspace(0, 1, n)), ("trapezoid_weights",), ()),
    "weights that sum to 1.2": (lambda j: 1.2 * right_rule(j), ("scaled",), ()),
    "gradient at the end": (
        lambda j: j.d * gradients(j, [1.0])[0],
        ("gradient_times_difference", "gradient_times_input"),
        (),
    ),
    "gradient x input": (
        lambda j: j.x * gradients(j, [1.0])[0],
        ("gradient_times_input", "gradient_times_difference"),
        (),
    ),
    "the gradient": (lambda j: gradients(j, [1.0])[0], ("gradient_at_input",), ()),
    "gradient at the start": (lambda j: j.d * gradients(j, [0.0])[0], ("gradient_at_baseline",), ()),
    "integer division": (
        lambda j: j.d * gradients(j, np.arange(1, j.n + 1) // j.n).mean(0),
        ("integer_division",),
        (),
    ),
    "wrong sign": (lambda j: -right_rule(j), ("sign_reversed",), ()),
    "absolute value": (lambda j: right_rule(j).abs(), ("absolute_value",), ()),
    "wrong class": (_gradient_of_another, ("wrong_class", "top_class"), ()),
    "sum of the classes": (
        lambda j: j.d * right(j, target="all").mean(0),
        ("all_classes", "zeros", "unrelated_map"),
        (),
    ),
    "zero baseline always": (
        lambda j: j.x * right(j, x0=torch.zeros_like(j.x)).mean(0),
        ("path_from_zero", "map_of_another_baseline"),
        (ZERO,),
    ),
    "path from zero": (
        lambda j: j.d * right(j, x0=torch.zeros_like(j.x)).mean(0),
        ("path_from_zero_times_difference",),
        (ZERO,),
    ),
    "path beyond x": (
        lambda j: j.d * gradients(j, 1 + np.arange(1, j.n + 1) / j.n).mean(0),
        ("path_beyond_input",),
        (),
    ),
    "baseline after normalisation": (
        lambda j: (j.x - 0.5) * right(j, x0=torch.full_like(j.x, 0.5)).mean(0),
        ("baseline_after_normalisation", "map_of_another_baseline"),
        (COLOURED,),
    ),
    "channel mean too early": (_channel_mean, ("channels_averaged",), (COLOURED,)),
    "re-scaled to complete": (_rescaled, ("rescaled_to_complete", "scaled"), ()),
    "normalised to one": (lambda j: right_rule(j) / right_rule(j).abs().max(), ("normalised", "scaled"), ()),
    "only the last batch kept": (lambda j: j.d * right(j)[-max(1, j.n // 4) :].sum(0) / j.n, ("last_batch_only",), ()),
    "mean of the last batch": (lambda j: j.d * right(j)[-max(1, j.n // 4) :].mean(0), ("last_batch_only",), ()),
    "dropout left on": (_dropout, ("noisy_map", "unrelated_map"), ()),
    "float16": (_float16, ("half_precision",), ()),
    "a constant": (lambda j: torch.full_like(j.x, 0.01), ("constant_map",), ()),
    "zeros": (lambda j: torch.zeros_like(j.x), ("zeros",), ()),
    "noise": (_random, ("unrelated_map",), ()),
    "logarithm of the score": (_log, ("log_probability",), ()),
    "squares": (lambda j: right_rule(j) ** 2, ("squared",), ()),
    "height and width exchanged": (
        lambda j: right_rule(j).transpose(1, 2).clone(),
        ("places_mixed_up", "unrelated_map", "noisy_map"),
        (),
    ),
    "NaN": (lambda j: right_rule(j) / (j.d * 0), ("not_finite",), ()),
    "a tenth of the steps": (
        lambda j: right_rule(Job(j.forward, j.x, j.x0, j.target, max(1, j.n // 10))),
        ("other_step_count", "last_batch_only", "noisy_map", "gradient_times_difference"),
        (),
    ),
    "channels summed": (lambda j: right_rule(j).sum(0), ("channels_summed", "axis_missing"), ()),
}

TOP_CLASS = ("top class in place of the target", _top, ("top_class",))
