"""What runs beside a student's code: all that the sandbox shows of the grader, but for what the problem sets declare."""
