"""The figures of the slides that no notebook of the course needs, and the frame that makes any figure fit a slide.

`slides.ipynb` stands beside this package and imports it as `figures`.
"""

from .frame import SlideFigure, on_slide
from .lines import along_path, halved_panels, many_paths, rules_at_work, saturation
from .pictures import (
    any_map_will_do,
    blocks_over,
    four_displays,
    kept_pixels,
    path_strip,
    raw_and_blocks,
    side_by_side,
)
from .regions import for_and_against, in_words, mean_size, net

__all__ = [
    "SlideFigure",
    "along_path",
    "any_map_will_do",
    "blocks_over",
    "for_and_against",
    "four_displays",
    "halved_panels",
    "in_words",
    "kept_pixels",
    "many_paths",
    "mean_size",
    "net",
    "on_slide",
    "path_strip",
    "raw_and_blocks",
    "rules_at_work",
    "saturation",
    "side_by_side",
]
