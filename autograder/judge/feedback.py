"""The texts that students read: one place for all of them.

`MISTAKES` maps the short name of a mistake to its likely cause and to what to try; the titles of properties stand
with the tasks that have them. No text gives away a value that the grader computed.
"""

from __future__ import annotations

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
    # the studies
    "too_few_images": (
        "there are fewer than ten images",
        "Hand in at least ten, each a picture of its own.",
    ),
    "images_repeated": (
        "the same picture comes twice",
        "Take different pictures: a study of one picture is no study.",
    ),
    "images_blank": (
        "an image has nothing on it",
        "Check how the pictures were read: one colour all over is no photo.",
    ),
    "image_normalised": (
        "the images are not in pixel space: their values are below 0 or far above 1",
        "Hand in pixels in [0, 1]; igref's models normalise by themselves.",
    ),
    "wrong_predictions": (
        "the stated predictions are not what the model says of these images",
        "Take forward(images).argmax(dim=1) of the very images that you hand in.",
    ),
    "wrong_class_index": (
        "a class index is not one that the model has",
        "Class indices are whole numbers from 0 up to the number of classes, one for each image.",
    ),
    "wrong_shape": (
        "a part of the study has another shape than it should",
        "Compare the shape that was seen with the one that was expected; torch.stack makes a batch of single pictures.",
    ),
    "wrong_dtype": (
        "a part of the study holds whole numbers where real ones belong",
        "Turn it into floating point: pixels.float() / 255 for pictures from 0 to 255.",
    ),
    "not_finite": (
        "there are NaN or infinite values",
        "Look for a division by zero, as by x - x' or by a map's standard deviation.",
    ),
    "baseline_is_input": (
        "a baseline is the input itself, so there is no path",
        "Take a picture without the input's content; F(x) - F(x') has to have something to explain.",
    ),
    "baseline_is_rescaled_input": (
        "a baseline is the input itself, made darker or lighter",
        "Take a picture without the input's content: noise, a blurred or an unrelated picture.",
    ),
    "equal_baselines": (
        "two baselines are the same pictures under two names",
        "Write a different one: noise, blur, maximum distance, an adversarial picture, a picture of your own.",
    ),
    "twin_baselines": (
        "two baselines are one and the same but for their scale or seed",
        "Write one of another kind: noise, blur, maximum distance, an adversarial picture, a picture of your own.",
    ),
    "too_few_baselines": (
        "there are fewer than three baselines of your own beside the blank one",
        "Write at least three, of different kinds; another constant colour does not count as one.",
    ),
    "no_blank_baseline": (
        "there are no maps from a blank baseline to compare with",
        "Compute the maps from black as well, and hand them in under a name of their own.",
    ),
    "no_variety": (
        "all maps come from blank baselines or from nearly blank ones",
        "Compute maps from at least one of your own baselines, too.",
    ),
    "constant_map": (
        "a map has the same value everywhere",
        "Look at your map: it should differ from pixel to pixel.",
    ),
    "integer_division": (
        "the points of the path are all at its start, as with k // m",
        "alpha runs from 0 to 1 in real numbers: k / n_steps, or torch.linspace.",
    ),
    "rescaled_to_complete": (
        "the map was re-scaled so that its sum fits F(x) - F(x')",
        "Leave the gap as it is: it tells how good the approximation is. More steps make it smaller.",
    ),
    "not_the_same_again": (
        "the function is right at first, and wrong when it is asked about the same x again",
        "Leave x as it is, its values and its shape: work on x.detach().clone(). Keep nothing from one call to the next.",
    ),
    "too_few_steps": (
        "the map is right for its steps, which are fewer than the task asks for",
        "Take at least 20: the lines of a map of ten steps still move.",
    ),
    "gap_spread": (
        "the gap was spread evenly over the map, so that its sum fits F(x) - F(x')",
        "Leave the gap as it is: it tells how good the approximation is. More steps make it smaller.",
    ),
    "channels_averaged": (
        "the channels were averaged or summed before the map was handed in",
        "Hand in the attribution itself, in the image's shape; sum over channels only to draw.",
    ),
    "last_batch_only": (
        "only a part of the path is in the sum, as when each batch overwrites the one before",
        "Add up the gradients over all batches, then divide by the number of steps.",
    ),
    "map_of_another_baseline": (
        "a map was computed from another baseline than the one it is handed in with",
        "Compute each map from its own baseline, and check the names.",
    ),
    "map_of_another_image": (
        "a map belongs to another image",
        "Keep images and maps in the same order.",
    ),
    "one_map_for_all": (
        "different images have the same map",
        "Compute a map for each image.",
    ),
    "other_step_count": (
        "a map was computed with another number of steps than stated",
        "Compute each map with its own count, and check the keys.",
    ),
    "wrong_class": (
        "another class is explained than the target",
        "Differentiate forward(...)[:, target] with the target that you hand in.",
    ),
    "baseline_after_normalisation": (
        "the baseline was set after normalisation: zero there is grey, not black",
        "Make baselines in pixel space, where black is 0 and white is 1; the model normalises.",
    ),
    "other_scores": (
        "logits were differentiated where probabilities are stated, or the reverse",
        "Hand in scores='logits' if forward is model.logits; leave it out for probabilities.",
    ),
    "noisy_map": (
        "the map resembles integrated gradients, but is farther off than its steps explain",
        "Check that the model is in evaluation mode (dropout, batch normalisation) and that the whole path is summed.",
    ),
    "unrelated_map": (
        "the map has nothing to do with integrated gradients of this image, baseline and target",
        "Hand in the very images, baselines and targets that you computed the maps with.",
    ),
    "too_few_counts": (
        "there are fewer than five step counts",
        "Take at least five between 5 and 200, for example 5, 10, 20, 50, 100 and 200.",
    ),
    "counts_out_of_range": (
        "the step counts do not span 5 to 200",
        "Let the smallest be at most 5 and the largest at least 200.",
    ),
    "wrong_counts": (
        "a number of steps is not a whole number from 1 up",
        "Use the step counts themselves as keys: {5: ..., 10: ...}.",
    ),
    "gaps_in_percent": (
        "the gaps are in percent",
        "State them as shares: 0.05 for 5 %.",
    ),
    "gaps_not_relative": (
        "the gaps are not divided by |F(x) - F(x')|",
        "The relative gap is |sum of the map - (F(x) - F(x'))| / |F(x) - F(x')|.",
    ),
    "gaps_to_finest_map": (
        "the sums are compared with that of the map with most steps, not with F(x) - F(x')",
        "The relative gap is |sum of the map - (F(x) - F(x'))| / |F(x) - F(x')|: the finest map has one, too.",
    ),
    "gaps_made_up": (
        "the stated gaps are not those of the maps handed in",
        "Compute them from these very maps: |sum of the map - (F(x) - F(x'))| / |F(x) - F(x')|.",
    ),
    "first_not_stays": (
        "the first count within 5 % was taken, but the gap leaves 5 % again at a larger one",
        "Take the smallest count from which on every larger one is within 5 % as well.",
    ),
    "wrong_enough": (
        "the counts said to be enough do not follow from the gaps",
        "For each image take the smallest count from which on the gap stays within 5 %, or 0 where none does.",
    ),
    "model_not_here": (
        "the grading machine does not have this model's weights",
        "Nothing: your instructor sees this note.",
    ),
    # models from a file
    "onnx_missing": (
        "the file of the model did not come with the notebook, or is too large",
        "Hand in the .onnx file, of at most 128 MiB, in the notebook's folder, and name it as it is called there.",
    ),
    "onnx_unreadable": (
        "the model's file cannot be run, or does not turn these images into scores",
        "Export the model in one file, for float32 pictures (N, C, H, W) in [0, 1], and try onnxruntime on it yourself.",
    ),
    "onnx_not_fixed": (
        "the model's scores of an image depend on chance or on the rest of its batch",
        "Call model.eval() before you export it: dropout and batch statistics must be off.",
    ),
    "onnx_exceeds": (
        "the model takes more time or memory than it may",
        "Hand in fewer or smaller images, or a smaller model; your instructor sees this note.",
    ),
    "onnx_not_here": (
        "a model from a file cannot be run on this machine",
        "Nothing: your instructor sees this note.",
    ),
    # the measure of quality
    "measure_not_a_number": (
        "attribution_quality does not return one number",
        "Return float(...) of a single value.",
    ),
    "measure_not_finite": (
        "attribution_quality is not finite for every map",
        "Think of a map that is constant: ties in the ranking, a standard deviation of zero.",
    ),
    "measure_not_deterministic": (
        "the same map gets different numbers",
        "Fix the seed inside the function: torch.Generator().manual_seed(0). Leave x as it is: hide pixels in a copy.",
    ),
    "measure_depends_on_scale": (
        "the number changes when the map is multiplied by a positive number",
        "Use the map's ranking, or divide by its size: maps of different methods have different scales.",
    ),
    "measure_ignores_map": (
        "true maps, random ones and reversed ones get the same number",
        "The number has to depend on which pixels the attribution ranks high.",
    ),
    "measure_ignores_sign": (
        "a map and its reverse get the same number",
        "What speaks for the label has to rank above what speaks against it: do not take absolute values, or squares.",
    ),
    "measure_ignores_network": (
        "the number is the same whatever network is asked about",
        "A map explains a network: change the picture where the map says so, and see what forward makes of it.",
    ),
    "measure_reversed": (
        "true maps get lower numbers than their controls",
        "Higher is better: check the sign and which pixels are hidden.",
    ),
    "measure_no_better_than_chance": (
        "true maps are hardly told from their controls",
        "Hide more or fewer pixels, or several shares and average; check that positive attribution counts as important.",
    ),
    "quality_made_up": (
        "a stated quality is not what the measure gives for that map",
        "Compute the table with the very function and maps that you hand in.",
    ),
    "quality_constant": (
        "the measure gives the same number for every map and image",
        "Hand in the measure of part A: one that tells true maps from random ones tells some of these apart.",
    ),
    "measure_not_asked": (
        "the measure could not be asked again about the study's maps",
        "Hand in a model's name that igref.load_model knows, or forward=... for one of your own.",
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
