"""The figures of the slides that no notebook of the course needs, and the frame that makes any figure fit a slide.

`slides.ipynb` stands beside this package and imports it as `figures`.
"""

from .along import morph, pixels_taken_away, running_sum_in_the_plane
from .frame import SlideFigure, on_slide
from .lines import along_path, halved_panels, many_paths, rules_at_work, saturation
from .mistakes import gap_at_counts, gaps_of_pairs, sums_beside
from .pictures import (
    WIDE,
    any_map_will_do,
    block_sums,
    kept_pixels,
    map_pairs,
    maps_in_columns,
    path_strip,
    raw_and_blocks,
    side_by_side,
    still_asked,
    three_displays,
)
from .regions import for_and_against, in_words, mean_size, net

__all__ = [
    "WIDE",
    "SlideFigure",
    "along_path",
    "any_map_will_do",
    "block_sums",
    "for_and_against",
    "gap_at_counts",
    "gaps_of_pairs",
    "halved_panels",
    "in_words",
    "kept_pixels",
    "many_paths",
    "map_pairs",
    "maps_in_columns",
    "mean_size",
    "morph",
    "net",
    "on_slide",
    "path_strip",
    "pixels_taken_away",
    "raw_and_blocks",
    "rules_at_work",
    "running_sum_in_the_plane",
    "saturation",
    "side_by_side",
    "still_asked",
    "sums_beside",
    "three_displays",
]
