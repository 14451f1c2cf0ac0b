"""ps1: attribute a label. What is graded, and what is handed in."""

from autograder.task import ARRAY, VALUE, Function, ProblemSet, Property, Study, Task

PROBLEM_SET = ProblemSet(
    id="ps1-attribution",
    title="Attribute a label",
    withholds="attribution",
    tasks=(
        Task(
            "ps1-input-gradient",
            "the input gradient",
            (
                Property("form", 0.5, "a finite tensor of the shape of x"),
                Property("linear", 0.5, "exact on affine functions"),
                Property("nonlinear", 1, "exact on polynomials, ReLU and softmax networks"),
                Property("images", 1, "exact on image networks"),
                Property("target", 1, "a target that is not the top class"),
            ),
            Function("input_gradient", ("network", "x", "target")),
            "ps1.input_gradient:judge",
        ),
        Task(
            "ps1-integrated-gradients",
            "integrated gradients",
            (
                Property("form", 1, "a finite tensor of the shape of x"),
                Property("linear", 1, "exact on affine functions"),
                Property("polynomial", 1, "as accurate as the textbook rules on polynomials and products"),
                Property(
                    "networks", 1, "as accurate as the textbook rules on ReLU, softmax and convolutional networks"
                ),
                Property("saturation", 1, "sees through saturation"),
                Property("baseline", 1, "a baseline that is not zero"),
                Property("target", 1, "a target that is not the top class"),
                Property("steps", 1, "n_steps sets the number of steps"),
            ),
            Function("integrated_gradients", ("network", "x", "baseline", "target", "n_steps")),
            "ps1.integrated_gradients:judge",
        ),
        Task(
            "ps1-photo",
            "which pixels count, for a photo and its label",
            (
                Property("completeness", 1, "completeness: the map's sum against F(x) - F(x')"),
                Property("map", 2, "the map against integrated gradients, recomputed"),
                Property("product", 1, "gradient x input, recomputed"),
            ),
            Study(
                {"model": VALUE, "scores": VALUE, "image": ARRAY, "baseline": ARRAY, "target": VALUE, "n_steps": VALUE}
                | {"attribution": ARRAY, "gradient_times_input": ARRAY}
            ),
            "ps1.photo:judge",
        ),
        Task("ps1-discussion", "what the two maps show", by_hand=4),
    ),
)
