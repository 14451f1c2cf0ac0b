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
