"""The lecture: slides, the minimal working example, demos, the report's results, and what builds them into pages.

`python -m lecture` executes the notebooks and writes `lecture/built/`, which opens without a network.
"""
