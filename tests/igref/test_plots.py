"""Figures: what is drawn where, in colours that survive grey and colour blindness, and nothing left behind."""

import gc
import io
import weakref
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib import colors
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.text import Text

from igref import plots
from igref.plots.maps import show_map, show_picture
from igref.plots.style import COLORS, DASHES, MARKERS, SIGNED_COLORMAP, panels

generator = torch.Generator().manual_seed(0)
IMAGE = torch.rand(3, 10, 12, generator=generator)
VALUES = torch.randn(3, 10, 12, generator=generator)
BLACK = torch.zeros_like(IMAGE)


def curve(kind="retention", fill="mean", level=0.5):
    fractions = torch.linspace(0, 1, 5)
    scores = level * fractions.expand(3, 5)
    band = (scores[0] - 0.1, scores[0] + 0.1)
    return SimpleNamespace(
        kind=kind,
        fill=fill,
        fractions=fractions,
        scores=scores,
        random_scores=scores / 2,
        reversed_scores=scores / 4,
        band=lambda: band,
    )


GAPS = torch.tensor([[0.4, 0.6, 0.5], [0.1, 0.3, 0.2], [0.03, 0.01, 0.02]])
SWEEP = SimpleNamespace(
    rules=("midpoint",) * 3, steps=(5, 20, 80), relative_gap=GAPS, map_error=GAPS * torch.tensor([[1.0], [1.0], [0.0]])
)

DRAWINGS = {
    "attribution_row": lambda: plots.attribution_row(IMAGE, VALUES, baseline=BLACK, title="IG"),
    "compare_methods": lambda: plots.compare_methods({"a": IMAGE}, {"gradient": {"a": VALUES}}, baselines={"a": BLACK}),
    "map_against": lambda: plots.map_against(VALUES, 2 * VALUES, names=("yours", "the rule's")),
    "compare_baselines": lambda: plots.compare_baselines(
        IMAGE, {"black": BLACK, "white": 1 + BLACK}, {"black": VALUES, "white": -VALUES}
    ),
    "top_classes_of_pictures": lambda: plots.top_classes_of_pictures(
        {"original": IMAGE, "zoomed": BLACK},
        {"original": [("tabby", 0.7), ("lynx", 0.004)], "zoomed": [("lynx", 0.6), ("tabby", 0.2)]},
        label="tabby",
    ),
    "attributions_of_pictures": lambda: plots.attributions_of_pictures(
        {"original": IMAGE, "zoomed": BLACK}, {"original": VALUES, "zoomed": VALUES}
    ),
    "convergence": lambda: plots.convergence(SWEEP),
    "retention_curves": lambda: plots.retention_curves({"IG": curve(), "gradient": curve(level=0.4)}),
}


def font_of(text: Text) -> str:
    return Path(findfont(text.get_fontproperties())).name


@pytest.mark.parametrize("name", DRAWINGS)
def test_every_figure_is_drawn_described_and_let_go(name, recwarn):
    settings = dict(mpl.rcParams)
    figure = DRAWINGS[name]()
    assert isinstance(figure, Figure) and len(plots.alt_text(figure)) > 20
    assert {font_of(text) for text in figure.findobj(Text) if text.get_text()} == {"SourceSans3-Regular.ttf"}
    figure.savefig(file := io.BytesIO(), format="png")
    assert file.getvalue().startswith(b"\x89PNG")
    assert dict(mpl.rcParams) == settings, "matplotlib's own settings have changed"
    assert not [str(warning.message) for warning in recwarn]
    gone = weakref.ref(figure)
    del figure
    gc.collect()
    assert gone() is None, "the figure is still held somewhere"


def test_nothing_is_cut_off():
    """Of a square picture, which fills its row: the layout does not see the scale below a map."""
    square = torch.rand(3, 16, 16, generator=generator)
    figure = plots.attribution_row(square, 0.004 * square, baseline=0 * square, title="IG")
    figure.savefig(io.BytesIO())
    shown, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert max(-shown.x0, -shown.y0, shown.x1 - width, shown.y1 - height) < 0.01, "inches are beyond the edge"


def test_every_drawing_function_is_tested():
    others = {"alt_text", "channel_sum", "scaled_pixels"}
    assert set(plots.__all__) == set(DRAWINGS) | others


def test_no_figure_is_registered_with_pyplot():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    for draw in DRAWINGS.values():
        draw()
    assert plt.get_fignums() == before


def test_a_notebook_gets_the_picture_with_its_alternative_text():
    from IPython.core.formatters import DisplayFormatter

    figure = DRAWINGS["attribution_row"]()
    data, metadata = DisplayFormatter().format(figure)
    assert set(data) >= {"image/png", "text/plain"}
    assert metadata["image/png"]["alt"] == data["text/plain"] == plots.alt_text(figure)


def drawn_image(ax) -> np.ndarray:
    return np.asarray(ax.images[0].get_array())


def test_a_row_shows_photo_baseline_map_and_overlay():
    photo, baseline, attribution, overlay = DRAWINGS["attribution_row"]().axes
    assert np.allclose(drawn_image(photo), IMAGE.permute(1, 2, 0))
    assert np.allclose(drawn_image(baseline), 0)
    assert np.allclose(drawn_image(attribution), VALUES.sum(0))
    assert np.allclose(drawn_image(overlay), plots.scaled_pixels(IMAGE, VALUES).permute(1, 2, 0))
    assert [ax.get_title() for ax in (photo, baseline, attribution)] == ["photo", "baseline", "attribution"]


def test_the_scale_of_a_map_is_symmetric_so_that_zero_is_grey():
    for values in (VALUES, VALUES.abs(), -VALUES.abs()):
        attribution = plots.attribution_row(IMAGE, values).axes[1]
        low, high = attribution.images[0].get_clim()
        assert low == -high < 0
    red, green, blue, _ = mpl.colormaps[SIGNED_COLORMAP](0.5)
    assert max(red, green, blue) - min(red, green, blue) < 0.05


def luminance(color) -> float:
    rgb = np.array(colors.to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)  # sRGB, IEC 61966-2-1
    return float(linear @ (0.2126, 0.7152, 0.0722))


def test_the_map_can_be_read_in_grey():
    shades = [luminance(mpl.colormaps[SIGNED_COLORMAP](x)) for x in np.linspace(0, 1, 64)]
    assert np.all(np.diff(shades) > 0)


def test_curves_differ_in_more_than_colour():
    assert len(COLORS) == len(DASHES) == len(MARKERS) == len(set(map(str, DASHES))) == len(set(MARKERS)) == 6
    for color in COLORS:
        contrast = 1.05 / (luminance(color) + 0.05)
        assert contrast > 2, f"{color} is too pale for white"


def test_scaling_follows_the_size_of_the_summed_attribution():
    image = torch.ones(2, 1, 100)
    values = torch.zeros(2, 1, 100)
    values[:, 0, :4] = torch.tensor([[1.0, 2.0, -4.0, 4.0], [1.0, -2.0, 0.0, 4.0]])  # sums 2, 0, -4, 8
    scaled = plots.scaled_pixels(image, values)[0, 0]
    limit = np.percentile([2, 0, 4, 8] + [0] * 96, 97)
    assert torch.allclose(scaled[:4], (torch.tensor([2.0, 0.0, 4.0, 8.0]) / float(limit)).clamp(max=1))
    assert torch.equal(plots.channel_sum(values)[0, :4], torch.tensor([2.0, 0.0, -4.0, 8.0]))


def test_a_map_of_zeros_is_black_not_an_error():
    assert plots.scaled_pixels(IMAGE, BLACK).max() == 0
    assert "No pixel counts" in plots.alt_text(plots.attribution_row(IMAGE, BLACK))


def test_the_description_finds_the_attribution():
    values = torch.zeros(3, 11, 11)
    values[:, 0, 10] = 1.0
    said = plots.alt_text(plots.attribution_row(torch.rand(3, 11, 11), values))
    assert "1% of the pixels; its centre is 0% from the top and 100% from the left" in said


def test_the_label_stands_out_among_the_top_classes():
    figure = DRAWINGS["top_classes_of_pictures"]()
    assert plots.alt_text(figure) == "original: tabby 70%, lynx < 1%; zoomed: lynx 60%, tabby 20%."
    bars = figure.axes[2].patches[:2]
    assert [bar.get_width() for bar in bars] == [0.7, 0.004]
    assert bars[0].get_facecolor() != bars[1].get_facecolor()


def test_convergence_draws_medians_and_leaves_out_the_finest_map():
    figure = DRAWINGS["convergence"]()
    gap, error = (ax.lines[0] for ax in figure.axes[:2])
    assert np.allclose(gap.get_ydata(), [0.5, 0.2, 0.02]) and list(gap.get_xdata()) == [5, 20, 80]
    assert list(error.get_xdata()) == [5, 20]
    assert plots.alt_text(figure).endswith("midpoint: 50% at 5, 20% at 20, 2% at 80 steps.")


def test_retention_shows_the_controls_beside_the_curves():
    ax = DRAWINGS["retention_curves"]().axes[0]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["IG", "gradient", "random ranking", "reversed ranking"]
    drawn = [line.get_ydata() for line in ax.lines if len(line.get_xdata())]
    for factor in (0.5, 0.4, 0.25, 0.125, 0.1):  # both curves, the random one, both reversed ones
        assert any(np.allclose(factor * np.linspace(0, 1, 5), line) for line in drawn)


row = plots.attribution_row


@pytest.mark.parametrize(
    "convert", [lambda t: t.numpy(), lambda t: t.double().numpy(), lambda t: t.clone().requires_grad_()]
)
def test_arrays_and_tensors_give_the_same_figure(convert):
    image, values, black = convert(IMAGE), convert(VALUES), convert(BLACK)
    same = (
        (plots.attribution_row(image, values, baseline=black), plots.attribution_row(IMAGE, VALUES, baseline=BLACK)),
        (
            plots.compare_methods({"a": image}, {"IG": {"a": values}}, baselines={"a": black}),
            plots.compare_methods({"a": IMAGE}, {"IG": {"a": VALUES}}, baselines={"a": BLACK}),
        ),
        (
            plots.compare_baselines(image, {"black": black}, {"black": values}),
            plots.compare_baselines(IMAGE, {"black": BLACK}, {"black": VALUES}),
        ),
        (
            plots.attributions_of_pictures({"a": image}, {"a": values}),
            plots.attributions_of_pictures({"a": IMAGE}, {"a": VALUES}),
        ),
        (
            plots.top_classes_of_pictures({"a": image}, {"a": [("cat", 0.5)]}),
            plots.top_classes_of_pictures({"a": IMAGE}, {"a": [("cat", 0.5)]}),
        ),
        (plots.map_against(values, black), plots.map_against(VALUES, BLACK)),
        (drawn(show_picture, image), drawn(show_picture, IMAGE)),
        (drawn(show_map, values), drawn(show_map, VALUES)),
        (
            drawn(show_picture, plots.scaled_pixels(image, values)),
            drawn(show_picture, plots.scaled_pixels(IMAGE, VALUES)),
        ),
    )
    for of_given, of_tensors in same:
        for given, tensors in zip(of_given.axes, of_tensors.axes, strict=True):
            for one, other in zip(given.images, tensors.images, strict=True):
                assert np.allclose(one.get_array(), other.get_array(), atol=1e-6)
        assert of_given.description == of_tensors.description


def drawn(draw, picture):
    figure, axes = panels(1, 1)
    draw(axes[0, 0], picture)
    return figure


@pytest.mark.parametrize("mask", [IMAGE > 0.5, (IMAGE > 0.5).numpy()])
def test_a_mask_is_drawn_as_zeros_and_ones(mask):
    assert set(np.unique(drawn(show_picture, mask).axes[0].images[0].get_array())) == {0.0, 1.0}


def test_errors_in_arrays_give_the_same_curve():
    gap = torch.tensor([[0.4], [0.1]])
    of_each = [
        plots.convergence(SimpleNamespace(rules=("left",) * 2, steps=(5, 20), relative_gap=one, map_error=one))
        for one in (gap, gap.numpy())
    ]
    assert of_each[0].description == of_each[1].description


@pytest.mark.parametrize(
    "draw, error, says",
    [
        (lambda: row("photo", VALUES), TypeError, r"image: expected a tensor or an array of floats \(C, H, W\), got str"),
        (lambda: row(IMAGE.numpy(), VALUES.long()), TypeError, "values: .* array of floats .* got torch.int64"),
        (lambda: row((255 * IMAGE).byte().numpy(), VALUES), TypeError, "image: .* array of floats .* got uint8"),
        (lambda: row(IMAGE[None], VALUES), ValueError, r"got \(1, 3, 10, 12\). The first of a batch is image\[0\]"),
        (lambda: row(IMAGE, VALUES[:, :5]), ValueError, r"shape of the image, \(3, 10, 12\), got \(3, 5, 12\)"),
        (lambda: row(IMAGE, VALUES / 0), ValueError, "values: expected finite values"),
        (lambda: row(IMAGE, VALUES, baseline=BLACK[:1]), ValueError, "baseline: expected the shape of the image"),
        (lambda: row(IMAGE[:2], VALUES[:2]), ValueError, "1 or 3 channels, got 2"),
        (lambda: plots.compare_methods({"a": IMAGE}, {"IG": {"b": VALUES}}), ValueError, r"IG: .* each of \['a'\], got \['b'\]"),
        (lambda: plots.compare_baselines(IMAGE, {}, {}), ValueError, "expected one entry for each of at least one picture"),
        (lambda: plots.convergence(GAPS), TypeError, "sweep: expected what igref.step_sweep returns, got Tensor without rules"),
        (lambda: plots.retention_curves({"IG": GAPS}), TypeError, r"curves\['IG'\]: expected what igref.retention_curve returns"),
        (lambda: plots.retention_curves({}), ValueError, "expected curves of one kind and one fill, got none"),
        (lambda: plots.retention_curves({"a": curve(), "b": curve(fill="blurred")}), ValueError, "of one kind and one fill"),
        (lambda: plots.alt_text(Figure()), TypeError, "expected a figure drawn by igref.plots, got Figure"),
    ],
)  # fmt: skip
def test_wrong_arguments(draw, error, says, unchecked_signatures):
    with pytest.raises(error, match=says):
        draw()


def test_maps_and_their_difference_share_a_scale_with_its_zero_in_the_middle():
    drawn = plots.map_against(VALUES, 5 * VALUES)
    limits = {ax.images[0].get_clim() for ax in drawn.axes}
    assert len(limits) == 1 and sum(*limits) == 0
    shown = [ax.images[0].get_array() for ax in drawn.axes]
    assert np.allclose(shown[2], shown[0] - shown[1], atol=1e-6)
