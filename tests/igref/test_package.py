"""The names of igref: quick to import, loaded on use, and plain about a module that is withheld."""

import subprocess
import sys

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


@pytest.mark.parametrize("name", ("integrated_gradients", "step_sweep", "attribution"))
def test_a_withheld_module_says_why(name, monkeypatch):
    for module in [m for m in sys.modules if m.startswith("igref.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "igref.attribution", None)  # what Python takes for "cannot be found"
    monkeypatch.delattr(igref, "attribution", raising=False)
    with pytest.raises(
        ImportError,
        match=r"igref.attribution is withheld here: it holds what this assignment asks you to write",
    ):
        getattr(igref, name)
