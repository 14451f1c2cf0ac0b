"""What the demos draw while a slider moves: pictures and curves side by side, in the house style of igref.plots."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from igref.plots import maps as in_house
from igref.plots import scaled_pixels
from igref.plots.maps import channel_sum, describe_map, show_picture
from igref.plots.style import COLORS, DescribedFigure, curve_style, in_house_style, panels

Picture = Float[Tensor, "channels height width"]
BLACK, BLUE, RED = COLORS[:3]
show_map = partial(in_house.show_map, colormap="RdBu_r")  # as on the slides
BLOCK = 32
"""The side of the squares over which a photo's map is summed, in pixels: the back row sees no single ones."""
WIDTH, INCHES_OF_MAP, INCHES_ABOVE = 9.5, 4.2, 1.8


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


def _above_maps(above: int, maps: int) -> tuple[DescribedFigure, Sequence[Axes], Sequence[Axes]]:
    """Some small axes side by side, and below them a row of two or three large ones."""
    figure = DescribedFigure(figsize=(WIDTH, INCHES_ABOVE + INCHES_OF_MAP), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03)
    # Two figures within it: the ticks of one move nothing in the other.
    top, bottom = figure.subfigures(2, 1, height_ratios=(INCHES_ABOVE, INCHES_OF_MAP))
    small, large = top.subplots(1, above, squeeze=False)[0], bottom.subplots(1, maps, squeeze=False)[0]
    return figure, small, large


def _show_squares(ax: Axes, values: Picture, title: str = "") -> None:
    """A photo's map summed over squares."""
    squares = BLOCK**2 * torch.nn.functional.avg_pool2d(channel_sum(values)[None], BLOCK)
    show_map(ax, squares, f"{title}, summed" if title else f"summed over {BLOCK} × {BLOCK}")


def _has_squares(photo: Picture) -> bool:
    return min(photo.shape[1:]) > BLOCK


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
    figure, (picture, curve), maps = _above_maps(2, 3)
    show_picture(picture, point, f"α = {alphas[here]:.2f}")
    _show_squares(maps[0], gradient_here, "(x - x') x gradient")
    show_map(maps[1], map_so_far, "map so far")
    _show_squares(maps[2], map_so_far, "map so far")
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
    """Photo, baseline and overlay, and below them the map, pixel by pixel and summed over squares."""
    figure, above, maps = _above_maps(3, 2)
    show_picture(above[0], photo, "photo")
    show_picture(above[1], baseline, "baseline")
    show_picture(above[2], scaled_pixels(photo, values), "photo x |attribution|")
    show_map(maps[0], values, "attribution")
    _show_squares(maps[1], values)
    figure.suptitle(title)
    figure.description = f"{title}. {describe_map(values)}"
    return figure


@in_house_style
def maps_of_baselines(found: Mapping[str, tuple[Picture, Picture]]) -> Figure:
    """Three baselines and, below each, its map, pixel by pixel and summed over squares."""
    figure, axes = panels(3, len(found), width=WIDTH / len(found), height=3.5, height_ratios=(1.4, 3.5, 3.5))
    figure.get_layout_engine().set(w_pad=0.03)
    for (above, *both), (name, (baseline, values)) in zip(axes.T, found.items(), strict=True):
        show_picture(above, baseline, name.replace("_", " "))
        show_map(both[0], values, "pixel by pixel")
        _show_squares(both[1], values)
    said = " ".join(f"{name}: {describe_map(values)}" for name, (_, values) in found.items())
    figure.description = f"The maps of {len(found)} baselines. {said}"
    return figure


@in_house_style
def map_beside_finest(
    photo: Picture, values: Picture, finest: Picture, *, gap: float, error: float, title: str
) -> Figure:
    """A photo, its map with few steps and with many (summed over squares, too), and the two errors in words."""
    figure, above, maps = _above_maps(1, 3 if _has_squares(photo) else 2)
    show_picture(above[0], photo, "photo" if _has_squares(photo) else "digit")
    show_map(maps[0], values, title)
    if _has_squares(photo):
        _show_squares(maps[1], values)
        _show_squares(maps[2], finest, "the reference")
    else:
        show_map(maps[1], finest, "the reference")
    figure.suptitle(f"completeness gap {gap:.1%} of the rise, distance from the reference {error:.0%}")
    figure.description = f"{title}: completeness gap {gap:.1%}, distance from the reference map {error:.0%}."
    return figure


@in_house_style
def prediction(image: Picture, top: Sequence[tuple[str, float]], values: Picture, *, asked: str, right: str) -> Figure:
    """A changed photo, what the network says, and the map of one class."""
    figure, (picture, said_of_it), maps = _above_maps(2, 2)
    show_picture(picture, image, "the network's input")
    names, shares = zip(*top, strict=True)
    bars = said_of_it.barh(range(len(top)), shares, color=[BLUE if name == right else "#9ecae1" for name in names])
    said_of_it.bar_label(bars, [f"{name} {share:.0%}" for name, share in top], padding=4)
    said_of_it.set(xlim=(0, 1.7), yticks=[], xticks=[0, 0.5, 1], title="what it says")
    said_of_it.invert_yaxis()
    said_of_it.grid(False)
    show_map(maps[0], values, f"map of “{asked}”")
    _show_squares(maps[1], values)
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
    curve.legend(fontsize=11)
    at = ", ".join(f"{name} {values[here]:.2f}" for name, values in scores.items())
    figure.description = f"{title}: {shares[here]:.0%} of the pixels are kept. Score of the label: {at}."
    return figure


def importance_order(values: Picture) -> Tensor:
    """Pixel numbers, the most important first: channels summed, as all channels of a pixel are hidden together."""
    return torch.argsort(values.sum(0).flatten(), descending=True)
