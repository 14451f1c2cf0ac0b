"""ps2: other baselines. What is graded, and what is handed in."""

from autograder.task import ARRAY, ARRAYS, VALUE, Announced, ProblemSet, Property, Study, Task

NOTEBOOK = "ps2-baselines"
PROBLEM_SET = ProblemSet(
    id=NOTEBOOK,
    title="Other baselines",
    withholds="baselines",
    tasks=(
        Task(
            "ps2-study",
            "integrated gradients from several baselines",
            (
                Property(
                    "images",
                    4,
                    "ten different images or more",
                    Announced("4 for ten or more different pictures", NOTEBOOK),
                ),
                Property(
                    "predictions",
                    2,
                    "the predictions are the model's",
                    Announced("2 for what the network says of them", NOTEBOOK),
                ),
                Property(
                    "baselines",
                    5,
                    "three baselines of your own, none of them the input",
                    Announced("at least three of those that you wrote (two draws of one noise are one)", NOTEBOOK),
                ),
                Property(
                    "variety",
                    3,
                    "maps from a blank baseline and from one that differs",
                    Announced("for the blank one and at least one that is not blank", NOTEBOOK),
                ),
                Property(
                    "completeness",
                    5,
                    "completeness: every map's sum against F(x) - F(x')",
                    Announced("5 for maps that add up (completeness)", NOTEBOOK),
                ),
                Property(
                    "map",
                    7,
                    "the maps against integrated gradients, recomputed",
                    Announced("7 for maps that are right", NOTEBOOK),
                ),
            ),
            Study(
                {"model": VALUE, "scores": VALUE, "images": ARRAY, "targets": ARRAY, "predictions": ARRAY}
                | {"n_steps": VALUE, "baselines": ARRAYS, "attributions": ARRAYS}
            ),
            "ps2.study:judge",
        ),
        Task("ps2-judgement", "what the baselines change", by_hand=14),
    ),
)
