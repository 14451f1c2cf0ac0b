"""What the tests here share with those of the grader."""

from tests.autograder.conftest import released_course, signatures_are_not_checked  # noqa: F401  fixtures
