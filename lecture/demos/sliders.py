"""A figure with sliders: drag where a kernel runs; elsewhere the same cell shows the figure as it first was.

What is dear is computed once, before; a slider only draws. The sliders are those of ipywidgets, and follow the arrow keys.
"""

import html
from base64 import b64encode
from collections.abc import Callable, Sequence
from io import BytesIO

import ipywidgets as widgets
from matplotlib.figure import Figure

from igref.plots import alt_text


class FigureWithSliders(widgets.VBox):
    """Sliders above a figure that `draw` makes of their values.

    Args:
        draw: a function of the sliders' values, by name, that returns a figure of `igref.plots` or one with a description.
        options: name of a slider to the values it can take.
        start: name of a slider to the value it starts with; the first one otherwise.
    """

    def __init__(self, draw: Callable[..., Figure], options: dict[str, Sequence], start: dict) -> None:
        self.draw = draw
        self.sliders = {
            name: widgets.SelectionSlider(
                options=list(values),
                value=start.get(name, values[0]),
                description=name.replace("_", " "),
                layout=widgets.Layout(width="40rem"),
                style={"description_width": "8rem"},
            )
            for name, values in options.items()
        }
        self.picture = widgets.HTML()
        self.redraw()
        for slider in self.sliders.values():
            slider.observe(lambda _: self.redraw(), names="value")
        super().__init__([*self.sliders.values(), self.picture])

    def redraw(self) -> None:
        """Draw the figure for where the sliders stand."""
        self.figure = self.draw(**{name: slider.value for name, slider in self.sliders.items()})
        alt = html.escape(alt_text(self.figure), quote=True)
        self.picture.value = f'<img src="data:image/png;base64,{self._png()}" alt="{alt}" style="max-width: 100%">'

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        """The widget for a notebook with a kernel, and the figure for a page without one."""
        words = alt_text(self.figure)
        static = {"image/png": self._png(), "text/plain": words}
        return super()._repr_mimebundle_(**kwargs) | static, {"image/png": {"alt": words}}

    def _png(self) -> str:
        buffer = BytesIO()
        self.figure.savefig(buffer, format="png", dpi=self.figure.dpi)
        return b64encode(buffer.getvalue()).decode("ascii")


def with_sliders(draw: Callable[..., Figure], start: dict | None = None, **options: Sequence) -> FigureWithSliders:
    """The figure of `draw`, with one slider for each of the options.

    Example, in a notebook:
        with_sliders(draw, alpha=[0.0, 0.5, 1.0], photo=["cat", "cup"])
    """
    return FigureWithSliders(draw, options, start or {})
