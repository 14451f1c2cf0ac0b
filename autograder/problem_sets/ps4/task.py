"""ps4: an objective measure, for extra credit. What is graded, and what is handed in."""

from autograder.task import ARRAY, ARRAYS, MEASURE, VALUE, Announced, Function, ProblemSet, Property, Study, Task

NOTEBOOK = "ps4-quality"
PROBLEM_SET = ProblemSet(
    id=NOTEBOOK,
    title="An objective measure (extra credit)",
    withholds="quality",
    tasks=(
        Task(
            "ps4-measure",
            "a measure of an attribution's quality",
            (
                Property(
                    "form",
                    3,
                    "one finite number, about the class target",
                    Announced("The number has to be about `target`", NOTEBOOK),
                ),
                Property(
                    "deterministic",
                    4,
                    "the same map gets the same number",
                    Announced("the same one each time (4)", NOTEBOOK),
                ),
                Property(
                    "scale",
                    4,
                    "a positive factor changes nothing",
                    Announced("does not change when the map is multiplied by a positive number (4)", NOTEBOOK),
                ),
                Property(
                    "constants",
                    3,
                    "finite on constant maps",
                    Announced("that is finite for a constant map (3)", NOTEBOOK),
                ),
                Property(
                    "random",
                    6,
                    "true maps above random rankings",
                    Announced("on at least 40 of 60 pictures, where equal numbers count as half", NOTEBOOK),
                ),
                Property(
                    "reversed",
                    4,
                    "true maps above reversed ones",
                    Announced("above the reversed one, its negative (4)", NOTEBOOK),
                ),
            ),
            Function("quality", MEASURE),
            "ps4.measure:judge",
        ),
        Task(
            "ps4-baselines",
            "baselines compared by the measure",
            (
                Property(
                    "images",
                    2,
                    "ten different images or more, a blank baseline and another",
                    Announced("2 are for the pictures", NOTEBOOK),
                ),
                Property(
                    "completeness",
                    2,
                    "completeness: the map's sum against F(x) - F(x')",
                    Announced("2 for completeness", NOTEBOOK),
                ),
                Property(
                    "map", 4, "the map against integrated gradients, recomputed", Announced("4 for the maps", NOTEBOOK)
                ),
                Property(
                    "quality",
                    4,
                    "the stated qualities are what the measure gives",
                    Announced("4 for stated qualities that are your measure's", NOTEBOOK),
                ),
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
                Property("images", 2, "ten different images or more", Announced("2 are for the pictures", NOTEBOOK)),
                Property(
                    "steps",
                    4,
                    "at least five step counts, from 5 to 200",
                    Announced("maps at five or more counts from 5 (or fewer) to 200 (or more)", NOTEBOOK),
                ),
                Property(
                    "completeness",
                    4,
                    "completeness: the map's sum against F(x) - F(x')",
                    Announced("4 for completeness", NOTEBOOK),
                ),
                Property(
                    "map", 8, "the map against integrated gradients, recomputed", Announced("8 for the maps", NOTEBOOK)
                ),
                Property(
                    "quality",
                    8,
                    "the stated qualities are what the measure gives",
                    Announced("8 for the stated qualities", NOTEBOOK),
                ),
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
