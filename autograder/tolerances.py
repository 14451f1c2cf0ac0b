"""Every tolerance of the grader, each with the measurement that set it.

`tests/autograder/test_tolerances.py` repeats the measurements on fresh seeds.
"""

ROUNDING = 2e-5
"""Relative L2 error that counts as rounding. Float32 throughout leaves 1e-7 to 2e-6 on the probes, half
precision 2e-4 and more."""

RULE_MARGIN = 1.5
"""An answer may err this many times as much as the worst textbook rule, Simpson's among them. The rule may use
n_steps - 1, n_steps or n_steps + 1 intervals, since n_steps is sometimes read as a number of points; with that every rule
stays at 1.0 or below, on 250 seeds. What is left of the margin is for rules of a student's own."""

SAME_MAP = 1e-3
"""Relative L2 distance below which an answer is said to be what a known mistake gives. Rounding is 50 times
smaller; two different mistakes are 1e-2 or more apart on at least one probe."""

PROPORTIONAL = 1e-6
"""1 - cosine below which a map is a multiple of the true one."""

MAP_MARGIN = 2.0
"""On a photo a map may be this many times as far from the recomputed one as the worst of four rules. Gauss-
Legendre was up to 1.5 times as far as the worst of the others (EfficientNet-Lite0, five photos, 10 to 50 steps)."""

LARGEST_MAP_ERROR = 0.6
"""However few the steps, a map farther off than this is not accepted. Gradient x input is 0.9 to 1.0 off; honest
maps are 0.02 to 0.1 off at 50 steps, 0.1 to 0.5 at 10."""

RECOMPUTED_GRADIENT = 1e-3
"""Relative L2 distance between the same gradient computed twice, in other chunks and another memory layout: 7e-7 to
3e-6 on EfficientNet-Lite0; other processors and builds of torch were given room."""

PIXEL_SLACK = 1e-3
"""How far a pixel may lie outside [0, 1], as it may after resizing."""

MAX_RECOMPUTED_STEPS = 100
"""Steps that the grader recomputes at most for one picture: 201 gradients."""
