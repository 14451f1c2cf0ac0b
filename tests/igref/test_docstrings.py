"""Every example in igref's docstrings runs, and every public function has one."""

import doctest
import inspect
from importlib import import_module
from pkgutil import walk_packages

import pytest

import igref

MODULES = sorted(module.name for module in walk_packages(igref.__path__, "igref.", onerror=lambda name: None))


@pytest.mark.parametrize("module", MODULES)
def test_examples(module):
    results = doctest.testmod(import_module(module))
    assert results.failed == 0


@pytest.mark.parametrize("name", igref.__all__)
def test_public_names_are_documented(name):
    thing = getattr(igref, name)
    if not inspect.isroutine(thing) and not inspect.isclass(thing):
        return
    assert inspect.getdoc(thing), f"igref.{name} has no docstring"
    if inspect.isroutine(thing):
        assert ">>>" in inspect.getdoc(thing), f"igref.{name} has no example"
        hints = [p.annotation for p in inspect.signature(thing).parameters.values()]
        assert inspect.Parameter.empty not in hints, f"igref.{name} has a parameter without a type"
