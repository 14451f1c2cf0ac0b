"""ps2 looks at each baseline of a student's own where it is written: the cells after the three functions, as they are released."""

from contextlib import suppress

import nbformat
import pytest
import torch
from scipy.ndimage import gaussian_filter

from igref import load_digits
from igref.plots.maps import show_picture
from igref.plots.style import in_house_style, panels
from tests.kit_copy import KIT


def gaussian(mode="reflect", sigma=1.5, axes=(-1, -2)):
    def blurred(images):
        return gaussian_filter(images.numpy(), [sigma if axis - 4 in axes else 0 for axis in range(4)], mode=mode)

    return blurred  # NumPy, as scipy returns it


def seeded(images, draw=torch.rand):
    return draw(images.shape, generator=torch.Generator().manual_seed(0))


def some_alike(images):
    return torch.cat([(noise := seeded(images))[:2], noise[:1], noise[3:]])


RIGHT = {
    "noise": (seeded, lambda images: seeded(images).double().numpy()),
    "blurred": (gaussian(), lambda images: torch.from_numpy(gaussian("nearest", 2.5)(images))),
    "maximum_distance": (lambda images: (1 - images).round(), lambda images: (images < 0.5).float()),
}
WRONG = {
    "noise without a seed": ("noise", torch.rand_like, "the same in each run"),
    "one noise for all": ("noise", lambda images: seeded(images[:1]).expand_as(images), "its own noise"),
    "one noise for two": ("noise", some_alike, "its own noise. Alike: [(0, 2)]"),
    "normal noise": ("noise", lambda images: seeded(images, torch.randn), "lie in [0, 1]. They run from -"),
    "noise up to 255": ("noise", lambda images: 255 * seeded(images), "divide by 255"),
    "noise over the picture": ("noise", lambda images: (images + seeded(images)) / 2, "whatever the pictures show"),
    "noise of one shape": ("noise", lambda images: seeded(images)[0], "They have the shape (1, 32, 32)"),
    "a blur that pads with zeros": ("blurred", gaussian("constant"), "stays white up to its edges. White becomes 0."),
    "a blur that wraps": ("blurred", gaussian("wrap"), "do not wrap it"),
    "a blur of everything": ("blurred", gaussian(axes=(-1, -2, -3, -4)), "each picture is blurred alone"),
    "a blur of the colours": ("blurred", gaussian(axes=(-1, -2, -3)), "each colour is blurred alone"),
    "a blur too narrow": ("blurred", gaussian(sigma=0.5), "sigma is some 0."),
    "the negative": ("maximum_distance", lambda images: 1 - images, "at least 0.5 from the picture's. One is 0.0"),
    "the nearer end": ("maximum_distance", lambda images: images.round(), "at least 0.5 from the picture's"),
    "a mask": ("maximum_distance", lambda images: images < 0.5, "They are torch.bool: convert with .float()"),
    "a mask of NumPy": ("maximum_distance", lambda images: images.numpy() < 0.5, "They are torch.bool"),
    "distance up to 255": ("maximum_distance", lambda images: 255 * (images < 0.5).float(), "divide by 255"),
}


@pytest.fixture(scope="module")
def cells():
    """What the notebook defines before the first baseline, and the cell that looks at each."""
    sources = [cell.source for cell in nbformat.read(KIT / "assignments/ps2-baselines/ps2-baselines.ipynb", 4).cells]
    (helper,) = (source for source in sources if "def look(" in source)
    looks = {name: source for name in RIGHT for source in sources if f"look({name}_baseline(" in source}
    assert looks.keys() == RIGHT.keys()
    return helper, looks


def said_of(name, baseline, cells, capsys, channels=1):
    helper, looks = cells
    images = torch.nn.functional.interpolate(load_digits()[0][:6], 32).expand(-1, channels, -1, -1)
    names = {"torch": torch, "images": images, "in_house_style": in_house_style, "panels": panels}
    names |= {"show_picture": show_picture, f"{name}_baseline": baseline}
    capsys.readouterr()
    with suppress(ValueError):  # by what cannot be drawn
        exec(helper + "\n" + looks[name], names)
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith(("✓", "✗"))]


@pytest.mark.parametrize(("name", "number"), [(name, n) for name in RIGHT for n in range(2)])
def test_a_right_baseline_is_found_right(name, number, cells, capsys):
    said = said_of(name, RIGHT[name][number], cells, capsys, channels=3)
    assert said and all(line.startswith("✓") for line in said)


@pytest.mark.parametrize("slip", WRONG)
def test_a_slip_is_named_where_it_is_made(slip, cells, capsys):
    name, baseline, says = WRONG[slip]
    *right, wrong = said_of(name, baseline, cells, capsys, channels=3 if "colours" in slip else 1)
    assert wrong.startswith("✗") and says in wrong and all(line.startswith("✓") for line in right)
