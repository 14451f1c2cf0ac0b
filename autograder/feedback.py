"""The texts that students read: one place for all of them.

`PROPERTIES` names what a check looks at; `MISTAKES` maps the short name of a mistake to its likely
cause and to what to try. No text gives away a value that the grader computed.
"""

from __future__ import annotations

PROPERTIES: dict[str, str] = {
    "form": "a finite tensor of the shape of x",
    "linear": "exact on affine functions",
    "polynomial": "as accurate as the textbook rules on polynomials and products",
    "networks": "as accurate as the textbook rules on ReLU, softmax and convolutional networks",
    "saturation": "sees through saturation",
    "baseline": "a baseline that is not zero",
    "target": "a target that is not the top class",
    "steps": "n_steps sets the number of steps",
    "nonlinear": "exact on polynomials, ReLU and softmax networks",
    "images": "exact on image networks",
    "completeness": "completeness: the map's sum against F(x) - F(x')",
    "map": "the map against integrated gradients, recomputed",
    "product": "gradient x input, recomputed",
}

MISTAKES: dict[str, tuple[str, str]] = {
    # integrated gradients
    "difference_missing": (
        "the result is not multiplied by x - x'",
        "Multiply the averaged gradient by (x - baseline), element by element.",
    ),
    "times_input": (
        "the averaged gradient is multiplied by x in place of x - x'",
        "Multiply by (x - baseline): they differ as soon as the baseline is not zero.",
    ),
    "not_averaged": (
        "the gradients are summed but not divided by the number of steps",
        "The sum approximates an integral over [0, 1]: each term carries the weight 1/m.",
    ),
    "neither_averaged_nor_multiplied": (
        "the gradients are summed only: neither the weight 1/m nor the factor x - x' is there",
        "Average the gradients, then multiply by (x - baseline).",
    ),
    "one_term_too_many": (
        "n_steps + 1 gradients are summed, but each carries the weight 1/n_steps",
        "The weights must sum to one: drop one end, or halve both (the trapezoid rule).",
    ),
    "one_term_too_few": (
        "n_steps - 1 gradients are summed, but each carries the weight 1/n_steps",
        "The weights must sum to one: count the terms of your loop.",
    ),
    "trapezoid_weights": (
        "the trapezoid's weights sum to (n - 1)/n: n points have n - 1 intervals",
        "Divide by the number of intervals, not by the number of points.",
    ),
    "both_ends_in_full": (
        "both ends of the path carry a full weight, so they count twice as much as they should",
        "Halve the first and the last gradient (the trapezoid rule), or leave one of them out.",
    ),
    "gradient_at_input": (
        "the result is the gradient at x alone, with no path and no factor x - x'",
        "Average the gradient over points between the baseline and x, then multiply by (x - baseline).",
    ),
    "gradient_times_difference": (
        "only the gradient at x, the end of the path, is used",
        "Average the gradient over points between the baseline and x: one end cannot see saturation.",
    ),
    "gradient_times_input": (
        "the result is gradient x input, the gradient at x alone",
        "Average the gradient over points between the baseline and x, then multiply by (x - baseline).",
    ),
    "gradient_at_baseline": (
        "only the gradient at the baseline, the start of the path, is used",
        "Average the gradient over points between the baseline and x.",
    ),
    "sign_reversed": (
        "every sign is reversed, as with (x' - x) in place of (x - x')",
        "Multiply by (x - baseline), in this order, and check that the sum is F(x) - F(x').",
    ),
    "absolute_value": (
        "the absolute value is taken",
        "Return the signed attribution: completeness holds for signed values. Take |.| only to draw.",
    ),
    "path_from_zero": (
        "the path starts at zero whatever the baseline is",
        "Interpolate baseline + alpha * (x - baseline).",
    ),
    "path_from_zero_times_difference": (
        "the gradients are taken on a path from zero, then multiplied by x - x'",
        "Interpolate baseline + alpha * (x - baseline).",
    ),
    "path_beyond_input": (
        "the path runs from x outwards: the points are x + alpha (x - x')",
        "Interpolate baseline + alpha * (x - baseline), so that alpha = 1 is x.",
    ),
    "top_class": (
        "the top class is explained in place of the target",
        "Differentiate forward(...)[:, target], whatever the prediction is.",
    ),
    "all_classes": (
        "the sum over all classes is differentiated",
        "Select the target's column before you differentiate: forward(...)[:, target].",
    ),
    "first_class": (
        "class 0 is explained in place of the target",
        "Select forward(...)[:, target].",
    ),
    "log_probability": (
        "the logarithm of the score is differentiated",
        "Differentiate the score itself: F is what forward returns.",
    ),
    "zeros": (
        "every value is zero",
        "Check that the gradient reaches the input: requires_grad_() before forward, no detach() after it.",
    ),
    "scaled": (
        "the map has the right direction but the wrong size",
        "The weights of the gradients must sum to one, and nothing may be normalised afterwards.",
    ),
    "half_precision": (
        "the values are right to three digits only, as in half precision",
        "Compute in float32 or float64.",
    ),
    "steps_ignored": (
        "the answer is the same for few steps and for many",
        "Use n_steps for the number of points on the path, in place of a fixed count.",
    ),
    # the input gradient
    "input_times_gradient": (
        "the gradient is multiplied by x",
        "Return the gradient itself; the product with x is another method, later in the notebook.",
    ),
    "gradient_sign": (
        "only the sign of the gradient is returned",
        "Return the gradient itself.",
    ),
    "gradient_sign_reversed": (
        "every sign is reversed, as in the gradient of a loss",
        "Differentiate the score, not its negative.",
    ),
    # the photo
    "map_of_another_pair": (
        "the map is not the integrated gradients of this image, baseline and target",
        "Hand in the very image, baseline and target that you computed the map with.",
    ),
    "channels_summed": (
        "the map has one channel: it was summed over the colours before it was handed in",
        "Hand in the attribution itself, in the image's shape; sum over channels only to draw.",
    ),
    "image_out_of_range": (
        "the image's values are not in [0, 1]",
        "Hand in pixels in [0, 1]: divide 0..255 by 255, and leave normalisation to the model.",
    ),
    "images_batched": (
        "the parts carry a batch dimension",
        "Hand in one picture of shape (3, H, W): image[0] takes it out of its batch.",
    ),
    # the form
    "wrong_form": (
        "the numbers are right, but they do not come as a torch.Tensor of the shape of x",
        "Return a tensor: torch.as_tensor makes one of an array, and squeeze(0) takes a batch dimension away.",
    ),
    # the run
    "not_done": (
        "this part has not been done: its stub is still there",
        "Replace the raise statement with your own code, run the cell, then run this one.",
    ),
    "raised": (
        "your function stops with an error",
        "Run the function on a small example in a cell of its own and read the whole error.",
    ),
    "withheld": (
        "your notebook uses a module that is withheld while it is graded",
        "Write this part yourself: the reference package answers for it only outside of grading.",
    ),
    "kernel_died": (
        "the kernel died before this part was finished",
        "Restart the kernel, run all cells, and look for what ends the process (exit calls, memory).",
    ),
    "out_of_time": (
        "the notebook ran out of time before this part was finished",
        "Look for a loop without an end; fewer pictures or larger chunks help where the work is long.",
    ),
    "not_reached": (
        "nothing was handed in from this cell",
        "Restart the kernel, run all cells from the top, and mend the first one that fails.",
    ),
    "unreadable": (
        "the notebook could not be read",
        "Open it in JupyterLab, save it, and hand it in again under its own name.",
    ),
    "evidence_damaged": (
        "what this cell left behind is not what submit writes",
        "Leave the files of the autograder alone and run the notebook from the top.",
    ),
    "missing_part": (
        "a part of the study is missing or is of the wrong kind",
        "Hand in every part that the cell names: tensors for pictures and maps, numbers and text otherwise.",
    ),
    "unknown_model": (
        "the model's name is not one that can be loaded",
        "Use a name that igref.load_model knows, such as efficientnet_lite0.",
    ),
}
