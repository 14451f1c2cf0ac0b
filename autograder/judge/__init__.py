"""Evidence in, verdict out. Nothing here knows nbgrader, starts a process or runs a student's code."""
