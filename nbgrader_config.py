"""nbgrader's configuration for this course. Everything it needs to know is set by the autograder."""

from autograder.nbgrader_plugin import configure

c = get_config()  # noqa: F821  (nbgrader defines it)
configure(c)
c.CourseDirectory.course_id = "integrated-gradients"
