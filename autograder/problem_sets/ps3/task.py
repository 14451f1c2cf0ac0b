"""ps3: how many steps. What is graded, and what is handed in."""

from autograder.task import ARRAY, ARRAYS, VALUE, Announced, AskedAbout, ProblemSet, Property, Study, Task

INVENTED_GAPS = {
    5: (0.02, 0.30, 0.40, 0.04, 0.01, 0.90),
    10: (0.20, 0.04, 0.30, 0.03, 0.02, 0.70),
    20: (0.10, 0.09, 0.20, 0.02, 0.01, 0.30),
    50: (0.04, 0.06, 0.10, 0.02, 0.01, 0.20),
    100: (0.03, 0.02, 0.09, 0.01, 0.01, 0.08),
    200: (0.01, 0.01, 0.08, 0.01, 0.20, 0.03),
}
"""Gaps of six pictures, two of which are small by luck at first: of real ones it can be that none is."""

NOTEBOOK = "ps3-steps"
PROBLEM_SET = ProblemSet(
    id=NOTEBOOK,
    title="How many steps",
    withholds="steps",
    tasks=(
        Task(
            "ps3-study",
            "integrated gradients at 5 to 200 steps",
            (
                Property(
                    "images",
                    2,
                    "ten different images or more",
                    Announced("2 for ten or more different pictures", NOTEBOOK),
                ),
                Property(
                    "predictions",
                    2,
                    "the predictions are the model's",
                    Announced("2 for what the network says of them", NOTEBOOK),
                ),
                Property(
                    "steps",
                    3,
                    "at least five step counts, from 5 to 200",
                    Announced("at least five counts, the smallest 5 or less and the largest 200 or more", NOTEBOOK),
                ),
                Property(
                    "completeness",
                    4,
                    "completeness: every map's sum against F(x) - F(x')",
                    Announced("4 for maps that add up as well as your rule can", NOTEBOOK),
                ),
                Property(
                    "map",
                    7,
                    "each map against integrated gradients at its own step count",
                    Announced("7 for maps that are right, each at its own count", NOTEBOOK),
                ),
                Property(
                    "gaps",
                    5,
                    "the stated gaps are those of the maps",
                    Announced("for the gaps that you state", NOTEBOOK),
                ),
                Property(
                    "enough",
                    3,
                    "from which count on each gap stays within 5 %",
                    Announced("**stays** within 5 %", NOTEBOOK),
                ),
            ),
            Study(
                {"model": VALUE, "scores": VALUE, "images": ARRAY, "targets": ARRAY, "predictions": ARRAY}
                | {"baseline": ARRAY, "rule": VALUE, "attributions": ARRAYS, "gaps": ARRAYS, "enough": ARRAY}
                | {"enough_steps": AskedAbout(INVENTED_GAPS)}
            ),
            "ps3.study:judge",
        ),
        Task("ps3-judgement", "which rule, and how many steps are enough", by_hand=14),
    ),
)
