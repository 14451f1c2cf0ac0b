"""The figures of the slides that no notebook of the course needs, and the frame that makes any figure fit a slide.

`slides.ipynb` stands beside this package and imports it as `figures`.
"""

from .frame import SlideFigure, on_slide
from .lines import along_path, halved_panels, many_paths, rules_at_work, saturation
from .pictures import any_map_will_do, four_displays, kept_pixels, path_strip, side_by_side

__all__ = [
    "SlideFigure",
    "along_path",
    "any_map_will_do",
    "four_displays",
    "halved_panels",
    "kept_pixels",
    "many_paths",
    "on_slide",
    "path_strip",
    "rules_at_work",
    "saturation",
    "side_by_side",
]
