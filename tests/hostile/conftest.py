"""What the tests here share with those of the grader."""

from tests.autograder.conftest import (  # noqa: F401  fixtures
    hand_in,
    released_course,
    shared_truth,
    signatures_are_not_checked,
)
