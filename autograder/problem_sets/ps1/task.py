"""ps1: attribute a label. What is graded, and what is handed in."""

from autograder.task import ARRAY, VALUE, Announced, Function, ProblemSet, Property, Study, Task

NOTEBOOK = "ps1-attribution"
PROBLEM_SET = ProblemSet(
    id=NOTEBOOK,
    title="Attribute a label",
    withholds="attribution",
    tasks=(
        Task(
            "ps1-input-gradient",
            "the input gradient",
            (
                Property(
                    "form",
                    0.5,
                    "a finite tensor of the shape of x",
                    Announced("as a tensor of the shape of `x`", NOTEBOOK),
                ),
                Property(
                    "linear",
                    0.5,
                    "exact on affine functions",
                    Announced("Your functions meet small random networks whose attribution is known exactly", NOTEBOOK),
                ),
                Property(
                    "nonlinear",
                    1,
                    "exact on polynomials, ReLU and softmax networks",
                    Announced("Your functions meet small random networks whose attribution is known exactly", NOTEBOOK),
                ),
                Property(
                    "images",
                    1,
                    "exact on image networks",
                    Announced("`x` is **one** input `(*shape)`, a vector or an image", NOTEBOOK),
                ),
                Property(
                    "target",
                    1,
                    "a target that is not the top class",
                    Announced("It need not be the top class", NOTEBOOK),
                ),
            ),
            Function("input_gradient", ("network", "x", "target")),
            "ps1.input_gradient:judge",
        ),
        Task(
            "ps1-integrated-gradients",
            "integrated gradients",
            (
                Property(
                    "form",
                    1,
                    "a finite tensor of the shape of x",
                    Announced("Return a `torch.Tensor` of the shape of `x`"),
                ),
                Property(
                    "linear",
                    1,
                    "exact on affine functions",
                    Announced("The weights of the sum have to add up to one", NOTEBOOK),
                ),
                Property(
                    "polynomial",
                    1,
                    "as accurate as the textbook rules on polynomials and products",
                    Announced("An answer is right if its error is no larger than the error of such a rule can be"),
                ),
                Property(
                    "networks",
                    1,
                    "as accurate as the textbook rules on ReLU, softmax and convolutional networks",
                    Announced("An answer is right if its error is no larger than the error of such a rule can be"),
                ),
                Property(
                    "saturation", 1, "sees through saturation", Announced("a saturated unit no longer moves", NOTEBOOK)
                ),
                Property(
                    "baseline",
                    1,
                    "a baseline that is not zero",
                    Announced("a mistake that shows only with some baselines costs only the points for baselines"),
                ),
                Property(
                    "target",
                    1,
                    "a target that is not the top class",
                    Announced("`target` is the index of the class to explain", NOTEBOOK),
                ),
                Property(
                    "steps", 1, "n_steps sets the number of steps", Announced("by a sum over `n_steps` steps", NOTEBOOK)
                ),
            ),
            Function("integrated_gradients", ("network", "x", "baseline", "target", "n_steps")),
            "ps1.integrated_gradients:judge",
        ),
        Task(
            "ps1-photo",
            "which pixels count, for a photo and its label",
            (
                Property(
                    "completeness",
                    1,
                    "completeness: the map's sum against F(x) - F(x')",
                    Announced("pixels in [0, 1]; the grader recomputes the maps"),
                ),
                Property(
                    "map",
                    2,
                    "the map against integrated gradients, recomputed",
                    Announced("integrated gradients from a black baseline, with at least 20 steps", NOTEBOOK),
                ),
                Property(
                    "product",
                    1,
                    "gradient x input, recomputed",
                    Announced("`gradient_times_input`: the image times the input gradient", NOTEBOOK),
                ),
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
