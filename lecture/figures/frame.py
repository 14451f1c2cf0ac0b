"""A figure on a slide: as large as the room it gets, and no text too small for the back row."""

from base64 import b64encode
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from igref.plots import alt_text
from igref.plots.style import HEIGHT_PAD, in_house_style

PIXELS_PER_INCH = 100  # of the slide: a figure 11.6 inches wide is 1160 of its 1280 pixels
SHARPNESS = 1.5  # so that it is not blurred on a projector of 1920 x 1080
SMALLEST_TEXT = 14.5  # points, 20 pixels on the slide
WIDTH, HEIGHT = 11.6, 5.2
CUT_OFF = 0.01  # inches, a pixel of the slide
MOST_LAYOUTS, MOST_ROOM = 4, 0.2  # as a share of the figure


class SlideFigure:
    """A figure that a notebook shows at its size on the slide, with its alternative text."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        png = b64encode(_drawn_whole(self.figure)).decode("ascii")
        width = round(self.figure.get_figwidth() * PIXELS_PER_INCH)
        words = alt_text(self.figure)
        about = {"alt": words, "width": width}
        if maps := map_widths(self.figure):
            about["narrowest_map"] = round(min(maps))
        return {"image/png": png, "text/plain": words}, {"image/png": about}


class CutOffError(ValueError):
    """Something of a figure lies beyond its edge, and no room could be made for it."""


def _drawn_whole(figure: Figure) -> bytes:
    """The figure as PNG. The layout overlooks what hangs over an edge, as the scale below a map: then the rest makes room."""
    room = [0.0] * 4
    for _ in range(MOST_LAYOUTS):
        buffer = BytesIO()
        figure.savefig(buffer, format="png", dpi=PIXELS_PER_INCH * SHARPNESS)
        over = overhang(figure)
        if max(over) <= CUT_OFF:
            return buffer.getvalue()
        room = [taken + max(0.0, more) for taken, more in zip(room, over, strict=True)]
        width, height = figure.get_size_inches()
        left, bottom, right, top = room
        if left + right > MOST_ROOM * width or bottom + top > MOST_ROOM * height:
            break
        figure.get_layout_engine().set(
            rect=(left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height)
        )
    raise CutOffError(f"{alt_text(figure)[:60]}: {max(over):.2f} inches are cut off; draw it larger.")


def overhang(figure: Figure) -> tuple[float, float, float, float]:
    """How far what a drawn figure shows reaches over its edges, in inches: left, bottom, right, top."""
    shown = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    return -shown.x0, -shown.y0, shown.x1 - width, shown.y1 - height


def map_widths(figure: Figure) -> list[float]:
    """The widths of the maps of a drawn figure, in pixels of the slide: of one number a pixel, other than the scales below them."""
    widths = []
    for axes in figure.findobj(Axes):
        if any(len(shape := image.get_array().shape) == 2 and min(shape) > 1 for image in axes.get_images()):
            widths.append(axes.get_window_extent().width / figure.dpi * PIXELS_PER_INCH)
    return widths


def on_slide(figure: Figure, *, width: float = WIDTH, height: float = HEIGHT) -> SlideFigure:
    """The figure of `igref.plots`, or of this package, resized to the slide, its small texts enlarged.

    Args:
        figure: with an alternative text.
        width: in inches, 100 pixels of the slide each; at most 11.6 fit.
        height: in inches; about 5.2 fit under a heading.
    """
    _fit(figure, width, height)
    return SlideFigure(figure)


@in_house_style
def _fit(figure: Figure, width: float, height: float) -> Figure:
    figure.set_size_inches(width, height)
    layout = figure.get_layout_engine()
    if layout and layout.get().get("h_pad") == HEIGHT_PAD:
        layout.set(h_pad=HEIGHT_PAD / 2)  # pictures get the room; what hangs over an edge makes its own: _drawn_whole
    for axes in figure.findobj(Axes):
        for axis in (axes.xaxis, axes.yaxis):
            sizes = [label.get_fontsize() for label in axis.get_ticklabels()]
            axis.set_tick_params(labelsize=max([SMALLEST_TEXT, *sizes]))
    for text in figure.findobj(Text):
        text.set_fontsize(max(text.get_fontsize(), SMALLEST_TEXT))
    return figure
