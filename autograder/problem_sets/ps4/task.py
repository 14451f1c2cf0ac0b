"""ps4: an objective measure, for extra credit. What is graded, and what is handed in."""

from autograder.task import ARRAY, ARRAYS, VALUE, Function, ProblemSet, Property, Study, Task

PROBLEM_SET = ProblemSet(
    id="ps4-quality",
    title="An objective measure (extra credit)",
    withholds="quality",
    tasks=(
        Task(
            "ps4-measure",
            "a measure of an attribution's quality",
            (
                Property("form", 3, "one finite number, about the class target"),
                Property("deterministic", 4, "the same map gets the same number"),
                Property("scale", 4, "a positive factor changes nothing"),
                Property("constants", 3, "finite on constant maps"),
                Property("random", 6, "true maps above random rankings"),
                Property("reversed", 4, "true maps above reversed ones"),
            ),
            Function("quality", ("network", "x", "attribution", "target")),
            "ps4.measure:judge",
        ),
        Task(
            "ps4-baselines",
            "baselines compared by the measure",
            (
                Property("images", 2, "ten different images or more, a blank baseline and another"),
                Property("completeness", 2, "completeness: the map's sum against F(x) - F(x')"),
                Property("map", 4, "the map against integrated gradients, recomputed"),
                Property("quality", 4, "the stated qualities are what the measure gives"),
            ),
            Study(
                {"model": VALUE, "scores": VALUE, "images": ARRAY, "targets": ARRAY, "n_steps": VALUE}
                | {"baselines": ARRAYS, "attributions": ARRAYS, "quality": ARRAYS},
                measured=True,
            ),
            "ps4.studies:judge_baselines",
        ),
        Task("ps4-baselines-judgement", "the measure, and what it says of the baselines", by_hand=14),
        Task(
            "ps4-steps",
            "step counts compared by the measure",
            (
                Property("images", 2, "ten different images or more"),
                Property("steps", 4, "at least five step counts, from 5 to 200"),
                Property("completeness", 4, "completeness: the map's sum against F(x) - F(x')"),
                Property("map", 8, "the map against integrated gradients, recomputed"),
                Property("quality", 8, "the stated qualities are what the measure gives"),
            ),
            Study(
                {"model": VALUE, "scores": VALUE, "images": ARRAY, "targets": ARRAY, "baseline": ARRAY}
                | {"rule": VALUE, "attributions": ARRAYS, "quality": ARRAYS},
                measured=True,
            ),
            "ps4.studies:judge_steps_by_quality",
        ),
        Task("ps4-limits", "what it says of the steps, and what it cannot tell", by_hand=24),
    ),
)
