"""Curves of the slides: saturation, the path through a real network, paths in the plane, rules, panels."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from igref import feature_by_feature, nodes_and_weights, path_integrated_gradients, straight_line
from igref.attribution.adaptive import Panels
from igref.plots.style import COLORS, CONTROL_COLOR, curve_style, in_house_style, panels

BLACK, BLUE, RED, GREEN = COLORS[:4]


@in_house_style
def saturation() -> Figure:
    """1 - ReLU(1 - x) from 0 to 2: what rises on the way, and the slope of zero at the end."""
    figure, axes = panels(1, 1, width=6.4, height=4.6)
    ax: Axes = axes[0, 0]
    x = np.linspace(-0.3, 2.6, 300)
    ax.plot(x, 1 - np.maximum(1 - x, 0), color=BLACK, linewidth=3)
    ax.plot([1.4, 2.6], [1, 1], color=RED, linewidth=6, alpha=0.5)
    ax.annotate("gradient 0", (2, 1), (1.75, 0.72), color=RED, arrowprops={"arrowstyle": "->", "color": RED})
    ax.annotate("gradient 1", (0.5, 0.5), (0.75, 0.32), color=BLUE, arrowprops={"arrowstyle": "->", "color": BLUE})
    ax.plot([0, 2], [0, 1], "o", color=BLACK, markersize=10)
    ax.text(0.08, -0.14, "baseline x' = 0")
    ax.text(2, 1.06, "input x = 2", ha="center")
    ax.set(xlabel="x", ylabel="F(x)", ylim=(-0.35, 1.25), yticks=[0, 1], xticks=[0, 1, 2])
    figure.description = (
        "The function 1 - ReLU(1 - x): it rises with slope 1 from the baseline 0 to 1 at x = 1, then stays at 1. "
        "At the input x = 2 its gradient is 0, although the score has risen from 0 to 1."
    )
    return figure


@in_house_style
def along_path(line: Panels, *, label: str) -> Figure:
    """The score along the path from the baseline to the photo, and its slope: where the attribution is earned."""
    positions, scores, slopes = (t.cpu().numpy() for t in (line.positions, line.scores, line.slopes))
    figure, axes = panels(1, 2, width=5.6, height=4.6)
    for ax, values, title, color in zip(
        axes[0], (scores, slopes), ("score F", "slope dF/dα"), (BLUE, RED), strict=True
    ):
        ax.fill_between(positions, 0, values, color=color, alpha=0.2, linewidth=0)
        ax.plot(positions, values, color=color, marker="o", markersize=4)
        ax.set(xlabel="α: 0 is the baseline, 1 the photo", title=f"{title} of “{label}”", xlim=(0, 1))
    half = float(np.interp(scores[0] + (scores[-1] - scores[0]) / 2, np.maximum.accumulate(scores), positions))
    figure.description = (
        f"The score of {label} along the path rises from {scores[0]:.2f} to {scores[-1]:.2f}; half of the rise is reached at "
        f"α = {half:.2f}. Its slope is at most {slopes.max():.1f} and {slopes[-1]:.2f} at the photo itself."
    )
    return figure


@in_house_style
def many_paths(*, answered: bool = True) -> Figure:
    """Four paths from (0, 0) to (1, 1) for F = x1 x2, and what each gives to the two features.

    Args:
        answered: the shares are there; before that, the room guesses them.
    """
    x, x0 = torch.ones(1, 2, dtype=torch.float64), torch.zeros(1, 2, dtype=torch.float64)
    paths = {
        "straight line": straight_line(x, x0),
        "x1 first": feature_by_feature(x, x0),
        "x2 first": lambda a: feature_by_feature(x, x0)(a).flip(1),
        "parabola": lambda a: torch.stack([a, a**2])[None],
    }
    figure, axes = panels(1, 2, width=5.6, height=4.6, width_ratios=(3, 2))
    plane, table = axes[0]
    ticks = np.linspace(0, 1, 101)
    plane.contour(ticks, ticks, np.outer(ticks, ticks), levels=9, colors="#bbbbbb", linewidths=1)
    gave, rows = [], []
    for index, (name, path) in enumerate(paths.items()):
        points = torch.cat([path(torch.tensor(t, dtype=torch.float64)) for t in ticks])
        style = curve_style(index) | {"marker": None, "linewidth": 3.5}
        plane.plot(points[:, 0], points[:, 1], label=name, **style)
        values = path_integrated_gradients(lambda x: x.prod(1, keepdim=True), path, 0, n_steps=60).values[0]
        rows.append([name, *(f"{v:.2f}" if answered else "?" for v in values.tolist())])
        gave.append(f"{name} {values[0]:.2f} and {values[1]:.2f}")
    plane.plot([0, 1], [0, 1], "o", color=BLACK, markersize=11)
    plane.set(xlabel="x1", ylabel="x2", aspect="equal", xticks=[0, 1], yticks=[0, 1], title="paths over F = x1 · x2")
    plane.grid(False)
    table.set_axis_off()
    for row, cells in enumerate([["path", "x1", "x2"], *rows]):
        color = BLACK if row == 0 else COLORS[row - 1]
        for place, cell in zip((-0.1, 0.68, 0.9), cells, strict=True):
            table.text(place, 0.8 - 0.15 * row, cell, color=color, fontsize=19, transform=table.transAxes)
    said = f"Attributions of x1 and x2: {'; '.join(gave)}." if answered else "Their attributions are still hidden."
    figure.description = f"Four paths from (0, 0) to (1, 1) over the level lines of x1 times x2. {said}"
    return figure


@in_house_style
def rules_at_work(line: Panels, *, n_steps: int = 5) -> Figure:
    """Five rules with the same number of steps on the slope along a real path; the sum of each beside the rise of F."""
    positions, slopes = line.positions.cpu().numpy(), line.slopes.cpu().numpy()
    rise = float(line.scores[-1] - line.scores[0])
    names = ("left", "right", "midpoint", "trapezoid", "gauss_legendre")
    figure, axes = panels(1, len(names), width=2.32, height=3.6, sharey=True)
    said = []
    for ax, rule in zip(axes[0], names, strict=True):
        nodes, weights = (t.numpy() for t in nodes_and_weights(rule, n_steps))
        at_nodes = np.interp(nodes, positions, slopes)
        if rule == "trapezoid":
            ax.fill_between(nodes, 0, at_nodes, facecolor="#9ecae1", edgecolor=BLUE)
        else:
            left = np.concatenate([[0], weights.cumsum()[:-1]])
            ax.bar(left, at_nodes, weights, align="edge", facecolor="#9ecae1", edgecolor=BLUE)
        ax.plot(positions, slopes, color=BLACK, linewidth=1.5)
        ax.plot(nodes, at_nodes, "o", color=RED, markersize=7)
        ax.set(xlabel="α", xticks=[0, 1], title=f"{rule.replace('_', '-')}\n{weights @ at_nodes:.2f}")
        said.append(f"{rule} {weights @ at_nodes:.2f}")
    axes[0, 0].set_ylabel("slope dF/dα")
    figure.description = (
        f"Five quadrature rules at n = {n_steps} on the slope of the score along a path that rises by {rise:.2f}. "
        f"Their sums: {', '.join(said)}."
    )
    return figure


@in_house_style
def halved_panels(lines: Mapping[str, Panels]) -> Figure:
    """Where the adaptive mode has looked: its positions below the score along each path."""
    figure, axes = panels(1, len(lines), width=5.6, height=4.4)
    said = []
    for ax, (name, line) in zip(axes[0], lines.items(), strict=True):
        positions, scores = line.positions.cpu().numpy(), line.scores.cpu().numpy()
        ax.plot(positions, scores, color=BLUE)
        ax.vlines(positions, -0.16, -0.04, color=RED, linewidth=1.6)
        ax.axhline(0, color=CONTROL_COLOR, linewidth=0.8)
        ax.set(xlabel="α", ylim=(-0.2, 1.02), xlim=(0, 1), yticks=[0, 0.5, 1])
        ax.set_title(f"{name}: {len(positions)} gradients")
        said.append(f"{name}: {len(positions)} positions, {int((positions <= 0.5).sum())} of them in the first half")
    axes[0, 0].set_ylabel("score F")
    figure.description = f"The score along the path, and the positions that the adaptive mode chose. {'; '.join(said)}."
    return figure
