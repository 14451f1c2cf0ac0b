"""Every figure of the notebooks, the slides and the README, in one style. Each function returns a matplotlib Figure.

Nothing is shown or kept open: a notebook shows the figure that a cell returns, `figure.savefig` writes it to a file.
`alt_text(figure)` says in words what it shows.
"""

from igref.plots.curves import convergence, retention_curves
from igref.plots.debugging import attributions_of_pictures, top_classes_of_pictures
from igref.plots.maps import (
    attribution_row,
    channel_sum,
    compare_baselines,
    compare_methods,
    map_against,
    scaled_pixels,
)
from igref.plots.style import alt_text

__all__ = [
    "alt_text",
    "attribution_row",
    "attributions_of_pictures",
    "channel_sum",
    "compare_baselines",
    "compare_methods",
    "convergence",
    "map_against",
    "retention_curves",
    "scaled_pixels",
    "top_classes_of_pictures",
]
