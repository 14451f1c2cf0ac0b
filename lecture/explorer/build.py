"""Builds the explorer: its template, style and scripts, and the data that igref computes, in one file."""

import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import torch
from tqdm import tqdm

import igref
from igref.plots.maps import SCALE_PERCENTILE, describe_map
from lecture.assets import inlined_css
from lecture.explorer import packing
from lecture.explorer.along_path import AlongPath, follow, step_counts
from lecture.templates import rendered

HERE = Path(__file__).parent
SCRIPTS = ("pictures.js", "charts.js", "explorer.js")
INTERVALS = 40  # of alpha: 41 gradients a path and some more where the sum needs them, 24 paths
COLORMAP = "RdBu_r"  # that of the slides
STEEP_POINTS_FROM = 0.8  # as a share of the path's points, from flat to steep

# What the pictures show, for readers who do not see them.
PHOTOS = {
    "coffee": "a red cup of coffee on a saucer, with a spoon",
    "chelsea": "the face of a cat, close up",
    "flower": "a flower with many petals",
    "astronaut": "an astronaut in an orange suit, with a helmet and a model of the space shuttle",
}
BASELINES = {
    "black": "black",
    "white": "white",
    "blurred": "blurred",
    "uniform": "uniform noise",
    "gaussian": "Gaussian",
    "maximum_distance": "max distance",
}


def build(
    folder: Path,
    *,
    photos: Sequence[str] = tuple(PHOTOS),
    baselines: Sequence[str] = tuple(BASELINES),
    intervals: int = INTERVALS,
    progress: bool = False,
) -> Path:
    """Write explorer.html into the folder, which is made if it is not there.

    Args:
        folder: where to.
        photos: names in `PHOTOS`, in the order of the page.
        baselines: names in `BASELINES`.
        intervals: equal parts of the path, with a gradient at each of their ends.
        progress: show a bar.

    Returns:
        The page.
    """
    data = page_data(photos, baselines, intervals, progress)
    page = rendered(
        "explorer",
        style=inlined_css("fonts.css") + (HERE / "explorer.css").read_text(encoding="utf-8"),
        data=json.dumps(data, separators=(",", ":")).replace("</", "<\\/"),
        script="\n".join((HERE / script).read_text(encoding="utf-8") for script in SCRIPTS),
    )
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "explorer.html"
    written.write_text(page, encoding="utf-8")
    return written


def page_data(photos: Sequence[str], baselines: Sequence[str], intervals: int, progress: bool) -> dict:
    """Everything that the page's scripts read, as JSON holds it."""
    model = igref.load_model()
    loaded = {photo.name: photo for photo in igref.load_photos()}
    pairs, described = {}, []
    urls: dict[str, int] = {}  # black is the same for every photo, and kept once
    for name in tqdm(photos, desc="explorer", unit=" photos", disable=not progress):
        x = loaded[name].pixels[None]
        target = int(model.probabilities(x).argmax())
        described.append(
            {
                "name": name,
                "shows": PHOTOS[name],
                "source": loaded[name].source,
                "category": model.categories[target],
                "picture": packing.picture_url(x[0]),
            }
        )
        for baseline in baselines:
            start = igref.make_baseline(baseline, x)
            url = packing.picture_url(start[0])
            pairs[f"{name} {baseline}"] = {
                "baseline": urls.setdefault(url, len(urls)),
                **_pair_data(follow(model.probabilities, x, start, target, intervals=intervals), intervals),
            }
    colormap = mpl.colormaps[COLORMAP](torch.linspace(0, 1, 256).numpy(), bytes=True)[:, :3]
    return {
        "model": "EfficientNet-Lite0",
        "intervals": intervals,
        "levels": packing.LEVELS,
        "exponent": packing.EXPONENT,
        "steepFrom": STEEP_POINTS_FROM,
        "sheetColumns": packing.SHEET_COLUMNS,
        "stepCounts": step_counts(intervals),
        "colormap": colormap.tolist(),
        "photos": described,
        "baselines": [{"name": name, "caption": BASELINES[name]} for name in baselines],
        "pairs": pairs,
        "baselinePictures": list(urls),
    }


def _pair_data(path: AlongPath, intervals: int) -> dict:
    sheet, limits = packing.sheet_url(path.maps)
    return {
        "alphas": _digits(path.alphas),
        "scores": _digits(path.scores),
        "slopes": _digits(path.slopes),
        "sheet": sheet,
        "limits": limits,
        "mapSize": path.maps.shape[-1],
        "scales": _scales(path, intervals),
        "description": describe_map(path.attribution[None]),
    }


def _scales(path: AlongPath, intervals: int) -> dict:
    """Where the colours of the maps end: of each gradient, of all of them together, and of the attribution.

    Of the gradients together it is one that most of their own stay under: a few steep points would leave the rest grey.
    """
    share = SCALE_PERCENTILE / 100
    each = path.maps.abs().flatten(1).quantile(share, dim=1)
    whole = torch.trapezoid(path.maps[: intervals + 1], dx=1 / intervals, dim=0).abs().flatten().quantile(share)
    return {"each": _digits(each, 4), "path": float(each.quantile(STEEP_POINTS_FROM)), "map": float(whole)}


def _digits(values: torch.Tensor, digits: int = 9) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values.tolist()]
