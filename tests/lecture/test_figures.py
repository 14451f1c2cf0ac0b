"""Figures on slides are readable from the back row, and sliders redraw theirs."""

from base64 import b64decode
from io import BytesIO

import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text
from PIL import Image

from igref import plots
from igref.plots.style import TYPEFACE
from lecture import measured
from lecture.build import LECTURE
from lecture.demos import drawings
from lecture.demos.drawings import saturated_score
from lecture.demos.sliders import with_sliders
from lecture.explorer import build as explorer
from lecture.figures import (
    WIDE,
    gaps_of_pairs,
    many_paths,
    map_pairs,
    maps_in_columns,
    on_slide,
    pictures,
    rules_at_work,
    saturation,
    still_asked,
)
from lecture.figures.frame import CUT_OFF, PIXELS_PER_INCH, SHARPNESS, CutOffError, map_widths, overhang
from tests.lecture.browser import LEAST_MAP_PX, PAGE_PX

LEAST_PIXELS = 18


def sizes_on_the_slide(figure) -> list[float]:
    """Heights of all texts that are drawn, in pixels of the slide."""
    figure.canvas.draw()
    ticks = {
        label for axes in figure.findobj(Axes) for axis in (axes.xaxis, axes.yaxis) for label in axis.get_ticklabels()
    }
    texts = [text for text in (*figure.findobj(Text), *ticks) if text.get_visible() and text.get_text().strip()]
    return [text.get_fontsize() / 72 * PIXELS_PER_INCH for text in texts]


@pytest.mark.parametrize("height", [3.6, 5.2])
def test_no_text_of_a_figure_is_too_small(height):
    photo = torch.rand(3, 16, 16)
    figure = plots.attribution_row(photo, torch.randn(3, 16, 16), baseline=0 * photo)
    assert min(sizes_on_the_slide(figure)) < LEAST_PIXELS, (
        "the house style is for notebooks: here something has to grow"
    )
    shown = on_slide(figure, height=height)
    assert min(sizes_on_the_slide(shown.figure)) >= LEAST_PIXELS


def test_a_figure_is_as_large_as_its_room_and_sharp():
    data, about = on_slide(saturation(), width=6.0, height=4.0)._repr_mimebundle_()
    with Image.open(BytesIO(b64decode(data["image/png"]))) as picture:
        assert picture.size == (600 * SHARPNESS, 400 * SHARPNESS)
    assert about["image/png"]["width"] == 600
    assert about["image/png"]["alt"] == data["text/plain"]


PHOTO, MAP = torch.rand(3, 224, 224), torch.randn(3, 224, 224)
PAIR = {"one": PHOTO, "other": PHOTO}
COMPARED = {  # and the width that each is shown with
    "on a slide": (map_pairs(PAIR, [MAP, 2 * MAP], height=4.8, one_scale=True), WIDE),
    "on a page": (maps_in_columns({**PAIR, "third": PHOTO}, [MAP, 2 * MAP, MAP]), 10.2),
}


@pytest.mark.parametrize("where", COMPARED)
def test_maps_that_are_compared_are_large_and_shown_both_ways(where):
    drawn, width = COMPARED[where]
    by_title: dict[str, list[float]] = {}
    for ax in drawn.findobj(Axes):
        by_title.setdefault(ax.get_title(), []).append(sum(float(i.get_array().sum()) for i in ax.get_images()))
    total = float(MAP.double().sum())
    for title in ("pixel by pixel", "summed over 32 × 32"):
        assert by_title[title][:2] == pytest.approx([total, 2 * total], rel=1e-3), "the sum stays what it is"
    _, about = on_slide(drawn, width=width, height=drawn.get_figheight())._repr_mimebundle_()
    assert about["image/png"]["narrowest_map"] >= LEAST_MAP_PX


def test_every_sign_of_the_notebooks_is_in_the_typeface_of_their_figures():
    """What the font lacks would be drawn in another one."""
    known = set(map(chr, get_font(findfont(FontProperties(TYPEFACE))).get_charmap()))
    sources = [*LECTURE.glob("*.ipynb"), *LECTURE.glob("demos/*"), *LECTURE.glob("figures/*.py")]
    texts = [path.read_text(encoding="utf-8") for path in sources if path.is_file()]
    assert len(texts) > 15
    assert set("".join(texts)) - known == {"\n"}


DEMOS = {
    "on the path": drawings.on_the_path(PHOTO, MAP, MAP, [0.0, 1.0], [0.1, 0.9], 1, label="cat"),
    "a baseline": drawings.baseline_row(PHOTO, 0 * PHOTO, MAP, title="black"),
    "few steps and many": drawings.map_beside_finest(PHOTO, MAP, MAP, gap=0.1, error=0.1, title="left, n = 5"),
    "what it says": drawings.prediction(PHOTO, [("cat", 0.9), ("dog", 0.1)], MAP, asked="cat", right="cat"),
    "baselines": drawings.maps_of_baselines(dict.fromkeys(("black", "white", "noise"), (PHOTO, MAP))),
}


@pytest.mark.parametrize("name", DEMOS)
def test_maps_of_the_demos_are_large_and_shown_over_squares_as_well(name):
    figure = DEMOS[name]
    figure.savefig(BytesIO())  # the layout is that of the drawing
    assert any("summed" in ax.get_title() for ax in figure.findobj(Axes))
    assert max(overhang(figure)) <= CUT_OFF
    shown = min(1.0, PAGE_PX / (figure.get_figwidth() * PIXELS_PER_INCH))
    assert min(map_widths(figure)) * shown >= LEAST_MAP_PX


def test_signed_maps_have_one_scale_of_colours_in_the_whole_lecture():
    """From blue over white to red: what is nothing is white on slides, in demos, in the explorer and on the live page."""
    drawn = [*DEMOS.values(), *(figure for figure, _ in COMPARED.values())]
    maps = [
        image
        for figure in drawn
        for ax in figure.findobj(Axes)
        for image in ax.get_images()
        if image.get_array().ndim == 2
    ]
    assert len(maps) > 20
    assert {image.get_cmap().name for image in maps} == {pictures.DIVERGING}
    assert explorer.COLORMAP == pictures.DIVERGING


@pytest.mark.parametrize(
    "drawn",
    [
        lambda: plots.top_classes_of_pictures({"one": PHOTO}, {"one": [("cat", 0.9), ("dog", 0.1)]}),
        lambda: pictures.raw_and_blocks(PHOTO, MAP),
    ],
    ids=["what the network says", "maps"],
)
def test_before_the_answer_a_figure_shows_the_photos_alone_and_in_their_places(drawn):
    asked, answered = (on_slide(figure, height=4.7) for figure in (still_asked(drawn()), drawn()))
    for shown in (asked, answered):
        shown._repr_mimebundle_()
    seen = [text.get_text() for text in asked.figure.findobj(Text) if text.get_text() and text.get_color() != "none"]
    assert set(seen) <= {"?", "photo", "one"}
    assert "cat" not in asked.figure.description
    kept = [image for ax in asked.figure.findobj(Axes) for image in ax.get_images() if image.get_visible()]
    assert [image.get_array().ndim for image in kept] == [3]
    places = [shown.figure.axes[0].get_position().bounds for shown in (asked, answered)]
    assert places[0] == pytest.approx(places[1], abs=2e-3)
    assert "0.50" not in many_paths(answered=False).description


@pytest.mark.parametrize("height", [4.3, 5.2])
def test_nothing_of_a_figure_is_cut_off(height):
    """The scale hangs below a map, where the layout does not see it."""
    shown = on_slide(pictures.raw_and_blocks(PHOTO, MAP), height=height)
    shown.figure.savefig(BytesIO())
    assert height > 5 or max(overhang(shown.figure)) > CUT_OFF, "here something has to make room"
    shown._repr_mimebundle_()
    assert max(overhang(shown.figure)) <= CUT_OFF


def test_a_figure_without_room_stops_the_build():
    figure = pictures.raw_and_blocks(PHOTO, MAP)
    figure.text(0.5, 1.5, "far above")
    with pytest.raises(CutOffError, match="draw it larger"):
        on_slide(figure)._repr_mimebundle_()


def test_gaps_of_pairs_are_those_measured():
    rows = measured.kept()["steps"]
    words = gaps_of_pairs(rows).description
    *most, last = measured.enough(rows)
    assert f"from {last} steps on" in words
    for n in set(most):
        assert f"{most.count(n)} from {n}" in words


def test_paths_say_what_they_give():
    words = many_paths().description
    assert "straight line 0.50 and 0.50" in words
    assert "x1 first 0.00 and 1.00" in words
    assert "x2 first 1.00 and 0.00" in words
    assert "parabola 0.33 and 0.67" in words


def test_rules_at_work_are_the_rules():
    from igref.attribution.adaptive import Panels

    positions = torch.linspace(0, 1, 1001, dtype=torch.float64)
    words = rules_at_work(Panels(positions, positions**2, 2 * positions), n_steps=5).description
    assert "left 0.80, right 1.20, midpoint 1.00, trapezoid 1.00, gauss_legendre 1.00" in words


def test_a_slider_redraws_its_figure():
    shown = with_sliders(saturated_score, x=[0.5, 1.0, 2.0], start={"x": 2.0})
    before = shown.picture.value
    assert "At x = 2.00 the score is 1.00. Gradient times input gives 0.00" in before
    shown.sliders["x"].value = 0.5
    assert shown.picture.value != before
    assert "At x = 0.50" in shown.picture.value


def test_where_no_kernel_runs_the_figure_stands_in_for_the_slider():
    data, about = with_sliders(saturated_score, x=[0.5, 1.0])._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert b64decode(data["image/png"])[:4] == b"\x89PNG"
    assert about["image/png"]["alt"].startswith("At x = 0.50")
