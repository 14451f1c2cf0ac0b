"""For all tests: igref's signatures are checked, examples repeat run by run, workers share the work well."""

import hypothesis
import jaxtyping
import pytest
import torch
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests import signatures

jaxtyping.install_import_hook("igref", f"{signatures.__name__}.checked")

hypothesis.settings.register_profile("kit", deadline=None, max_examples=15, derandomize=True)
hypothesis.settings.load_profile("kit")


LONGEST_FIRST = (
    "tests/lecture",
    "tests/hostile",
    "tests/autograder/test_attacks.py",
    "tests/autograder/test_problem_sets.py",
    "tests/autograder/test_model_files.py",
    "tests/autograder/test_sandbox.py",
    "tests/autograder/test_pipeline.py",
    "tests/calibration",
    "tests/autograder/test_functions.py",
    "tests/course",
)


class OneWorkerAFile(LoadFileScheduling):
    """A file is run by one worker, and so is the lecture, which is built once for all of its tests."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "tests/lecture" if file.startswith("tests/lecture/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneWorkerAFile:
    config.option.loadscopereorder = False  # keeps the order in which tests are collected
    return OneWorkerAFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no worker is left alone with it at the end.

    Raises:
        pytest.UsageError: a test has a set in its name, whose order differs from worker to worker, so that none would begin.
    """
    for item in items:
        values = item.callspec.params.values() if hasattr(item, "callspec") else ()
        if any(isinstance(value, set | frozenset) and len(value) > 1 and str(value) in item.name for value in values):
            raise pytest.UsageError(
                f"{item.nodeid}: a set has no order of its own; give it as a tuple, or the test an id"
            )
    items.sort(key=lambda item: [not item.nodeid.startswith(name) for name in LONGEST_FIRST])


@pytest.fixture(autouse=True)
def seeded() -> None:
    """What a test draws without a seed of its own is the same in every run and in every order.

    There is one thread: a model's worker, run in a test's own process, sets two, and beside another busy process
    two threads that wait for each other are up to eight times slower than one.
    """
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture
def unchecked_signatures():
    """Let wrong arguments through to igref's own errors, which are what a user without the checker gets."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
