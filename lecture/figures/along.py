"""What happens along the path: frames from baseline to photo with the map so far, two features in the plane, pixels taken away."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from igref import gradient, nodes_and_weights
from igref.plots.maps import show_picture
from igref.plots.style import COLORS, DescribedFigure, curve_style, in_house_style, panels
from igref.quality.curves import RetentionCurve
from igref.types import Forward

from .pictures import BLOCK, WIDE, Picture, scale_ends, show_both

BLACK, BLUE, RED = COLORS[:3]


def morph(
    forward: Forward,
    image: Picture,
    baseline: Picture,
    target: int,
    *,
    stops: Sequence[float] = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0),
    n_steps: int = 60,
) -> list[DescribedFigure]:
    """One frame for each stop: the picture there, the map so far, and the running sum on its way to F(x) - F(x').

    Args:
        forward: (B, C, H, W) -> (B, K) probabilities.
        image, baseline: (C, H, W).
        target: the class.
        stops: positions in (0, 1], ascending.
        n_steps: of the midpoint rule.
    """
    nodes, weights = nodes_and_weights("midpoint", n_steps)
    points = baseline + nodes.float().view(-1, 1, 1, 1) * (image - baseline)
    terms = weights.view(-1, 1, 1, 1) * gradient(forward, points, target).double() * (image - baseline)
    sums = terms.sum((1, 2, 3)).cumsum(0)
    with torch.no_grad():
        scores = torch.cat([forward(chunk)[:, target] for chunk in torch.stack([baseline, image]).split(1)])
    rise = float(scores[1] - scores[0])
    limits = scale_ends(terms.sum(0), BLOCK)
    return [
        _frame(stop, baseline + stop * (image - baseline), terms[nodes <= stop].sum(0), nodes, sums, rise, limits)
        for stop in stops
    ]


@in_house_style
def _frame(
    stop: float,
    point: Picture,
    so_far: Picture,
    nodes: Tensor,
    sums: Tensor,
    rise: float,
    limits: tuple[float, float],
) -> DescribedFigure:
    figure, axes = panels(1, 4, width=WIDE / 4, height=4.2, width_ratios=(0.93, 1, 1, 0.93))
    figure.get_layout_engine().set(w_pad=0.02)
    of_point, *of_map, of_sum = axes[0]
    show_picture(of_point, point, f"the picture at α = {stop:g}")
    show_both(of_map, so_far, BLOCK, limits)
    of_map[0].set_title("map so far, pixel by pixel")
    passed = (nodes <= stop).numpy()
    reached = float(sums[nodes <= stop][-1])
    of_sum.plot(nodes.numpy()[passed], sums.numpy()[passed], color=BLUE, linewidth=3.5)
    of_sum.axhline(rise, color=BLACK, linestyle="--")
    of_sum.text(0.98, rise, f"F(x) − F(x') = {rise:.2f}", ha="right", va="bottom")
    of_sum.set(
        xlim=(0, 1),
        ylim=(min(0.0, float(sums.min())) - 0.05, 1.25 * max(rise, float(sums.max()))),
        xlabel="α",
        title=f"sum so far: {reached:.2f}",
        box_aspect=1,
    )
    figure.description = (
        f"At α = {stop:g} of the way from the baseline to the photo: the picture, the map up to there, and its sum, {reached:.2f} "
        f"of {rise:.2f}."
    )
    return figure


@in_house_style
def running_sum_in_the_plane() -> DescribedFigure:
    """F = x1 x2² on the straight line from (0, 0) to (1, 1): the path with its gradients, and what each feature has got so far."""
    alphas = torch.linspace(0, 1, 201, dtype=torch.float64)
    points = torch.stack([alphas, alphas], dim=1)
    slopes = gradient(lambda x: (x[:, 0] * x[:, 1] ** 2)[:, None], points, 0)
    shares = torch.cumulative_trapezoid(slopes, alphas, dim=0)  # x - x' is 1 for both
    figure, axes = panels(1, 2, width=5.6, height=4.8)
    plane, sums = axes[0]
    ticks = np.linspace(0, 1.15, 101)
    plane.contour(ticks, ticks, ticks[:, None] ** 2 * ticks[None], levels=10, colors="#bbbbbb", linewidths=1)
    plane.plot([0, 1], [0, 1], color=BLACK, linewidth=4)
    for place in (60, 100, 140, 180):
        x, y = points[place].tolist()
        right, up = (0.16 * slopes[place]).tolist()
        for across, along, color in ((right, 0, BLUE), (0, up, RED)):
            plane.annotate(
                "", (x + across, y + along), (x, y), arrowprops={"arrowstyle": "-|>", "color": color, "lw": 3}
            )
    plane.plot([0, 1], [0, 1], "o", color=BLACK, markersize=11)
    plane.set(
        xlabel="x1", ylabel="x2", aspect="equal", xlim=(-0.05, 1.2), ylim=(-0.05, 1.35), xticks=[0, 1], yticks=[0, 1]
    )
    plane.set_title("path over F = x1 · x2²")
    plane.grid(False)
    at, (one, two) = alphas[1:].numpy(), shares.T.numpy()
    sums.fill_between(at, 0, one, color=BLUE, alpha=0.35, linewidth=0)
    sums.fill_between(at, one, one + two, color=RED, alpha=0.35, linewidth=0, hatch="//", edgecolor=RED)
    sums.plot(at, one + two, color=BLACK, linewidth=3)
    on_white = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
    sums.text(0.96, one[-1] / 2, f"x1: {one[-1]:.2f}", ha="right", va="center", bbox=on_white)
    sums.text(0.96, one[-1] + 0.2 * two[-1], f"x2: {two[-1]:.2f}", ha="right", va="center", bbox=on_white)
    sums.set(xlim=(0, 1), ylim=(0, 1.1), xlabel="α", title=f"running sum: {one[-1] + two[-1]:.2f} at the end")
    figure.description = (
        "Left: the straight path from (0, 0) to (1, 1) over the level lines of x1 times x2 squared, with the parts of the gradient "
        f"along x1 and x2. Right: the running sum of the attributions; x1 ends at {one[-1]:.2f}, x2 at {two[-1]:.2f}, "
        "together F(x) - F(x') = 1."
    )
    return figure


@in_house_style
def pixels_taken_away(image: Picture, masked: Mapping[str, Picture], curve: RetentionCurve) -> DescribedFigure:
    """The photo without some pixels, by each ranking, and how the score falls as more of them are taken.

    Args:
        image: (C, H, W), whose curve it is.
        masked: caption to picture (C, H, W), two of them.
        curve: of deletion, for this image alone.
    """
    figure, axes = panels(1, 1 + len(masked), width=3.8, height=4.8, width_ratios=(*[1] * len(masked), 1.2))
    *of_pictures, of_curve = axes[0]
    for ax, (caption, picture) in zip(of_pictures, masked.items(), strict=True):
        show_picture(ax, picture, caption)
    shares = curve.fractions.numpy()
    said = []
    for index, (name, scores, area) in enumerate(
        (("map", curve.scores, curve.area), ("random", curve.random_scores, curve.random_area))
    ):
        of_curve.plot(shares, scores[0].numpy(), label=f"{name} {float(area):.3f}", **curve_style(index))
        said.append(f"{name} {float(area):.3f}")
    of_curve.set(xlabel="share of the pixels taken away", ylim=(0, 1.02), xlim=(0, 1), title="score", box_aspect=0.85)
    of_curve.legend(loc="upper right", title="area below", handlelength=1.5)
    pictures = " and ".join(masked).replace("\n", " ")
    figure.description = f"The photo: {pictures}; and the score as pixels are taken away. Areas: {', '.join(said)}."
    return figure
