"""Curves: how a sum converges to the integral, and how long a label survives when pixels are hidden."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator
from torch import Tensor

from igref.plots.style import CONTROL_COLOR, DescribedFigure, curve_style, in_house_style, panels

TOLERANCE = 0.05
SMALLEST_SHOWN = 1e-6
NEAREST_COUNTS = 1.3  # a count less than this many times the one before it has no room for its name


@runtime_checkable
class Sweep(Protocol):
    """What `convergence` needs of an `igref.StepSweep`."""

    rules: tuple[str, ...]
    steps: tuple[int, ...]
    relative_gap: Float[Tensor, "S N"]
    map_error: Float[Tensor, "S N"]


@runtime_checkable
class Curve(Protocol):
    """What `retention_curves` needs of an `igref.RetentionCurve`."""

    kind: str
    fill: str
    fractions: Float[Tensor, " K"]
    scores: Float[Tensor, "N K"]
    random_scores: Float[Tensor, "N K"]
    reversed_scores: Float[Tensor, "N K"]

    def band(self) -> tuple[Float[Tensor, " K"], Float[Tensor, " K"]]: ...


@in_house_style
def convergence(sweep: Sweep, *, tolerance: float = TOLERANCE) -> DescribedFigure:
    """Error against the number of steps: the completeness gap, and the distance of the map from the finest one.

    The lines are medians over the inputs, the shaded areas reach from the 10th to the 90th percentile.

    Args:
        sweep: an `igref.StepSweep`, or anything with its `rules`, `steps`, `relative_gap` and `map_error`.
        tolerance: where a line marks the gap that is wanted.

    Raises:
        TypeError: the sweep lacks one of these.

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> gap = torch.tensor([[0.4], [0.1], [0.02]])
        >>> sweep = SimpleNamespace(rules=("midpoint",) * 3, steps=(5, 20, 80), relative_gap=gap, map_error=gap - 0.02)
        >>> convergence(sweep).description
        'Median relative completeness gap by number of steps. midpoint: 40% at 5, 10% at 20, 2% at 80 steps.'
    """
    _has(sweep, ("rules", "steps", "relative_gap", "map_error"), "sweep", "igref.step_sweep")
    figure, axes = panels(1, 2, width=4.8, height=3.8)
    of_gap, of_map = axes[0]
    relative_gap, map_error = torch.as_tensor(sweep.relative_gap), torch.as_tensor(sweep.map_error)
    said = []
    for index, rule in enumerate(dict.fromkeys(sweep.rules)):
        entries = sorted((n, s) for s, (r, n) in enumerate(zip(sweep.rules, sweep.steps, strict=True)) if r == rule)
        steps, rows = [n for n, _ in entries], [s for _, s in entries]
        for ax, every in ((of_gap, relative_gap), (of_map, map_error)):
            errors = every[rows].double().cpu().numpy()
            # The finest map is compared with itself: nothing to draw on a logarithmic scale.
            errors = np.where(errors > 0, np.maximum(errors, SMALLEST_SHOWN), np.nan)
            drawn = ~np.isnan(errors).all(axis=1)
            _curve_with_band(ax, np.array(steps)[drawn], errors[drawn], rule.replace("_", "-"), index)
        medians = relative_gap[rows].median(dim=1).values.tolist()
        shares = ", ".join(f"{100 * m:.2g}% at {n}" for n, m in zip(steps, medians, strict=True))
        said.append(f"{rule}: {shares} steps.")
    of_gap.axhline(tolerance, color=CONTROL_COLOR, linewidth=1.2)
    of_gap.annotate(
        f" {tolerance:.0%}", (1, tolerance), xycoords=("axes fraction", "data"), color=CONTROL_COLOR, va="center"
    )
    for ax, title in ((of_gap, "relative completeness gap"), (of_map, "distance from the finest map")):
        ax.set(xscale="log", yscale="log", xlabel="steps", title=title)
        counts = sorted(set(sweep.steps))
        names = ["" if any(n / NEAREST_COUNTS < k < n for k in counts) else str(n) for n in counts]
        ax.set_xticks(counts, names, fontsize=11)
        ax.minorticks_off()
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g}%"))
    handles = of_gap.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=len(handles[0]))
    figure.description = f"Median relative completeness gap by number of steps. {' '.join(said)}"
    return figure


@in_house_style
def retention_curves(curves: Mapping[str, Curve], *, title: str = "") -> DescribedFigure:
    """The mean score of the label against the share of pixels kept (or removed), one curve a method, with controls.

    Shaded: 95 % bootstrap interval over the images. Grey: a random ranking; thin: the reversed ranking of each method.

    Args:
        curves: method to `igref.RetentionCurve`; all of one kind and one fill.
        title: written above the figure.

    Raises:
        TypeError: a curve lacks what a RetentionCurve has.
        ValueError: there are none, or their kinds or fills differ.

    Example:
        >>> import torch, igref
        >>> curve = igref.retention_curve(lambda x: x, torch.rand(3, 4), torch.rand(3, 4), 0)
        >>> retention_curves({"by chance": curve}).description[:31]
        'retention, fill mean. Mean area'
    """
    needed = ("kind", "fill", "fractions", "scores", "random_scores", "reversed_scores", "band")
    for name, curve in curves.items():
        _has(curve, needed, f"curves[{name!r}]", "igref.retention_curve")
    kinds = {(curve.kind, curve.fill) for curve in curves.values()}
    if len(kinds) != 1:
        raise ValueError(f"curves: expected curves of one kind and one fill, got {sorted(kinds) or 'none'}.")
    ((kind, fill),) = kinds
    figure, axes = panels(1, 1, width=6.4, height=4.0)
    ax = axes[0, 0]
    areas = []
    for index, (name, curve) in enumerate(curves.items()):
        fractions = curve.fractions.cpu().numpy()
        low, high = (bound.cpu().numpy() for bound in curve.band())
        style = curve_style(index)
        ax.fill_between(fractions, low, high, color=style["color"], alpha=0.15, linewidth=0)
        ax.plot(fractions, curve.scores.mean(0).cpu().numpy(), label=name, **style)
        reversed_style = style | {"marker": None, "linewidth": 1.0}
        ax.plot(fractions, curve.reversed_scores.mean(0).cpu().numpy(), **reversed_style)
        areas.append(f"{name} {float(np.trapezoid(curve.scores.mean(0).cpu().numpy(), fractions)):.2f}")
    first = next(iter(curves.values()))
    random_scores = first.random_scores.mean(0).cpu().numpy()
    ax.plot(
        first.fractions.cpu().numpy(),
        random_scores,
        color=CONTROL_COLOR,
        linewidth=4,
        alpha=0.6,
        zorder=1,
        label="random ranking",
    )
    ax.plot([], [], color="black", linewidth=1.0, label="reversed ranking")
    shares = {
        "retention": "share of pixels kept",
        "insertion": "share of pixels inserted",
        "deletion": "share of pixels deleted",
    }
    ax.set(xlabel=shares.get(kind, "share of pixels"), ylabel="score of the label", xlim=(0, 1), ylim=(0, None))
    ax.set_title(title or f"{kind}, fill: {fill.replace('_', ' ')}")
    ax.legend(fontsize=11)
    figure.description = (
        f"{kind}, fill {fill}. Mean area under the curve: {', '.join(areas)}, "
        f"random ranking {float(np.trapezoid(random_scores, first.fractions.cpu().numpy())):.2f}."
    )
    return figure


def _curve_with_band(ax: Axes, x: np.ndarray, values: np.ndarray, label: str, index: int) -> None:
    """Median over the columns of values, and the area between their 10th and 90th percentile."""
    low, middle, high = np.nanpercentile(values, (10, 50, 90), axis=1) if len(values) else np.empty((3, 0))
    style = curve_style(index)
    ax.fill_between(x, low, high, color=style["color"], alpha=0.15, linewidth=0)
    ax.plot(x, middle, label=label, **style)


def _has(thing: object, attributes: tuple[str, ...], name: str, made_by: str) -> None:
    missing = [attribute for attribute in attributes if not hasattr(thing, attribute)]
    if missing:
        raise TypeError(
            f"{name}: expected what {made_by} returns, got {type(thing).__name__} without {', '.join(missing)}."
        )
