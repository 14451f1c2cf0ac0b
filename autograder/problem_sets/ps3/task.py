"""ps3: how many steps. What is graded, and what is handed in."""

from autograder.task import ARRAY, ARRAYS, VALUE, ProblemSet, Property, Study, Task

PROBLEM_SET = ProblemSet(
    id="ps3-steps",
    title="How many steps",
    withholds="steps",
    tasks=(
        Task(
            "ps3-study",
            "integrated gradients at 5 to 200 steps",
            (
                Property("images", 2, "ten different images or more"),
                Property("predictions", 2, "the predictions are the model's"),
                Property("steps", 3, "at least five step counts, from 5 to 200"),
                Property("completeness", 4, "completeness: every map's sum against F(x) - F(x')"),
                Property("map", 7, "each map against integrated gradients at its own step count"),
                Property("gaps", 5, "the stated gaps are those of the maps"),
                Property("enough", 3, "from which count on each gap stays within 5 %"),
            ),
            Study(
                {"model": VALUE, "scores": VALUE, "images": ARRAY, "targets": ARRAY, "predictions": ARRAY}
                | {"baseline": ARRAY, "rule": VALUE, "attributions": ARRAYS, "gaps": ARRAYS, "enough": ARRAY}
            ),
            "ps3.study:judge",
        ),
        Task("ps3-judgement", "which rule, and how many steps are enough", by_hand=14),
    ),
)
