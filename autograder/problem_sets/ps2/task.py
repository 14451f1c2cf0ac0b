"""ps2: other baselines. What is graded, and what is handed in."""

from autograder.task import ARRAY, ARRAYS, VALUE, ProblemSet, Property, Study, Task

PROBLEM_SET = ProblemSet(
    id="ps2-baselines",
    title="Other baselines",
    withholds="baselines",
    tasks=(
        Task(
            "ps2-study",
            "integrated gradients from several baselines",
            (
                Property("images", 4, "ten different images or more"),
                Property("predictions", 2, "the predictions are the model's"),
                Property("baselines", 5, "three baselines of your own, none of them the input"),
                Property("variety", 3, "maps from a blank baseline and from one that differs"),
                Property("completeness", 5, "completeness: every map's sum against F(x) - F(x')"),
                Property("map", 7, "the maps against integrated gradients, recomputed"),
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
