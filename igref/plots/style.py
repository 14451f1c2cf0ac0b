"""The house style: readable from the last row, without colour vision, and printed in grey.

Curves differ in colour, dash and marker. Maps use cividis, which goes from dark (against the class) over grey (zero) to
bright (for the class), so that the sign survives in grey. Text is set in Source Sans 3, as on the pages of the lecture; the font
is in `fonts/`, as Adobe publishes it.
"""

from base64 import b64encode
from collections.abc import Callable
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito, Color Universal Design, 2008; from dark to light.
COLORS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")
SIGNED_COLORMAP = "cividis"
CONTROL_COLOR = "#767676"
Arguments = ParamSpec("Arguments")

TYPEFACE = "Source Sans 3"
font_manager.fontManager.addfont(Path(__file__).parent / "fonts" / "SourceSans3-Regular.ttf")

PANEL_INCHES = 2.6
FILE_DPI = 150
HEIGHT_PAD = 0.06  # inches; the scale below a map takes some of it

_STYLE: dict[Any, Any] = {
    "font.family": [TYPEFACE, "DejaVu Sans"],  # the second for signs that the first lacks
    "font.size": 13.5,
    "axes.titlesize": 13.5,
    "axes.labelsize": 13.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "lines.linewidth": 2.2,
    "lines.markersize": 6,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "axes.titlepad": 0,  # the typeface has room of its own above and below each line
    "xtick.major.pad": 1,
    "figure.constrained_layout.h_pad": HEIGHT_PAD,
    "figure.constrained_layout.w_pad": 0.06,
    "figure.constrained_layout.hspace": 0.0,
    "figure.constrained_layout.wspace": 0.0,
}


class DescribedFigure(Figure):
    """A matplotlib Figure with an alternative text, which a notebook stores beside the picture.

    It belongs to no window and to no global state of pyplot, so that it is freed like any other object.
    """

    description = ""

    def savefig(self, fname, *, dpi: float | str = FILE_DPI, **options) -> None:
        """Write the figure to a file, fine enough for a slide."""
        super().savefig(fname, dpi=dpi, **options)

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=self.dpi)
        png = b64encode(buffer.getvalue()).decode("ascii")
        return {"image/png": png, "text/plain": self.description}, {"image/png": {"alt": self.description}}


def in_house_style(draw: Callable[Arguments, DescribedFigure]) -> Callable[Arguments, DescribedFigure]:
    """Decorator: draw with the house style, and leave matplotlib's own settings as they were."""

    @wraps(draw)
    def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> DescribedFigure:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(_STYLE)
            figure = draw(*args, **kwargs)
            figure.canvas.draw()  # the layout is settled now: later, other settings would be in force
        return figure

    return drawn


def panels(rows: int, columns: int, *, width: float = PANEL_INCHES, height: float = PANEL_INCHES, **options):
    """A figure and its (rows, columns) array of axes."""
    figure = DescribedFigure(figsize=(columns * width, rows * height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def no_ticks(ax: Axes) -> None:
    """Pictures have no scales, but stay framed: a white baseline on a white slide would be invisible."""
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set(visible=True, color="#999999", linewidth=0.6)


def curve_style(index: int) -> dict:
    """Colour, dash and marker of the curve with this number; they repeat after six."""
    return {
        "color": COLORS[index % len(COLORS)],
        "linestyle": DASHES[index % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
    }


def alt_text(figure: Figure) -> str:
    """What a figure of this package shows, in words, for readers who do not see it.

    Raises:
        TypeError: the figure was not drawn by `igref.plots`.

    Example:
        >>> import torch
        >>> from igref.plots import attribution_row
        >>> alt_text(attribution_row(torch.rand(3, 8, 8), torch.rand(3, 8, 8), title="IG"))[:25]
        'IG. From left to right: p'
    """
    if not isinstance(figure, DescribedFigure):
        raise TypeError(f"figure: expected a figure drawn by igref.plots, got {type(figure).__name__}.")
    return figure.description
