"""ps2 looks at each baseline of a student's own where it is written: the cells after the three functions, as they are released."""

import nbformat
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from igref import load_digits
from tests.kit_copy import KIT


def gaussian(mode):
    return lambda images: gaussian_filter1d(
        gaussian_filter1d(images.numpy(), 1.5, axis=-1, mode=mode), 1.5, axis=-2, mode=mode
    )


def seeded(images):
    return torch.rand(images.shape, generator=torch.Generator().manual_seed(0))


RIGHT = {
    "noise": seeded,
    "blurred": gaussian("reflect"),  # NumPy, as scipy returns it
    "maximum_distance": lambda images: (1 - images).round(),
}
WRONG = {
    "noise without a seed": ("noise", torch.rand_like, "the same in each run"),
    "one noise for all": ("noise", lambda images: seeded(images[:1]).expand_as(images), "its own noise"),
    "a blur that pads with zeros": ("blurred", gaussian("constant"), "stays white up to its edges. White becomes 0."),
    "the negative": ("maximum_distance", lambda images: 1 - images, "at least 0.5 from the picture's. One is 0.0"),
    "the nearer end": ("maximum_distance", lambda images: images.round(), "at least 0.5 from the picture's"),
}


@pytest.fixture(scope="module")
def cells():
    """The definition of `look`, and the cell that looks at each baseline."""
    sources = [cell.source for cell in nbformat.read(KIT / "assignments/ps2-baselines/ps2-baselines.ipynb", 4).cells]
    (helper,) = (source for source in sources if "def look(" in source)
    looks = {
        name: source for name in RIGHT for source in sources if f"{name}_baseline(" in source and "\nlook(" in source
    }
    assert looks.keys() == RIGHT.keys()
    return helper[helper.index("def look(") :], looks


def said_of(name, baseline, cells, capsys):
    helper, looks = cells
    names = {
        "torch": torch,
        "images": load_digits()[0][:6],
        f"{name}_baseline": baseline,
        "beside_the_reference": print,
    }
    capsys.readouterr()
    exec(helper + "\n" + looks[name], names)
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith(("✓", "✗"))]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_baseline_is_found_right(name, cells, capsys):
    said = said_of(name, RIGHT[name], cells, capsys)
    assert said and all(line.startswith("✓") for line in said)


@pytest.mark.parametrize("slip", WRONG)
def test_a_slip_is_named_where_it_is_made(slip, cells, capsys):
    name, baseline, says = WRONG[slip]
    assert any(line.startswith("✗") and says in line for line in said_of(name, baseline, cells, capsys))
