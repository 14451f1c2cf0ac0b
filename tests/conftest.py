"""While the tests run, the shapes and types in igref's signatures are checked; examples repeat run by run."""

import sys
from pathlib import Path

import hypothesis
import jaxtyping
import pytest
import torch

# Without the repository itself on the path, the folder tests/igref would be taken for the package igref.
sys.path.insert(0, str(Path(__file__).parents[1]))

jaxtyping.install_import_hook("igref", "signature_check.checked")

hypothesis.settings.register_profile("kit", deadline=None, max_examples=15, derandomize=True)
hypothesis.settings.load_profile("kit")


TAKES_LONG = ("lecture", "test_pipeline.py", "test_problem_sets.py", "test_attacks.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file is run by one worker, as all who need the built lecture are; what takes longest is begun first."""
    groups = {item: "lecture" if "built_lecture" in item.fixturenames else item.path.name for item in items}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
    order = {group: place for place, group in enumerate(TAKES_LONG)}
    items.sort(key=lambda item: order.get(groups[item], len(order)))


@pytest.fixture(autouse=True)
def seeded() -> None:
    """What a test draws without a seed of its own is the same in every run and in every order."""
    torch.manual_seed(0)


@pytest.fixture
def unchecked_signatures():
    """Let wrong arguments through to igref's own errors, which are what a user without the checker gets."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
