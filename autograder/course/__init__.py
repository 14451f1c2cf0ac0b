"""A whole class: its releases, its grading, and a demonstration with one that is made up."""
