"""The slides about mistakes: what programs add up to beside what they should, and a gap that does not stay small."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from igref.plots.style import COLORS, CONTROL_COLOR, DescribedFigure, in_house_style, panels

BLACK, BLUE, RED, GREEN = COLORS[:4]


@in_house_style
def sums_beside(
    values: Mapping[str, float],
    *,
    right: Sequence[str],
    goal: float,
    goal_name: str = "F(x) − F(x')",
    most: float = 2.0,
) -> DescribedFigure:
    """What several programs add up to, as bars beside what they should.

    Args:
        values: program to sum, from top to bottom.
        right: those that are right.
        goal: what they come near.
        goal_name: written at the goal's line.
        most: how far the axis reaches, in goals; a longer bar is cut, and its number says how long it is.
    """
    figure, axes = panels(1, 1, width=11.4, height=1.0 + 0.62 * len(values))
    ax: Axes = axes[0, 0]
    reach = most * abs(goal)
    for row, (name, value) in enumerate(values.items()):
        value = round(value, 3) + 0.0  # no "-0.000"
        shown = float(np.clip(value, -reach, reach))
        is_right = name in right
        ax.barh(row, shown, color=BLUE if is_right else "#f0b58a", edgecolor=BLUE if is_right else RED, height=0.62)
        beyond = " →" if value > reach else " ←" if value < -reach else ""
        ax.text(
            max(shown, 0) + 0.02 * reach,
            row,
            f"{_signed(value)}{beyond}",
            va="center",
            fontsize=19,
            backgroundcolor="white",
        )
    ax.axvline(goal, color=BLACK, linestyle="--", linewidth=2)
    ax.axvline(0, color=CONTROL_COLOR, linewidth=1)
    ax.set_yticks(range(len(values)), list(values), fontsize=19)
    ax.set_xlim(-1.3 * reach if min(values.values()) < 0 else 0, 1.3 * reach)
    ax.invert_yaxis()
    ax.grid(False)
    ax.set_title(f"dashed: {goal_name} = {_signed(goal)}", fontsize=19)
    told = ", ".join(f"{name} {_signed(value)}" for name, value in values.items())
    figure.description = (
        f"Sums of several programs beside {goal_name} = {_signed(goal)}: {told}. Right: {', '.join(right)}."
    )
    return figure


def _signed(value: float) -> str:
    """A number with its sign, and as many digits as can be told apart in a bar.

    >>> _signed(-0.0082), _signed(206.019)
    ('−0.008', '+206')
    """
    return f"{value:+.{3 if abs(value) < 10 else 0}f}".replace("-", "−")


@in_house_style
def gap_at_counts(gaps: Mapping[int, float], *, tolerance: float = 0.05) -> DescribedFigure:
    """The relative gap of one pair at growing step counts, and the tolerance: small once is not small from there on."""
    figure, axes = panels(1, 1, width=11.0, height=4.4)
    ax: Axes = axes[0, 0]
    counts, sizes = np.array(list(gaps)), np.array(list(gaps.values()))
    ax.axhspan(1e-4, tolerance, color=GREEN, alpha=0.15, linewidth=0)
    ax.plot(counts, sizes, color=BLACK, marker="o")
    relapses = [n for n, gap in gaps.items() if gap > tolerance and any(gaps[k] <= tolerance for k in gaps if k < n)]
    for n in relapses:
        ax.annotate(f"{n} steps: {gaps[n]:.0%}", (n, gaps[n]), (0, 9), textcoords="offset points", ha="center")
    ax.set(xscale="log", yscale="log", xlabel="steps", ylabel="relative gap", ylim=(min(sizes) / 1.6, 3 * max(sizes)))
    ax.set_xticks(counts, ["" if n in relapses or any(n / 1.3 < k < n for k in gaps) else str(n) for n in gaps])
    ax.minorticks_off()
    ax.set_yticks([0.001, 0.01, 0.05, 0.5], ["0.1 %", "1 %", "5 %", "50 %"])
    figure.description = "Relative gap of one pair at growing step counts: " + ", ".join(
        f"{size:.1%} at {count}" for count, size in gaps.items()
    )
    return figure


@in_house_style
def gaps_of_pairs(rows: Sequence[Mapping], *, tolerance: float = 0.05) -> DescribedFigure:
    """The relative gap of many pairs of photo and baseline at growing step counts, and from which count on each stays small.

    Args:
        rows: of `measured`: photo, baseline, gap at each count, and the count from which on it is within.
        tolerance: of the gap.
    """
    figure, axes = panels(1, 2, width=5.7, height=4.6, width_ratios=(3, 2))
    of_gaps, of_counts = axes[0]
    *most, last = sorted(rows, key=lambda row: row["within"])
    counts = [int(n) for n in last["gap"]]
    of_gaps.axhspan(1e-5, tolerance, color=GREEN, alpha=0.15, linewidth=0)
    for row in (*most, last):
        is_last = row is last
        look = {"color": RED, "linewidth": 3, "marker": "o"} if is_last else {"color": CONTROL_COLOR, "linewidth": 1.5}
        of_gaps.plot(counts, [max(gap, 2e-4) for gap in row["gap"].values()], **look)
    of_gaps.set(xscale="log", yscale="log", xlabel="steps", title="relative gap", ylim=(2e-4, 5))
    of_gaps.set_xticks([5, 20, 100, 550], ["5", "20", "100", "550"])
    of_gaps.set_yticks([0.001, 0.01, 0.05, 0.5], ["0.1 %", "1 %", "5 %", "50 %"])
    of_gaps.minorticks_off()
    within = [row["within"] for row in (*most, last)]
    enough = sorted(set(within))
    sizes = [within.count(n) for n in enough]
    colors = [RED if n == last["within"] else BLUE for n in enough]
    drawn = of_counts.bar([str(n) for n in enough], sizes, color=colors)
    of_counts.bar_label(drawn, fontsize=17)
    of_counts.set(xlabel="steps from which on it stays", title=f"pairs within {tolerance:.0%}", yticks=[])
    of_counts.set_ylim(0, 1.2 * max(sizes))
    of_counts.grid(False)
    name = f"{last['photo']} from {last['baseline'].replace('_', ' ')}"
    figure.description = (
        f"Relative gaps of {len(rows)} pairs of photo and baseline at growing step counts; the last to stay within "
        f"{tolerance:.0%}, from {last['within']} steps on, is {name}. Pairs that stay within from each count on: "
        + ", ".join(f"{size} from {n}" for n, size in zip(enough, sizes, strict=True))
        + "."
    )
    return figure
