"""The names of igref: quick to import, loaded on use, and plain about a module that is withheld."""

import inspect
import shutil
import subprocess
import sys
from pkgutil import iter_modules

import pytest

import igref


def test_import_is_quick_and_loads_no_torch():
    code = "import sys, igref; assert 'torch' not in sys.modules; assert 'step_sweep' in dir(igref)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", igref.__all__)
def test_every_public_name_is_there(name):
    assert getattr(igref, name) is not None


def test_modules_are_there_without_an_import_of_their_own():
    assert igref.steps.sweep.step_sweep is igref.step_sweep


def test_a_name_that_is_none():
    with pytest.raises(AttributeError, match=r"igref has no 'integrate'.*integrated_gradients"):
        igref.integrate  # noqa: B018


WITHHELD = """
import sys
sys.modules["igref.attribution"] = None  # an editable installation would find it where it still is
import igref
for name in ("integrated_gradients", "step_sweep", "attribution"):
    try:
        getattr(igref, name)
    except ImportError as error:
        print(error)
assert "integrated_gradients" not in igref.__all__
assert igref.load_photos and igref.images
"""


def test_a_withheld_module_says_why(tmp_path):
    shutil.copytree(igref.__path__[0], tmp_path / "igref", ignore=shutil.ignore_patterns("attribution", "__pycache__"))
    command = [sys.executable, "-c", WITHHELD]
    output = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    why = "igref.attribution is withheld here: it holds what this assignment asks you to write. "
    names = ("integrated_gradients", "step_sweep", "attribution")
    assert output.splitlines() == [f"{why}igref.{name} is not available without it." for name in names]


def test_every_module_is_in_the_stub():
    modules = {module.name for module in iter_modules(igref.__path__)}
    assert {name for name in dir(igref) if name in modules and inspect.ismodule(getattr(igref, name))} == modules
