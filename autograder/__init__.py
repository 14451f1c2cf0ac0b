"""Evidence in, verdicts out: the autograder of the course kit.

A notebook needs one name: `submit`.
"""

from autograder.student.submit import submit

__all__ = ["submit"]
