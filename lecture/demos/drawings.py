"""What the demos draw while a slider moves: pictures and curves side by side, in the house style of igref.plots."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from igref.plots import scaled_pixels
from igref.plots.maps import describe_map, show_map, show_picture
from igref.plots.style import COLORS, curve_style, in_house_style, panels

Picture = Float[Tensor, "channels height width"]
BLACK, BLUE, RED = COLORS[:3]


@in_house_style
def saturated_score(x: float) -> Figure:
    """1 - ReLU(1 - x) from the baseline 0 to x: what the gradient at x says, and what the mean gradient says."""
    figure, axes = panels(1, 2, width=4.6, height=3.4, width_ratios=(3, 2))
    curve, bars = axes[0]
    positions = np.linspace(-0.5, 3, 200)
    curve.plot(positions, 1 - np.maximum(1 - positions, 0), color=BLACK)
    score, gradient = min(x, 1.0), float(x < 1)
    curve.plot([0, x], [0, score], "o--", color=BLUE, markersize=9)
    curve.plot([x - 0.5, x + 0.5], [score - gradient / 2, score + gradient / 2], color=RED, linewidth=4, alpha=0.7)
    curve.set(xlabel="x", ylabel="F(x)", ylim=(-0.6, 1.6), title="F(x) = 1 - ReLU(1 - x)")
    drawn = bars.bar(["gradient\nx input", "integrated\ngradients"], [x * gradient, score], color=[RED, BLUE])
    bars.bar_label(drawn, fmt="%.2f")
    bars.axhline(score, color=BLACK, linewidth=1)
    bars.set_axisbelow(True)
    bars.set(ylim=(0, 1.3), title="attribution of x")
    figure.description = (
        f"At x = {x:.2f} the score is {score:.2f}. Gradient times input gives {x * gradient:.2f}, integrated gradients "
        f"{score:.2f}."
    )
    return figure


@in_house_style
def on_the_path(
    point: Picture,
    gradient_here: Picture,
    map_so_far: Picture,
    alphas: Sequence[float],
    scores: Sequence[float],
    here: int,
    *,
    label: str,
) -> Figure:
    """One stop on the path: the picture there, its gradient, the map summed so far, and the score along the path."""
    figure, axes = panels(1, 4, height=2.9, width_ratios=(1, 1, 1, 1.4))
    show_picture(axes[0, 0], point, f"α = {alphas[here]:.2f}")
    show_map(axes[0, 1], gradient_here, "(x - x') x gradient")
    show_map(axes[0, 2], map_so_far, "map so far")
    curve = axes[0, 3]
    curve.plot(alphas, scores, color=BLUE)
    curve.plot(alphas[here], scores[here], "o", color=RED, markersize=10)
    total = float(map_so_far.double().sum())
    curve.axhline(scores[0] + total, color=RED, linewidth=1.2, linestyle="--")
    curve.set(xlabel="α", title=f"score of “{label}”", ylim=(min(0.0, min(scores)) - 0.03, 1.03))
    figure.description = (
        f"At α = {alphas[here]:.2f} the score of {label} is {scores[here]:.2f}; the map so far sums to {total:.2f}, "
        f"the score has risen by {scores[here] - scores[0]:.2f}."
    )
    return figure


@in_house_style
def bent_path(bend: float, path_points: Float[Tensor, "K 2"], values: Sequence[float]) -> Figure:
    """A path from (0, 0) to (1, 1) over F = x1 x2, and what it gives to the two features."""
    figure, axes = panels(1, 2, width=4.2, height=3.6)
    plane, bars = axes[0]
    ticks = np.linspace(0, 1, 101)
    plane.contour(ticks, ticks, np.outer(ticks, ticks), levels=9, colors="#bbbbbb", linewidths=1)
    plane.plot(path_points[:, 0], path_points[:, 1], color=BLUE, linewidth=3)
    plane.set(xlabel="x1", ylabel="x2", aspect="equal", xticks=[0, 1], yticks=[0, 1], title=f"x2 = x1 to the {bend:g}")
    plane.grid(False)
    drawn = bars.bar(["x1", "x2"], list(values), color=[BLACK, BLUE])
    bars.bar_label(drawn, fmt="%.2f")
    bars.set_axisbelow(True)
    bars.set(ylim=(0, 1.1), title="attributions at (1, 1)")
    figure.description = f"Along x2 = x1 to the {bend:g}, x1 gets {values[0]:.2f} and x2 gets {values[1]:.2f}."
    return figure


@in_house_style
def baseline_row(photo: Picture, baseline: Picture, values: Picture, *, title: str) -> Figure:
    """Baseline, map and overlay of one photo."""
    figure, axes = panels(1, 4, height=3.1)
    show_picture(axes[0, 0], photo, "photo")
    show_picture(axes[0, 1], baseline, "baseline")
    show_map(axes[0, 2], values, "attribution")
    show_picture(axes[0, 3], scaled_pixels(photo, values), "photo x |attribution|")
    figure.suptitle(title)
    figure.description = f"{title}. {describe_map(values)}"
    return figure


@in_house_style
def map_beside_finest(
    photo: Picture, values: Picture, finest: Picture, *, gap: float, error: float, title: str
) -> Figure:
    """A photo, its map with few steps, and its map with many, with the two errors in words."""
    figure, axes = panels(1, 3, width=2.9, height=3.2)
    show_picture(axes[0, 0], photo, "photo")
    show_map(axes[0, 1], values, title)
    show_map(axes[0, 2], finest, "the reference")
    figure.suptitle(f"completeness gap {gap:.1%} of the rise, distance from the reference {error:.0%}")
    figure.description = f"{title}: completeness gap {gap:.1%}, distance from the reference map {error:.0%}."
    return figure


@in_house_style
def prediction(image: Picture, top: Sequence[tuple[str, float]], values: Picture, *, asked: str, right: str) -> Figure:
    """A changed photo, what the network says, and the map of one class."""
    figure, axes = panels(1, 3, width=3.2, height=3.2, width_ratios=(1, 1.2, 1))
    show_picture(axes[0, 0], image, "the network's input")
    names, shares = zip(*top, strict=True)
    bars = axes[0, 1].barh(range(len(top)), shares, color=[BLUE if name == right else "#9ecae1" for name in names])
    axes[0, 1].bar_label(bars, [f"{name} {share:.0%}" for name, share in top], padding=4)
    axes[0, 1].set(xlim=(0, 1.7), yticks=[], xticks=[0, 0.5, 1], title="what it says")
    axes[0, 1].invert_yaxis()
    axes[0, 1].grid(False)
    show_map(axes[0, 2], values, f"map of “{asked}”")
    said = ", ".join(f"{name} {share:.0%}" for name, share in top)
    figure.description = f"The network says {said}. Map of {asked}: {describe_map(values)}"
    return figure


@in_house_style
def masked(
    image: Picture, shares: Sequence[float], scores: dict[str, Sequence[float]], here: int, *, title: str
) -> Figure:
    """A photo of which only some pixels are left, and the score against the share that is kept."""
    figure, axes = panels(1, 2, width=4.2, height=3.6, width_ratios=(2, 3))
    show_picture(axes[0, 0], image, title)
    curve = axes[0, 1]
    for index, (name, values) in enumerate(scores.items()):
        curve.plot(shares, values, label=name, **curve_style(index))
    curve.axvline(shares[here], color=RED, linewidth=1.5)
    curve.set(xlabel="share of pixels kept", ylabel="score of the label", xlim=(0, 1), ylim=(0, 1))
    curve.legend(fontsize=10)
    at = ", ".join(f"{name} {values[here]:.2f}" for name, values in scores.items())
    figure.description = f"{title}: {shares[here]:.0%} of the pixels are kept. Score of the label: {at}."
    return figure


def importance_order(values: Picture) -> Tensor:
    """Pixel numbers, the most important first: channels summed, as all channels of a pixel are hidden together."""
    return torch.argsort(values.sum(0).flatten(), descending=True)
