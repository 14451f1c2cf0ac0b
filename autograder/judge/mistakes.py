"""Every known mistake: its name, its likely cause and what to try. The one place for the texts that students read about their work.

A cause is a clause that goes on after "Likely cause:"; no text gives away a value that the grader computed.
"""

from __future__ import annotations

from enum import StrEnum

from autograder.task import Announced


class Mistake(StrEnum):
    """A mistake that the grader knows. Its value is its name in records and tables; it has a cause and a remedy."""

    cause: str
    remedy: str

    def __new__(cls, name: str, cause: str, remedy: str) -> Mistake:
        member = str.__new__(cls, name)
        member._value_ = name
        member.cause, member.remedy = cause, remedy
        return member

    # integrated gradients
    DIFFERENCE_MISSING = (
        "difference_missing",
        "the result is not multiplied by x - x'",
        "Multiply the averaged gradient by (x - baseline), element by element.",
    )
    TIMES_INPUT = (
        "times_input",
        "the averaged gradient is multiplied by x instead of x - x'",
        "Multiply by (x - baseline): they differ as soon as the baseline is not zero.",
    )
    NOT_AVERAGED = (
        "not_averaged",
        "the gradients are summed but not divided by the number of steps",
        "The sum approximates an integral over [0, 1]: each term carries the weight 1/n_steps; torch.trapezoid assumes that the "
        "points are 1 apart: give it dx=1 / n_steps.",
    )
    NEITHER_AVERAGED_NOR_MULTIPLIED = (
        "neither_averaged_nor_multiplied",
        "the gradients are summed only: neither the weight 1/m nor the factor x - x' is there",
        "Average the gradients, then multiply by (x - baseline).",
    )
    ONE_TERM_TOO_MANY = (
        "one_term_too_many",
        "n_steps + 1 gradients are summed, but each carries the weight 1/n_steps",
        "The weights must sum to one: drop one end, or halve both (the trapezoid rule).",
    )
    ONE_TERM_TOO_FEW = (
        "one_term_too_few",
        "n_steps - 1 gradients are summed, but each carries the weight 1/n_steps",
        "The weights must sum to one: count the terms of your loop. Add the end that is missing, or divide by the number of "
        "terms.",
    )
    TRAPEZOID_WEIGHTS = (
        "trapezoid_weights",
        "the trapezoid's weights sum to (n - 1)/n: n points have n - 1 intervals",
        "Divide by the number of intervals, not by the number of points.",
    )
    SIMPSON_OF_ODD_COUNT = (
        "simpson_of_odd_count",
        "Simpson's weights 1, 4, 2, ..., 4, 1 need an even number of intervals: with an odd one they do not add up to one",
        "If n_steps is odd, add an interval, or use another rule for the last one.",
    )
    NODES_WITHOUT_WEIGHTS = (
        "nodes_without_weights",
        "the nodes are those of the Gauss–Legendre rule, but their gradients all carry the same weight",
        "Multiply each gradient by the weight of its node: half of what leggauss returns, as the interval is [0, 1].",
    )
    NODES_NOT_MOVED = (
        "nodes_not_moved",
        "the nodes are those of the Gauss–Legendre rule on [-1, 1], so that half of the points lie before the baseline",
        "Map them to [0, 1] by (node + 1) / 2; their weights then have to add up to one, not two.",
    )
    POINTS_NOT_SPREAD = (
        "points_not_spread",
        "the weights add up to one, but the points are crowded in one part of the path, or drawn at random, and are weighted as "
        "if they were evenly spaced",
        "Space alpha evenly over [0, 1]; or weight each gradient by the length of its own piece of the path.",
    )
    GRADIENT_AT_INPUT = (
        "gradient_at_input",
        "the result is the gradient at x alone, with no path and no factor x - x'",
        "Average the gradient over points between the baseline and x, then multiply by (x - baseline).",
    )
    GRADIENT_TIMES_DIFFERENCE = (
        "gradient_times_difference",
        "only the gradient at x, the end of the path, is used",
        "Average the gradient over points between the baseline and x: one end alone cannot see saturation. Where a loop changes "
        "one tensor in place, a list holds it n times, as it is in the end: append point.clone().",
    )
    GRADIENT_TIMES_INPUT = (
        "gradient_times_input",
        "the result is gradient x input, the gradient at x alone",
        "Average the gradient over points between the baseline and x, then multiply by (x - baseline).",
    )
    GRADIENT_AT_BASELINE = (
        "gradient_at_baseline",
        "only the gradient at the baseline, the start of the path, is used",
        "Average the gradient over points between the baseline and x. If your code does, check that each point's own score is "
        "taken, "
        "as forward(points)[:, target] does: torch.take counts through the whole table.",
    )
    SIGN_REVERSED = (
        "sign_reversed",
        "every sign is reversed, as with (x' - x) instead of (x - x')",
        "Multiply the mean gradient by (x - baseline), in this order; the points of the path stay as they are. Check that the sum "
        "is F(x) - F(x').",
    )
    ABSOLUTE_VALUE = (
        "absolute_value",
        "the absolute value is taken",
        "Return the signed attribution: completeness holds for signed values. Take |.| only to draw.",
    )
    PATH_FROM_ZERO = (
        "path_from_zero",
        "the path starts at zero whatever the baseline is",
        "Interpolate baseline + alpha * (x - baseline), with the baseline that is passed in.",
    )
    PATH_FROM_ZERO_TIMES_DIFFERENCE = (
        "path_from_zero_times_difference",
        "the gradients are taken on a path from zero, then multiplied by x - x'",
        "Interpolate baseline + alpha * (x - baseline).",
    )
    PATH_BEYOND_INPUT = (
        "path_beyond_input",
        "the path does not end at x: its points are x + alpha (x - x'), or x' + alpha x",
        "Interpolate baseline + alpha * (x - baseline), so that alpha = 1 is x.",
    )
    PATH_WITHOUT_BASELINE = (
        "path_without_baseline",
        "the path runs from zero to x - x': the baseline is not added to alpha (x - x')",
        "Interpolate baseline + alpha * (x - baseline).",
    )
    PATH_CLIPPED = (
        "path_clipped",
        "the points of the path are clipped to [0, 1]",
        "Leave the points as they are: nothing between a baseline and an input needs clipping.",
    )
    POINTS_MIXED_UP = (
        "points_mixed_up",
        "features of different points, or their gradients, are mixed up, as by reshape where axes have to be exchanged",
        "Stack the points along the first axis, and move axes with movedim or permute: reshape keeps the order in memory.",
    )
    POINTS_OFF_THE_PATH = (
        "points_off_the_path",
        "the answers are no weighted mean of the gradients on the straight line from the baseline to x: something is added to the "
        "points (noise, say), the path bends, or each pixel has points or weights of its own (a mask, a median)",
        "Take the gradients at baseline + alpha * (x - baseline) with nothing added, the same evenly spaced alphas for all pixels, "
        "and take their mean.",
    )
    PATH_WITH_A_BEND = (
        "path_with_a_bend",
        "the values add up to F(x) - F(x'), but no gradients on the straight line from x' to x give them: the path has a bend",
        "Take the gradients at baseline + alpha * (x - baseline), with one alpha for all features.",
    )
    MADE_TO_ADD_UP = (
        "made_to_add_up",
        "the values add up to F(x) - F(x') even with few steps, where rules leave a gap, and they are not the features' shares: "
        "the change of the score was shared out in another way, or the map was corrected",
        "Return (x - baseline) times the mean gradient as it is: no share by squared gradients, nothing rescaled or added "
        "to make the sum fit.",
    )
    X_OVERWRITTEN = (
        "x_overwritten",
        "each point is computed from the one before, as where the loop assigns it to x, so that all pile up at the baseline",
        "Give the point a name of its own: point = baseline + alpha * (x - baseline), with x as it was passed in.",
    )
    TARGET_OFF_BY_ONE = (
        "target_off_by_one",
        "the class next to the target is explained",
        "target counts from 0, as Python does: use it unchanged.",
    )
    TOP_CLASS = (
        "top_class",
        "the top class is explained instead of the target",
        "Differentiate forward(...)[:, target], whatever the prediction is.",
    )
    ALL_CLASSES = (
        "all_classes",
        "the sum over all classes is differentiated",
        "Select the target's column before you differentiate: forward(...)[:, target].",
    )
    SEVERAL_CLASSES = (
        "several_classes",
        "the scores of several classes are added before they are differentiated, as with outputs[0, target:]",
        "Select one column, without a colon: forward(...)[:, target].",
    )
    SCORE_TRANSFORMED = (
        "score_transformed",
        "another function of the score is differentiated, such as its square, its absolute value, its exponential, or a softmax "
        "with a temperature",
        "Differentiate forward(...)[:, target] as it is. backward(gradient=g) multiplies by g: let it be 1 for the target's score.",
    )
    TARGET_AS_RANK = (
        "target_as_rank",
        "the score of the target-th best class is used, not that of class number target",
        "Select forward(...)[:, target]; nothing has to be sorted.",
    )
    OTHER_CLASSES_SUBTRACTED = (
        "other_classes_subtracted",
        "other classes' scores are subtracted from the target's before it is differentiated: that is a margin, not the score",
        "Differentiate the target's score alone: forward(...)[:, target].",
    )
    FIRST_CLASS = (
        "first_class",
        "class 0 is explained instead of the target",
        "Select forward(...)[:, target].",
    )
    LOG_PROBABILITY = (
        "log_probability",
        "the logarithm of the score is differentiated",
        "Differentiate the score itself: F is what forward returns.",
    )
    ZEROS = (
        "zeros",
        "every value is zero",
        "Check that the gradient reaches the input: requires_grad_() before forward, no detach() after it. Check also that "
        "nothing changes x or the baseline: after point = baseline, point += step moves the baseline, and x - baseline is zero. "
        "In a study, check that each map gets all of its gradients, including those that it shares with other maps.",
    )
    FEATURES_AVERAGED = (
        "features_averaged",
        "the gradients are averaged or summed over features as well, so that one number multiplies x - x' for several of them",
        "Take the mean over the points alone: of stacked gradients (n, *shape), .mean(dim=0) or np.mean(..., axis=0).",
    )
    PARTS_ZEROED = (
        "parts_zeroed",
        "some values are zero where they should not be, and the others are right: the map was masked, or small values were dropped",
        "Return the whole map: no mask, no threshold. Dark pixels count as well, wherever the baseline differs from them.",
    )
    SCALED = (
        "scaled",
        "the map has the right direction but the wrong magnitude",
        "The weights of the gradients must sum to one, and nothing may be normalised afterwards.",
    )
    HALF_PRECISION = (
        "half_precision",
        "the values are right to only three digits, as in half precision",
        "Compute in float32 or float64.",
    )
    VALUES_ROUNDED = (
        "values_rounded",
        "the map's values are rounded to a few decimals, and many of them are smaller than that",
        "Return the numbers as they are, without round(). Round only what you print.",
    )
    WHOLE_NUMBERS = (
        "whole_numbers",
        "the values were made whole numbers, as by .long(), .int() or round()",
        "Return the floating-point numbers as they are. An array or tensor of integers rounds what is written into it: begin with "
        "torch.zeros_like(x).",
    )
    STEPS_CAPPED = (
        "steps_capped",
        "n_steps is capped: beyond some number it changes nothing",
        "Take as many steps as n_steps says, however many; compute them in batches if memory is short.",
    )
    STEPS_IGNORED = (
        "steps_ignored",
        "the answer is the same for few steps and for many",
        "Use n_steps for the number of points on the path, instead of a fixed count.",
    )

    # what was differentiated, what was done to it: parts of a composition
    BASELINE_IGNORED = (
        "baseline_ignored",
        "the answers from two baselines are the same: the baseline is not used",
        "The points are baseline + alpha * (x - baseline), and the factor is x - baseline.",
    )
    NOT_ZERO_WHERE_ALIKE = (
        "not_zero_where_alike",
        "parts that are the same in x and in the baseline got an attribution, which is always 0 there: the average is not "
        "multiplied by x - x' of this very pair, or the map was changed afterwards, as by a blur",
        "Multiply the averaged gradients by (x - baseline), with the x and the baseline that came, and return the map as it is.",
    )
    RIGHT_FROM_ZERO_ALONE = (
        "right_from_zero_alone",
        "the answers are right from a baseline of zero, and wrong from others: the path from there is not straight, or the "
        "baseline is left out of a step",
        "The points are baseline + alpha * (x - baseline), and the factor is x - baseline. Try a baseline of ones.",
    )
    PATH_RUNS_PAST_INPUT = (
        "path_runs_past_input",
        "the points of the path run past x: alpha goes beyond 1, by a step or by many, as with k in place of k / n_steps",
        "alpha runs from 0 to 1: count the terms of your loop, and use alpha itself, not its place in the list.",
    )
    SOFTMAX_INSIDE = (
        "softmax_inside",
        "the scores went through a softmax before they were differentiated",
        "Differentiate what forward returns, as it is: that is the score F, whatever its range.",
    )
    SIGMOID_INSIDE = (
        "sigmoid_inside",
        "the scores went through a sigmoid before they were differentiated",
        "Differentiate what forward returns: F is the score itself.",
    )
    LOSS_DIFFERENTIATED = (
        "loss_differentiated",
        "a loss (the cross-entropy, say) was differentiated instead of the score",
        "Differentiate forward(...)[:, target].sum() itself, without a loss. If your loss averaged over the batch, that "
        "division is gone as well: in integrated gradients, divide the sum by n_steps yourself, once.",
    )
    GRADIENT_WRT_INPUT = (
        "gradient_wrt_input",
        "the gradient was taken with respect to x, not to the point on the path, which leaves a factor alpha in each term",
        "Make each point a leaf of its own (point.detach().requires_grad_()) and differentiate with respect to it; with "
        "torch.func, grad(score)(point), where score(point) is forward(point[None])[0, target].",
    )
    FIRST_ROW_ONLY = (
        "first_row_only",
        "only the first point is in the gradient, as with outputs[0, target] of a batch, or with return inside the loop",
        "Sum the target's score over the whole batch, forward(points)[:, target].sum(), or move return out of the loop.",
    )
    LAST_BATCH_DROPPED = (
        "last_batch_dropped",
        "the points after the last full batch are left out",
        "Include the last batch, however few points it has.",
    )
    MEAN_OF_MEANS = (
        "mean_of_means",
        "the means of the batches are averaged, though the last batch holds fewer points than the others",
        "Add up the gradients of all batches, and divide by their number once.",
    )
    GRADIENTS_PILE_UP = (
        "gradients_pile_up",
        "each gradient still contains the earlier ones, as .grad does when it is not set to zero",
        "Use torch.autograd.grad, or set .grad to None before each backward().",
    )
    TOP_CLASS_AT_EACH_POINT = (
        "top_class_at_each_point",
        "at each point of the path, the top class there is explained instead of the target",
        "Select forward(...)[:, target], the same class at every point.",
    )
    ABSOLUTE_DIFFERENCE = (
        "absolute_difference",
        "the averaged gradient is multiplied by |x - x'|, without its sign",
        "Multiply by (x - baseline), with its sign.",
    )
    DIFFERENCE_TWICE = (
        "difference_twice",
        "the averaged gradient is multiplied by x - x' twice",
        "Multiply by (x - baseline) once.",
    )
    DIFFERENCE_SIGN = (
        "difference_sign",
        "the averaged gradient is multiplied by the sign of x - x' only",
        "Multiply by (x - baseline) itself.",
    )
    WEIGHTS_DO_NOT_ADD_UP = (
        "weights_do_not_add_up",
        "the weights of the sum do not add up to one: the number of terms is not what it is divided by, for some n_steps or all "
        "(n_steps terms divided by n_steps - 1, a last batch that is left out, one pass of the loop too many or too few, a "
        "batch with the weights of another one)",
        "Divide by the number of gradients that you add, or take their mean; in a loop, .grad holds the sum of all calls of "
        "backward() so far: set it to None before each. On F(x) = w · x, each of n_steps = 1, 7, 16 and 33 "
        "has to give w * (x - baseline), feature by feature.",
    )
    TWICE = (
        "twice",
        "every value is twice or half as large as it should be",
        "Count each gradient once: two copies of x in a batch, or a second backward() without a new .grad, double it. Weights "
        "have to "
        "add up to one; those of the Gauss–Legendre rule on [-1, 1] add up to two.",
    )
    AVERAGED_TWICE = (
        "averaged_twice",
        "the sum is divided by the number of steps twice, as when a mean is divided once more",
        "Divide once: a mean (.mean(), or a loss that averages over its batch) has done it already.",
    )
    POSITIVE_PART_ONLY = (
        "positive_part_only",
        "negative values were set to zero",
        "Return the map unchanged: a negative value is evidence against the class.",
    )
    SQUARED = (
        "squared",
        "the values were squared",
        "Return the map as it is, with its signs.",
    )
    MIN_MAX = (
        "min_max",
        "the map was rescaled to [0, 1], which is for display",
        "Return the map unchanged: its values add up to F(x) - F(x'), and after rescaling they no longer do.",
    )
    GRADIENTS_NORMALISED = (
        "gradients_normalised",
        "each gradient is normalised to length one, or reduced to its signs, before the gradients are added",
        "Add the gradients as they are: their magnitudes matter.",
    )
    GRADIENTS_CLIPPED = (
        "gradients_clipped",
        "each gradient is clipped or squashed before the gradients are added, as to a largest norm or value in training",
        "Add the gradients as they are: their magnitudes matter.",
    )
    PLACES_MIXED_UP = (
        "places_mixed_up",
        "the numbers of a picture are right, but in the wrong places",
        "Undo permute with permute: reshape and view keep the order in memory, which mixes up the axes.",
    )
    KEPT_BETWEEN_CALLS = (
        "kept_between_calls",
        "something from an earlier call is reused: its path, or its gradients",
        "Compute path and gradients afresh in each call: the simplest is to keep nothing.",
    )
    NORMALISED = (
        "normalised",
        "each map was divided by a quantity of its own, such as its maximum, its norm or its sum",
        "Return the map unchanged: its values add up to F(x) - F(x'), and after rescaling they no longer do.",
    )
    DIVIDED_BY_FEATURES = (
        "divided_by_features",
        "the sum is divided by the number of features of x, as by .numel() or by a mean over all axes",
        "The sum over the path is divided by the number of steps: sum(0) / n_steps, or mean(0), over the axis of the points alone.",
    )
    RESCALED_TO_SCORE = (
        "rescaled_to_score",
        "every map was rescaled so that its sum is F(x)",
        "Return the map as it is: by itself its sum comes close to F(x) - F(x'), and what is missing tells how good it is.",
    )
    RESCALED_FOR_DISPLAY = (
        "rescaled_for_display",
        "a constant was added and the range changed, as for display",
        "Return the map unchanged: its values add up to F(x) - F(x'), and after rescaling they no longer do.",
    )
    CLIPPED_AT_PERCENTILE = (
        "clipped_at_percentile",
        "the largest values were cut off at a percentile, which is for display",
        "Return the map as it is; clip only what you draw.",
    )
    BLURRED = (
        "blurred",
        "the map was smoothed, which is for display",
        "Return the map as it is; smooth only what you draw.",
    )
    NO_NEGATIVE_VALUES = (
        "no_negative_values",
        "no value is negative, though parts of x are evidence against the class: the signs were lost",
        "Look for an absolute value, a square or a clamp, and remove it.",
    )
    NOTHING_RETURNED = (
        "nothing_returned",
        "the function returns None",
        "If it ends with return p.grad: a tensor's .grad is None unless requires_grad_() was called on that very tensor and "
        "forward was asked about it, not about a copy. If it has no return, end it with one.",
    )
    SEVERAL_RETURNED = (
        "several_returned",
        "the function returns several things instead of the map alone",
        "Return the map; print or plot the rest elsewhere.",
    )
    FLATTENED = (
        "flattened",
        "the map comes back as one long vector",
        "Return it in the shape of x: .reshape(x.shape).",
    )
    BATCH_OF_ONE = (
        "batch_of_one",
        "the map comes back with a batch dimension of one, or alone in a list or tuple",
        "Return the map of x itself: [0] takes it out.",
    )
    AXIS_MISSING = (
        "axis_missing",
        "an axis of length one is missing from the map",
        "Return it in the shape of x: .squeeze() removes every axis of length one, .squeeze(0) the batch dimension alone.",
    )
    CHANNELS_LAST = (
        "channels_last",
        "the map comes back with its channels last",
        "Return it in the shape of x, channels first: leave the transpose out, or undo it with .permute(2, 0, 1).",
    )
    NOT_A_TENSOR = (
        "not_a_tensor",
        "the map comes back as a NumPy array or a list, not as a torch.Tensor",
        "Return a tensor: torch.as_tensor makes one.",
    )
    NETWORK_NOT_ASKED = (
        "network_not_asked",
        "the answer is the same whichever network is asked about",
        "Call forward on the points of the path, and differentiate what it returns.",
    )

    SHARED_BY_DIFFERENCE = (
        "shared_by_difference",
        "the change of the score was shared out in proportion to how much each feature changed, as if all had the same gradient",
        "Differentiate with respect to the points of the path, not to their alpha: each feature has a gradient of its own.",
    )
    TIMES_EACH_POINT = (
        "times_each_point",
        "each gradient is multiplied by its own point of the path, or by x less that point, where the sum has to be multiplied by "
        "x - x'",
        "Add the gradients alone; multiply their mean by x - baseline once, at the end.",
    )
    FIRST_STEP_FROM_ZERO = (
        "first_step_from_zero",
        "the first step of the sum is measured from zero instead of from the baseline",
        "Let the previous point begin at the baseline; or multiply the mean of the gradients by x - baseline once, at the end.",
    )

    # the input gradient
    INPUT_TIMES_GRADIENT = (
        "input_times_gradient",
        "the gradient is multiplied by x",
        "Return the gradient itself; the product with x is another method, later in the notebook.",
    )
    GRADIENT_ELSEWHERE = (
        "gradient_elsewhere",
        "the answers are right where F is a plane, and wrong where it bends: that is not the derivative at x, but one at other "
        "points, such as noisy copies, or a difference of scores",
        "Let autograd differentiate the score at x, once: no noise, no small steps.",
    )
    INPUT_RESCALED = (
        "input_rescaled",
        "x is rescaled or clipped before the pass (to [0, 1], say, or to mean zero), so that the gradient is not that of F at x",
        "Call forward on x as it is: whatever a network needs done to its input, forward does.",
    )
    GRADIENT_SIGN = (
        "gradient_sign",
        "only the sign of the gradient is returned",
        "Return the gradient itself.",
    )
    GRADIENT_SIGN_REVERSED = (
        "gradient_sign_reversed",
        "every sign is reversed, as in the gradient of a loss",
        "Differentiate the score, not its negative.",
    )
    # the photo
    AXIS_SUMMED = (
        "axis_summed",
        "the map has lost an axis, or all of them: a sum, a mean or a norm was taken over its values",
        "The map has one value for each feature of x, in the shape of x. A batch of points is summed over its first axis alone: "
        "sum(0).",
    )
    CHANNELS_SUMMED = (
        "channels_summed",
        "the map has one channel: it was summed over the colours before it was handed in",
        "Hand in the attribution itself, in the image's shape; sum over channels only to draw.",
    )
    IMAGE_OUT_OF_RANGE = (
        "image_out_of_range",
        "the image's values are not in [0, 1]",
        "Hand in pixels in [0, 1]: divide 0..255 by 255, and leave normalisation to the model.",
    )
    IMAGES_BATCHED = (
        "images_batched",
        "the parts have a batch dimension",
        "Hand in one picture of shape (3, H, W): image[0] takes it out of its batch.",
    )
    # the studies
    TOO_FEW_IMAGES = (
        "too_few_images",
        "there are fewer than ten images",
        "Hand in at least ten, all of them different.",
    )
    IMAGES_REPEATED = (
        "images_repeated",
        "the same picture appears twice",
        "Use ten different pictures.",
    )
    IMAGES_BLANK = (
        "images_blank",
        "an image shows nothing",
        "Check how the pictures were read: a single colour is not a photo, and neither is noise.",
    )
    IMAGE_NORMALISED = (
        "image_normalised",
        "pictures are not in pixel space: their values are below 0 or far above 1",
        "Hand in pixels in [0, 1]; igref's models normalise by themselves. For a baseline of noise use torch.rand; after adding "
        "noise to a picture, call .clamp(0, 1).",
    )
    NORMALISED_TWICE = (
        "normalised_twice",
        "picture and baseline were normalised before the pass, and the model normalises again",
        "Pass pixels in [0, 1] to the model; igref's models normalise by themselves.",
    )
    WRONG_PREDICTIONS = (
        "wrong_predictions",
        "the stated predictions are not what the model says of these images",
        "Use forward(images).argmax(dim=1) of exactly the images that you hand in. Labels of a data set are no predictions: the "
        "model gets some of them wrong.",
    )
    PREDICTIONS_OVER_PICTURES = (
        "predictions_over_pictures",
        "the largest score was looked for over the pictures, not over the classes",
        "Scores are (pictures, classes): forward(images).argmax(dim=1) says for each picture which class has the largest one.",
    )
    PREDICTIONS_ARE_TARGETS = (
        "predictions_are_targets",
        "the stated predictions are the targets, labels or a count of the pictures, and not what the model says of these pictures",
        "A prediction is what the model says, right or wrong: forward(images).argmax(dim=1). Ask it after the last line that "
        "chooses, sorts or changes the pictures.",
    )
    PREDICTIONS_OF_BASELINES = (
        "predictions_of_baselines",
        "the stated predictions are those of a baseline, not of the pictures",
        "Use forward(images).argmax(dim=1), with the images themselves.",
    )
    PREDICTIONS_NOT_FIRST = (
        "predictions_not_first",
        "the stated predictions are another class than the one with the largest score, such as the second or the last",
        "argsort sorts upwards unless descending=True, and topk(k)[1][:, 0] comes first: argmax(dim=1) needs neither.",
    )
    PREDICTIONS_FROM_ONE = (
        "predictions_from_one",
        "the class numbers are off by one",
        "Classes are counted from 0, as argmax(dim=1) counts them.",
    )
    PREDICTION_OF_ONE_PICTURE = (
        "prediction_of_one_picture",
        "all pictures have the prediction of one of them",
        "Use forward(images).argmax(dim=1): an argmax without dim looks at all scores at once, and an index [0] keeps one picture.",
    )
    PREDICTIONS_IN_ANOTHER_ORDER = (
        "predictions_in_another_order",
        "the stated predictions are the model's, but stand beside other pictures",
        "Keep the order of the images: number n is that of image n.",
    )
    WRONG_CLASS_INDEX = (
        "wrong_class_index",
        "a class index is not one that the model has",
        "Class indices are whole numbers from 0 up to the number of classes, one for each image.",
    )
    WRONG_SHAPE = (
        "wrong_shape",
        "a part of the study has the wrong shape",
        "Compare the shape that was seen with the one that was expected; "
        "torch.stack makes a batch of single pictures, and a mean over all of them makes one number.",
    )
    WRONG_DTYPE = (
        "wrong_dtype",
        "a part of the study holds integers where floating-point numbers belong",
        "Convert it to floating point: pixels.float() / 255 for pictures from 0 to 255.",
    )
    NOT_FINITE = (
        "not_finite",
        "there are NaN or infinite values",
        "Look for a division by zero, for example by x - x' or by a map's standard deviation.",
    )
    PICTURES_CHANGED = (
        "pictures_changed",
        "the pictures themselves were changed after the model was asked about them: a baseline that was painted into them is now "
        "the picture itself",
        "Paint into a copy: begin with images.clone(). Then run the notebook from the top.",
    )
    BASELINE_IS_INPUT = (
        "baseline_is_input",
        "a baseline is the input itself, so there is no path",
        "Use a picture without the input's content. If yours had none, it was changed after you made it: point += step and copy_() "
        "write into the baseline's own memory (begin with baseline.clone()); a blur of width 0 changes nothing, so print the "
        "width.",
    )
    BASELINE_IS_RESCALED_INPUT = (
        "baseline_is_rescaled_input",
        "a baseline is the input itself, made darker or lighter",
        "Use a picture without the input's content: noise, a blurred or an unrelated picture.",
    )
    EQUAL_BASELINES = (
        "equal_baselines",
        "two baselines are the same pictures under two names",
        "Write a different one: noise, blur, maximum distance, an adversarial picture, a picture of your own.",
    )
    TWIN_BASELINES = (
        "twin_baselines",
        "two baselines are identical except for their scale or seed",
        "Write one of another kind: noise, blur, maximum distance, an adversarial picture, a picture of your own.",
    )
    TOO_FEW_BASELINES = (
        "too_few_baselines",
        "there are fewer than three baselines of your own besides the blank one",
        "Write at least three, of different kinds; another constant colour does not count as one.",
    )
    NO_BLANK_BASELINE = (
        "no_blank_baseline",
        "there are no maps from a blank baseline to compare with",
        "Compute the maps from black as well, and hand them in under a name of their own.",
    )
    NO_VARIETY = (
        "no_variety",
        "all maps come from blank baselines or from nearly blank ones",
        "Compute maps from at least one of your own baselines as well.",
    )
    CONSTANT_MAP = (
        "constant_map",
        "a map has the same value everywhere",
        "Look at your map: it should differ from pixel to pixel.",
    )
    INTEGER_DIVISION = (
        "integer_division",
        "the points of the path are all at its start, as with k // m",
        "alpha runs from 0 to 1 in real numbers: k / n_steps, or torch.linspace.",
    )
    RESCALED_TO_COMPLETE = (
        "rescaled_to_complete",
        "the map was rescaled so that its sum fits F(x) - F(x')",
        "Return the map as it is, with its gap, which tells how good the approximation is; more steps make it smaller. "
        "Multiplying the whole map by one factor makes its sum right, but none of its pixels.",
    )
    OTHER_NUMBERS_AGAIN = (
        "other_numbers_again",
        "the same question gets other numbers when it is asked again, as with noise that is drawn inside the function, or "
        "something left over from the call before",
        "Leave the noise out. A rule that draws its points takes one in each piece of the path, from a generator with a fixed "
        "seed. Let nothing outside the function change.",
    )
    NOT_THE_SAME_AGAIN = (
        "not_the_same_again",
        "the function is right at first, and wrong when it is asked about the same x again",
        "Change neither x nor the baseline, and leave no gradient on them: work on x.detach().clone(), as x.detach() alone shares "
        "x's numbers, and write "
        "point = point + step, not point += step. Store nothing between calls.",
    )
    ARGUMENT_CHANGED = (
        "argument_changed",
        "the function changes an argument in place, and computes with what is left of it",
        "Work on copies, and write point = point + step, not point += step or point.add_(step): after point = baseline or "
        "path = x both are names of one tensor, as after .detach(). Write point = baseline.clone().",
    )
    TOO_FEW_STEPS = (
        "too_few_steps",
        "the map is right for its number of steps, but the task asks for more steps",
        "Use at least 20: with ten steps the map still changes visibly.",
    )
    GAP_SPREAD = (
        "gap_spread",
        "the gap was spread evenly over the map, so that its sum fits F(x) - F(x')",
        "Leave the gap as it is: it tells how good the approximation is. More steps make it smaller.",
    )
    CHANNELS_AVERAGED = (
        "channels_averaged",
        "the channels were averaged or summed before the map was handed in",
        "Hand in the attribution itself, in the image's shape; sum over channels only to draw.",
    )
    LAST_BATCH_ONLY = (
        "last_batch_only",
        "only part of the path is in the sum, as when each batch overwrites the one before",
        "Add up the gradients over all batches, then divide by the number of steps. Each count needs points of its own from the "
        "baseline to x: the first ones of a finer rule end too early. A list of one tensor that is changed in place, "
        "such as .grad, holds its last value again and again: append .clone().",
    )
    SCORES_AVERAGED = (
        "scores_averaged",
        "the scores of the batch were averaged before backward(), so that each gradient is divided by the number of pictures",
        "Take the sum over the batch, forward(points)[rows, targets].sum(): each picture's gradient is then its own.",
    )
    MAPS_PILE_UP = (
        "maps_pile_up",
        "each map still contains others, those before it or all: a total or .grad is not set to zero for the next one, or one "
        "tensor stands under several names",
        "Begin the total anew for every picture, baseline and count; use torch.autograd.grad, or set .grad to None. "
        "dict.fromkeys(counts, torch.zeros(...)) and [torch.zeros(...)] * n hold one tensor alone: make one for each.",
    )
    MAP_OF_ANOTHER_BASELINE = (
        "map_of_another_baseline",
        "a map was computed from a baseline other than the one handed in with it",
        "Compute each map from its own baseline, under the same name: check the order of names and maps. If the baseline is "
        "noise, draw it once: a second draw, or a mean over draws, is another baseline. A lambda that is made in a loop uses "
        "the last "
        "value of the loop's variable: write lambda b=b: ...",
    )
    MAP_OF_ANOTHER_IMAGE = (
        "map_of_another_image",
        "a map belongs to another image",
        "Keep images and maps in the same order.",
    )
    ONE_MAP_FOR_ALL = (
        "one_map_for_all",
        "different images have the same map",
        "Compute a map for each image.",
    )
    OTHER_STEP_COUNT = (
        "other_step_count",
        "a map was computed with a different number of steps than stated",
        "Compute each map with its own count, and check the keys.",
    )
    WRONG_CLASS = (
        "wrong_class",
        "a class other than the target is explained",
        "Differentiate forward(...)[:, target] with the target that you hand in.",
    )
    TARGETS_IN_ANOTHER_ORDER = (
        "targets_in_another_order",
        "the gradients of one path are of several pictures' targets: points and targets of the batch are in two orders",
        "Where the points come step by step, all pictures at each, repeat the targets as targets.repeat(n_steps); where they come "
        "picture by picture, as targets.repeat_interleave(n_steps).",
    )
    BASELINE_AFTER_NORMALISATION = (
        "baseline_after_normalisation",
        "the baseline was set after normalisation: zero there is grey, not black",
        "Make baselines in pixel space, where black is 0 and white is 1; the model normalises.",
    )
    OTHER_SCORES = (
        "other_scores",
        "logits were differentiated where probabilities are stated, or the reverse",
        "Differentiate forward, which gives the scores that you state; or, in the cell that chooses the network, set scores to "
        "'logits' for maps of model.logits, and to 'probabilities' for maps of model.probabilities.",
    )
    GRADIENT_OF_ANOTHER_POINT = (
        "gradient_of_another_point",
        "the gradient is not the one at the image, but at another point of the path, such as the last of the loop",
        "Differentiate once more, at the image itself.",
    )
    PRODUCT_WITHOUT_IMAGE = (
        "product_without_image",
        "gradient x input is the gradient alone, or times something other than the image",
        "Multiply the gradient at the image by the image itself, element by element: image * gradient.",
    )
    NOISY_MAP = (
        "noisy_map",
        "the map resembles integrated gradients, but is farther off than its steps explain",
        "Hand in the very pictures and baselines that the maps were computed from: noise drawn again is another baseline, and "
        "a picture changed afterwards is another picture. Then check that the model is in evaluation mode (dropout, batch "
        "normalisation) and that the whole path is summed.",
    )
    UNRELATED_MAP = (
        "unrelated_map",
        "the map has nothing to do with integrated gradients of this image, baseline and target",
        "Hand in exactly the images, baselines and targets that you computed the maps with.",
    )
    TOO_FEW_COUNTS = (
        "too_few_counts",
        "there are fewer than five step counts",
        "Use at least five between 5 and 200, for example 5, 10, 20, 50, 100 and 200.",
    )
    COUNTS_OUT_OF_RANGE = (
        "counts_out_of_range",
        "the step counts do not span 5 to 200",
        "Let the smallest be at most 5 and the largest at least 200.",
    )
    FLAT_SCORES = (
        "flat_scores",
        "the score does not change between the baselines and the images, or only in jumps, so there is nothing to attribute",
        "Use a model whose score for the target changes from the baseline to the image, and not at a threshold.",
    )
    WRONG_COUNTS = (
        "wrong_counts",
        "a number of steps is not a positive whole number",
        "Use the step counts themselves as keys: {5: ..., 10: ...}.",
    )
    GAPS_IN_PERCENT = (
        "gaps_in_percent",
        "the gaps are in percent",
        "State them as fractions: 0.05 for 5 %.",
    )
    GAPS_WITH_SIGN = (
        "gaps_with_sign",
        "the gaps keep their sign, although a gap is an absolute value",
        "The relative gap is |sum of the map - (F(x) - F(x'))| / |F(x) - F(x')|: a negative one would count as small.",
    )
    GAPS_NOT_RELATIVE = (
        "gaps_not_relative",
        "the gaps are not divided by |F(x) - F(x')|",
        "The relative gap is |sum of the map - (F(x) - F(x'))| / |F(x) - F(x')|.",
    )
    GAPS_TO_ANOTHER_COUNT = (
        "gaps_to_another_count",
        "the maps or their sums are compared with those at another count, such as the largest, not with F(x) - F(x')",
        "The relative gap is |sum of the map - (F(x) - F(x'))| / |F(x) - F(x')|: the finest map has one, too.",
    )
    GAPS_OF_THE_BATCH = (
        "gaps_of_the_batch",
        "the pictures of the batch were put together, by a sum, a mean or the worst case, although each gap belongs to one picture",
        "maps.flatten(1).sum(1) has one number for each picture, (N,), and so has the change of its score: compare these, and take "
        "no mean over pictures. Subtracting shape (N, 1) from (N,) gives an (N, N) table: squeeze(1) first.",
    )
    GAPS_OF_MEANS = (
        "gaps_of_means",
        "the mean of the map is compared with F(x) - F(x'), where it has to be the sum",
        "Completeness is about the sum over all pixels and channels: maps.flatten(1).sum(1).",
    )
    GAPS_NOT_COMPARED = (
        "gaps_not_compared",
        "the sum of the map itself, or its ratio to the change of the score, is stated in place of how far it is off",
        "Take F(x) - F(x') away from the sum first: |sum of the map - (F(x) - F(x'))| / |F(x) - F(x')|.",
    )
    GAPS_SQUARED = (
        "gaps_squared",
        "the gaps are squared",
        "The relative gap is |sum of the map - (F(x) - F(x'))| / |F(x) - F(x')|, with absolute values.",
    )
    GAPS_IN_ANOTHER_ORDER = (
        "gaps_in_another_order",
        "the gaps are right, but in another order: number n does not belong to image n",
        "Keep the order of the pictures: gap n is that of image n.",
    )
    GAPS_OF_OTHER_COUNTS = (
        "gaps_of_other_counts",
        "the gaps are right, but stand under other step counts",
        "Write each gap under the count that its own map has: {count: gaps of maps[count] for count in maps}.",
    )
    GAPS_OF_ANOTHER_RULE = (
        "gaps_of_another_rule",
        "the gaps are those of maps by another rule than the maps that are handed in",
        "Compute them from these very maps: |maps.flatten(1).sum(1) - (F(x) - F(x'))| / |F(x) - F(x')|. Unless it "
        "is told another rule, igref.integrated_gradients takes the midpoint rule.",
    )
    GAPS_OF_ANOTHER_SCORE = (
        "gaps_of_another_score",
        "the sums are compared with the change of another class's score, or of the scores in other units, such as probabilities",
        "Use the scores and the target that the map is of: forward(images)[torch.arange(len(images)), targets].",
    )
    GAPS_OVER_ANOTHER_CHANGE = (
        "gaps_over_another_change",
        "the gaps of all pictures are divided by one number, such as the mean of their changes of score",
        "Divide each picture's gap by its own |F(x) - F(x')|: no mean over the pictures.",
    )
    GAPS_WITHOUT_BASELINE = (
        "gaps_without_baseline",
        "the sums of the maps are compared with F(x) alone",
        "A map adds up to F(x) - F(x'): take the score of the baseline away.",
    )
    GAPS_OF_MAGNITUDES = (
        "gaps_of_magnitudes",
        "the absolute values of the maps were added up",
        "Add up the signed values, and take the absolute value of the difference last.",
    )
    GAPS_OVER_THE_SCORE = (
        "gaps_over_the_score",
        "the gaps are divided by a score, F(x) or F(x'), not by its change",
        "The relative gap is |sum of the map - (F(x) - F(x'))| / |F(x) - F(x')|.",
    )
    GAPS_OVER_THE_SUM = (
        "gaps_over_the_sum",
        "the gaps are divided by the sum of the map, or of its absolute values",
        "Divide by what the map should add up to, |F(x) - F(x')|, which does not depend on the map.",
    )
    GAPS_OFF_BY_A_FACTOR = (
        "gaps_off_by_a_factor",
        "the gaps of each picture are off by a factor of its own, the same at every count",
        "Divide by |F(x) - F(x')| of that very picture, in the scores and for the target that its maps are of.",
    )
    GAPS_ROUNDED = (
        "gaps_rounded",
        "the stated gaps are rounded, or cut off to whole numbers: a gap below 1 is then 0",
        "Leave the digits as they are, and round only what you print. A tensor of whole numbers cuts off what is written into it: "
        "begin with torch.zeros(len(images)).",
    )
    GAPS_MADE_UP = (
        "gaps_made_up",
        "the stated gaps are not those of the maps handed in",
        "Compute them from exactly these maps: |sum of the map - (F(x) - F(x'))| / |F(x) - F(x')|.",
    )
    FIRST_NOT_STAYS = (
        "first_not_stays",
        "the first count within 5 % was taken, but at a larger count the gap rises above 5 % again",
        "Take the smallest count for which every larger one is within 5 % as well.",
    )
    WRONG_ENOUGH = (
        "wrong_enough",
        "the counts said to be enough do not follow from the gaps",
        "For each image take the smallest count from which the gap stays within 5 %, or 0 if there is none.",
    )
    ENOUGH_OF_NONE = (
        "enough_of_none",
        "a count is stated for pictures whose gap never stays within 5 %",
        "State 0 where the gap at the largest count is above 5 %. argmax over booleans gives 0, the first place, where none "
        "is true.",
    )
    ENOUGH_NOT_EVERY_LARGER = (
        "enough_not_every_larger",
        "not every larger count was looked at: only the next one, or all but the largest",
        "Ask about every larger count, also the last: all(gaps[c] <= 0.05 for c in counts if c >= count).",
    )
    ENOUGH_LAST_BAD = (
        "enough_last_bad",
        "the last count that is not within 5 % was taken, not the one after it",
        "Take the next larger count, from which on every gap is within 5 %; it is the smallest count if none is too large.",
    )
    ENOUGH_OF_A_NEIGHBOUR = (
        "enough_of_a_neighbour",
        "the count before or after the right one was taken for some pictures",
        "Check the index on a small table by hand, also where the smallest count is enough, and where only the largest is.",
    )
    ENOUGH_LARGEST = (
        "enough_largest",
        "the largest count within 5 % was taken, not the smallest from which on all are",
        "A loop that goes on overwrites what it found: go from the largest count down, and stop at the first gap above 5 %.",
    )
    ENOUGH_SMALLEST_GAP = (
        "enough_smallest_gap",
        "the count with the smallest gap was taken",
        "The question is from which count on the gap stays within 5 %, not where it is smallest.",
    )
    ENOUGH_OF_ALL = (
        "enough_of_all",
        "all pictures have one count, by the mean of their gaps or by one of them",
        "Go through the pictures, and look at the gaps of each alone.",
    )
    ENOUGH_OVER_PICTURES = (
        "enough_over_pictures",
        "whether the gaps stay small is followed from picture to picture, not from count to count",
        "Let the counts be the axis along which it is followed: of a tensor of K counts and N pictures that is dimension 0.",
    )
    ENOUGH_OF_A_PLACE = (
        "enough_of_a_place",
        "the place of a count in the list, or how many there are, is stated in place of the count",
        "State counts[k], not k.",
    )
    ENOUGH_IN_ANOTHER_ORDER = (
        "enough_in_another_order",
        'the counts are not gone through from small to large, as where they are words ("10" comes before "5")',
        "Sort the counts as whole numbers first, and then ask about every larger one.",
    )
    ENOUGH_REVERSED = (
        "enough_reversed",
        "the counts are those at which the gap is above 5 %, not within",
        "Enough is where gap <= 0.05.",
    )
    ENOUGH_BY_ANOTHER_TOLERANCE = (
        "enough_by_another_tolerance",
        "the counts are those for another tolerance than 5 %",
        "Gaps are fractions, and 5 % is 0.05; hand the tolerance on to where it is compared.",
    )
    MODEL_NOT_HERE = (
        "model_not_here",
        "the grading machine does not have this model's weights",
        "There is nothing for you to do: your instructor sees this note.",
    )
    # models from a file
    MODEL_FILE_MISSING = (
        "model_file_missing",
        "the file of the model did not come with the notebook, or is too large",
        "Put the .pt2 or .onnx file (at most 128 MiB) next to the notebook, hand in both, and give the model its exact name.",
    )
    MODEL_FILE_UNREADABLE = (
        "model_file_unreadable",
        "the model's file cannot be run, or does not turn these images into scores",
        "Export the model in one file, for float32 pictures (N, C, H, W) in [0, 1]; load it yourself and try it on images.",
    )
    MODEL_FILE_NOT_FIXED = (
        "model_file_not_fixed",
        "the model's scores of an image depend on chance or on the rest of its batch",
        "Call model.eval() before you export it: dropout and batch statistics must be off.",
    )
    MODEL_FILE_EXCEEDS = (
        "model_file_exceeds",
        "the model takes more time or memory than is allowed",
        "Hand in fewer or smaller images, or a smaller model; your instructor sees this note.",
    )
    MODEL_FILE_NOT_HERE = (
        "model_file_not_here",
        "a model from a file cannot be run on this machine",
        "There is nothing for you to do: your instructor sees this note.",
    )
    ONNX_NOT_DIFFERENTIABLE = (
        "onnx_not_differentiable",
        "the ONNX file has operators that cannot be converted to torch's, so it has no gradients here",
        "Export the model with torch.export, as mine.pt2, which keeps its gradients.",
    )
    # the measure of quality
    MEASURE_NOT_A_NUMBER = (
        "measure_not_a_number",
        "attribution_quality does not return one number",
        "Return float(...) of a single value.",
    )
    MEASURE_NOT_FINITE = (
        "measure_not_finite",
        "attribution_quality is not finite for every map",
        "Consider a constant map: its standard deviation and its range (max - min) are zero, and 0/0 is NaN. Return 0 there, say.",
    )
    MEASURE_NOT_DETERMINISTIC = (
        "measure_not_deterministic",
        "the same map gets different numbers",
        "Inside the function, before any loop, make one generator = torch.Generator().manual_seed(0), and give it to every random "
        "call: torch.rand(x.shape, generator=generator). NumPy has np.random.default_rng(0). Leave x as it is: hide pixels in a "
        "copy. Then run this cell again: other faults may have come from this one.",
    )
    MEASURE_CHANGES_INPUT = (
        "measure_changes_input",
        "the measure changes what it is given, and the same map gets another number the next time",
        "Hide pixels in a copy: hidden = x.clone(). After hidden = x, or x.view(-1), both are names of the same numbers. Then run "
        "this cell again: other faults may have come from this one.",
    )
    MEASURE_DEPENDS_ON_SCALE = (
        "measure_depends_on_scale",
        "the number changes when the map is multiplied by a positive number",
        "Use the map's ranking, or a rank correlation, or divide the map by its largest magnitude (where that is not zero): "
        "maps of different methods have different scales.",
    )
    MEASURE_IGNORES_MAP = (
        "measure_ignores_map",
        "true maps, random ones and reversed ones get the same number",
        "The number has to depend on which pixels the attribution ranks high.",
    )
    MEASURE_IGNORES_SIGN = (
        "measure_ignores_sign",
        "a map and its reverse (minus the map) get the same number",
        "The most positive pixels must rank first and the most negative ones last: do not take absolute values, or squares.",
    )
    MEASURE_IGNORES_NETWORK = (
        "measure_ignores_network",
        "another network's map is rated as high as that of the network that is asked about",
        "A map explains a network: change the picture where the map says so, and see what forward makes of it.",
    )
    MEASURE_IGNORES_TARGET = (
        "measure_ignores_target",
        "the number is the same whichever class target is, as when the network's own top class is followed",
        "Ask for the score of target: forward(...)[:, target].",
    )
    MEASURE_PREFERS_REVERSED = (
        "measure_prefers_reversed",
        "minus the map is rated above the map, though true maps are told apart from random ones",
        "The most positive pixels must rank first and the most negative ones last: look for absolute values, and for the order.",
    )
    MEASURE_REVERSED = (
        "measure_reversed",
        "true maps get lower numbers than their controls",
        "Higher is better, and one thing is the wrong way round: the sign of what is returned, or the order in which pixels are "
        "hidden or shown. Change one of them, not both.",
    )
    MEASURE_NO_BETTER_THAN_CHANCE = (
        "measure_no_better_than_chance",
        "true maps are hardly told apart from their controls",
        "Hide more or fewer pixels, or average over several fractions; check that positive attribution counts as important.",
    )
    QUALITY_MADE_UP = (
        "quality_made_up",
        "a stated quality is not what the measure gives for that map",
        "Compute the table with exactly the function and maps that you hand in.",
    )
    QUALITY_ROUNDED = (
        "quality_rounded",
        "the stated qualities are rounded to so few decimals that they are not the measure's numbers any more",
        "Leave the digits as they are, and round only what you print.",
    )
    QUALITY_OF_ANOTHER_MEASURE = (
        "quality_of_another_measure",
        "the stated qualities follow what the measure gives, and are not that: they are of another measure, or of this one with "
        "other settings or other random numbers",
        "Hand in the function that made the table. If it reads a variable from outside, nothing may change that afterwards: better "
        "write the value into the function.",
    )
    QUALITY_OF_MAGNITUDES = (
        "quality_of_magnitudes",
        "the stated qualities are those of the maps' absolute values",
        "Hand the signed map to the measure: evidence against the label is no evidence for it.",
    )
    QUALITY_OF_REVERSED = (
        "quality_of_reversed",
        "the stated qualities are those of minus the maps",
        "Hand the map to the measure as it is.",
    )
    QUALITY_OF_TOP_CLASS = (
        "quality_of_top_class",
        "the stated qualities are for the class that the network puts first, not for the target",
        "Hand int(targets[n]) to the measure, the class that the map explains.",
    )
    QUALITY_OF_ANOTHER_PICTURE = (
        "quality_of_another_picture",
        "the stated qualities are those of the maps on another picture, such as the first, the last or the baseline",
        "Hand images[n] to the measure with maps[n] and targets[n]: a variable may be left over from another loop.",
    )
    QUALITY_OF_ANOTHER_TARGET = (
        "quality_of_another_target",
        "the stated qualities are for another class: that of another picture, say, or the one whose number is the picture's place",
        "Hand int(targets[n]) to the measure with images[n]: not n itself, nor a variable that is left over from another loop.",
    )
    QUALITY_OF_OTHER_MAPS = (
        "quality_of_other_maps",
        "the qualities stated under one name are those of the maps under another name",
        "Measure the maps of each name in the loop over the names. Where the code does, all names may share one list, as after "
        "dict.fromkeys(names, []), or a variable may be left over from another loop.",
    )
    QUALITY_AVERAGED = (
        "quality_averaged",
        "every picture has the mean quality of all pictures",
        "State one number for each picture, and take means only to compare.",
    )
    QUALITY_IN_ANOTHER_ORDER = (
        "quality_in_another_order",
        "the qualities are right, but in another order: number n does not belong to image n, or not to this name",
        "Keep the order of the pictures; sort a copy for a plot. A list that was filled picture by picture becomes a table of "
        "(pictures, names): reshape to that, then transpose.",
    )
    QUALITY_AS_RANKS = (
        "quality_as_ranks",
        "places in the order of the pictures are stated, not the measure's numbers",
        "State what attribution_quality returns for each map: argsort gives places.",
    )
    QUALITY_OF_OTHER_SCORES = (
        "quality_of_other_scores",
        "the measure was given other scores than the ones handed in: probabilities for logits, or the other way round",
        "Give attribution_quality the same forward everywhere: the one that the maps are of.",
    )
    QUALITY_RESCALED = (
        "quality_rescaled",
        "the stated qualities are the measure's on another scale, shifted or divided",
        "State the measure's own numbers: min-max and division are for a figure.",
    )
    QUALITY_CONSTANT = (
        "quality_constant",
        "the measure gives the same number for every map and image",
        "Hand in the measure of part A: one that tells true maps from random ones tells some of these apart.",
    )
    MEASURE_NOT_ASKED = (
        "measure_not_asked",
        "the measure could not be asked again about the study's maps",
        "In the cells that choose the network, define both model, under a name that igref.load_model knows or that of a file, and "
        "forward, its scores.",
    )
    # the form
    WRONG_FORM = (
        "wrong_form",
        "the numbers are right, but do not come back as a torch.Tensor of the shape of x",
        "Return a tensor: torch.as_tensor converts an array, and squeeze(0) removes a batch dimension.",
    )
    # the run
    NOT_DONE = (
        "not_done",
        "this exercise is not written yet: its stub is still there",
        "Replace the raise statement with your own code, run the cell, then run this one.",
    )
    ONE_KIND_OF_SHAPE = (
        "one_kind_of_shape",
        "the function stops with an error for vectors, or for images, and works for the others",
        "x may have any number of dimensions. In place of view(-1, 1, 1, 1) write view(-1, *[1] * x.ndim), and x[None] in place of "
        "an index for each dimension.",
    )
    RAISED = (
        "raised",
        "your function stops with an error",
        "Run the function on a small example in a cell of its own and read the whole error.",
    )
    WITHHELD = (
        "withheld",
        "your notebook uses a module that is withheld while it is graded",
        "Write this part yourself: the reference implementation is available only outside grading.",
    )
    KERNEL_DIED = (
        "kernel_died",
        "the kernel died before this part was finished",
        "Restart the kernel, run all cells, and look for what ends the process (exit calls, memory).",
    )
    OUT_OF_TIME = (
        "out_of_time",
        "the notebook ran out of time before this part was finished",
        "Look for an endless loop; if the work simply takes long, use fewer pictures or larger chunks.",
    )
    NOT_REACHED = (
        "not_reached",
        "nothing was handed in from this cell",
        "Restart the kernel, run all cells from the top, and correct the first one that fails.",
    )
    UNREADABLE = (
        "unreadable",
        "the notebook could not be read",
        "Open it in JupyterLab, save it, and hand it in again under its own name.",
    )
    EVIDENCE_DAMAGED = (
        "evidence_damaged",
        "what this cell left behind is not what submit writes",
        "Do not touch the autograder's files, and run the notebook from the top.",
    )
    MISSING_PART = (
        "missing_part",
        "a part of the study is missing or is of the wrong kind",
        "Define every part that the cell hands in: tensors for pictures and maps "
        "(the .values of what igref returns), numbers and text otherwise.",
    )
    UNKNOWN_MODEL = (
        "unknown_model",
        "the model's name is not one that can be loaded",
        "Load the model by a name that igref.load_model knows, such as efficientnet_lite0.",
    )


REMEDIES_OF_TASKS: dict[tuple[str, Mistake], str] = {
    (
        "ps1-photo",
        Mistake.OTHER_SCORES,
    ): "Compute both maps with model.probabilities: in this exercise F is the probability.",
}
"""What to try where the notebook of a task has another place for it: the cells that call submit are put back when it is graded."""


def remedy_of(mistake: Mistake, task: str) -> str:
    """What to try in the notebook of a task."""
    return REMEDIES_OF_TASKS.get((task, mistake), mistake.remedy)


BOTH_ENDS = (
    "Both ends of the path count in full, which is right, since the weights add up to one. The trapezoid rule would halve them, "
    "and be more accurate with the same number of steps."
)
"""A remark that costs nothing, on rules that take both ends in full."""

ANNOUNCED: dict[Announced, tuple[Mistake, ...]] = {
    Announced("the sum is multiplied by `x - baseline`, once"): (
        Mistake.DIFFERENCE_MISSING,
        Mistake.NOT_ZERO_WHERE_ALIKE,
        Mistake.TIMES_INPUT,
        Mistake.NEITHER_AVERAGED_NOR_MULTIPLIED,
        Mistake.SIGN_REVERSED,
        Mistake.ABSOLUTE_DIFFERENCE,
        Mistake.DIFFERENCE_TWICE,
        Mistake.DIFFERENCE_SIGN,
        Mistake.FIRST_STEP_FROM_ZERO,
        Mistake.TIMES_EACH_POINT,
    ),
    Announced("The weights of the sum have to add up to one", "ps1-attribution"): (
        Mistake.NOT_AVERAGED,
        Mistake.ONE_TERM_TOO_MANY,
        Mistake.ONE_TERM_TOO_FEW,
        Mistake.TRAPEZOID_WEIGHTS,
        Mistake.SIMPSON_OF_ODD_COUNT,
        Mistake.SCALED,
        Mistake.LAST_BATCH_DROPPED,
        Mistake.WEIGHTS_DO_NOT_ADD_UP,
        Mistake.TWICE,
        Mistake.AVERAGED_TWICE,
    ),
    Announced("one point in each piece, and the length of each piece is the weight of its point"): (
        Mistake.NODES_WITHOUT_WEIGHTS,
        Mistake.POINTS_NOT_SPREAD,
        Mistake.X_OVERWRITTEN,
        Mistake.MEAN_OF_MEANS,
    ),
    Announced("points on the straight path from `baseline` to `x`"): (
        Mistake.NODES_NOT_MOVED,
        Mistake.PATH_FROM_ZERO,
        Mistake.RIGHT_FROM_ZERO_ALONE,
        Mistake.BASELINE_IGNORED,
        Mistake.PATH_FROM_ZERO_TIMES_DIFFERENCE,
        Mistake.PATH_BEYOND_INPUT,
        Mistake.PATH_WITHOUT_BASELINE,
        Mistake.PATH_CLIPPED,
        Mistake.PATH_RUNS_PAST_INPUT,
        Mistake.POINTS_MIXED_UP,
        Mistake.POINTS_OFF_THE_PATH,
        Mistake.PATH_WITH_A_BEND,
    ),
    Announced("looks at the whole straight line from a baseline $x'$ to $x$", "ps1-attribution"): (
        Mistake.GRADIENT_AT_INPUT,
        Mistake.GRADIENT_TIMES_DIFFERENCE,
        Mistake.GRADIENT_TIMES_INPUT,
        Mistake.GRADIENT_AT_BASELINE,
        Mistake.FIRST_ROW_ONLY,
        Mistake.GRADIENTS_PILE_UP,
        Mistake.INTEGER_DIVISION,
        Mistake.LAST_BATCH_ONLY,
    ),
    Announced("no absolute value, no clipping, smoothing, rescaling or mean over channels"): (
        Mistake.ABSOLUTE_VALUE,
        Mistake.POSITIVE_PART_ONLY,
        Mistake.PARTS_ZEROED,
        Mistake.SQUARED,
        Mistake.MIN_MAX,
        Mistake.GRADIENTS_NORMALISED,
        Mistake.GRADIENTS_CLIPPED,
        Mistake.NORMALISED,
        Mistake.RESCALED_TO_SCORE,
        Mistake.DIVIDED_BY_FEATURES,
        Mistake.RESCALED_FOR_DISPLAY,
        Mistake.CLIPPED_AT_PERCENTILE,
        Mistake.BLURRED,
        Mistake.NO_NEGATIVE_VALUES,
        Mistake.CHANNELS_AVERAGED,
    ),
    Announced("`target` is the index of the class to explain", "ps1-attribution"): (
        Mistake.TARGET_OFF_BY_ONE,
        Mistake.TARGET_AS_RANK,
    ),
    Announced("for `target`: no softmax, logarithm, loss or other class"): (
        Mistake.TOP_CLASS,
        Mistake.ALL_CLASSES,
        Mistake.SEVERAL_CLASSES,
        Mistake.OTHER_CLASSES_SUBTRACTED,
        Mistake.SCORE_TRANSFORMED,
        Mistake.FIRST_CLASS,
        Mistake.LOG_PROBABILITY,
        Mistake.SOFTMAX_INSIDE,
        Mistake.SIGMOID_INSIDE,
        Mistake.LOSS_DIFFERENTIATED,
        Mistake.TOP_CLASS_AT_EACH_POINT,
    ),
    Announced("The input must require a gradient; leave `x` itself unchanged", "ps1-attribution"): (Mistake.ZEROS,),
    Announced("Return the result as it is, in float32 or float64"): (
        Mistake.HALF_PRECISION,
        Mistake.VALUES_ROUNDED,
        Mistake.WHOLE_NUMBERS,
    ),
    Announced("by a sum over `n_steps` steps", "ps1-attribution"): (
        Mistake.STEPS_CAPPED,
        Mistake.STEPS_IGNORED,
    ),
    Announced("`x` is **one** input `(*shape)`, a vector or an image", "ps1-attribution"): (Mistake.ONE_KIND_OF_SHAPE,),
    Announced("with respect to each point"): (
        Mistake.FEATURES_AVERAGED,
        Mistake.GRADIENT_WRT_INPUT,
        Mistake.SHARED_BY_DIFFERENCE,
    ),
    Announced("Return a `torch.Tensor` of the shape of `x`"): (
        Mistake.PLACES_MIXED_UP,
        Mistake.NOTHING_RETURNED,
    ),
    Announced("leave both unchanged, without a gradient, and keep nothing between calls"): (
        Mistake.KEPT_BETWEEN_CALLS,
        Mistake.NOT_THE_SAME_AGAIN,
        Mistake.OTHER_NUMBERS_AGAIN,
        Mistake.ARGUMENT_CHANGED,
    ),
    Announced(
        "A NumPy array, a pair such as `(map, gap)`, a flat vector, channels last, a batch dimension of one or a missing axis of"
    ): (
        Mistake.SEVERAL_RETURNED,
        Mistake.AXIS_SUMMED,
        Mistake.FLATTENED,
        Mistake.BATCH_OF_ONE,
        Mistake.AXIS_MISSING,
        Mistake.CHANNELS_LAST,
        Mistake.NOT_A_TENSOR,
        Mistake.WRONG_FORM,
    ),
    Announced("The score in question is the one that `forward` returns"): (Mistake.NETWORK_NOT_ASKED,),
    Announced("the gradient of one class's score with respect to the input", "ps1-attribution"): (
        Mistake.INPUT_RESCALED,
        Mistake.GRADIENT_ELSEWHERE,
    ),
    Announced("`input_gradient` returns the gradient alone"): (
        Mistake.INPUT_TIMES_GRADIENT,
        Mistake.GRADIENT_SIGN,
        Mistake.GRADIENT_SIGN_REVERSED,
    ),
    Announced("A map that was summed over its channels loses those as well"): (Mistake.CHANNELS_SUMMED,),
    Announced("pixels in [0, 1]; the grader recomputes the maps"): (
        Mistake.IMAGE_OUT_OF_RANGE,
        Mistake.IMAGE_NORMALISED,
        Mistake.BASELINE_AFTER_NORMALISATION,
        Mistake.NORMALISED_TWICE,
    ),
    Announced("as a tensor `(3, H, W)` of any height and width", "ps1-attribution"): (Mistake.IMAGES_BATCHED,),
    Announced("4 for ten or more different pictures", "ps2-baselines"): (Mistake.TOO_FEW_IMAGES,),
    Announced("a mirrored, rotated, shifted, inverted, brightened or noisy copy does not count as another picture"): (
        Mistake.IMAGES_REPEATED,
    ),
    Announced("and neither does a single colour or noise"): (Mistake.IMAGES_BLANK,),
    Announced("for each picture the class that the network gives it", "ps2-baselines"): (
        Mistake.WRONG_PREDICTIONS,
        Mistake.PREDICTIONS_OVER_PICTURES,
        Mistake.PREDICTIONS_ARE_TARGETS,
        Mistake.PREDICTIONS_OF_BASELINES,
        Mistake.PREDICTIONS_NOT_FIRST,
        Mistake.PREDICTIONS_FROM_ONE,
        Mistake.PREDICTION_OF_ONE_PICTURE,
        Mistake.PREDICTIONS_IN_ANOTHER_ORDER,
    ),
    Announced("for each the class to explain, usually the same", "ps2-baselines"): (Mistake.WRONG_CLASS_INDEX,),
    Announced("finite floating-point numbers in the shapes that the notebook names"): (
        Mistake.WRONG_SHAPE,
        Mistake.WRONG_DTYPE,
        Mistake.NOT_FINITE,
    ),
    Announced("A baseline may be neither the picture itself nor a darker or lighter copy of it"): (
        Mistake.BASELINE_IS_INPUT,
        Mistake.PICTURES_CHANGED,
        Mistake.BASELINE_IS_RESCALED_INPUT,
    ),
    Announced("at least three of those that you wrote (two draws of one noise are one)", "ps2-baselines"): (
        Mistake.EQUAL_BASELINES,
        Mistake.TWIN_BASELINES,
        Mistake.TOO_FEW_BASELINES,
    ),
    Announced("a blank one (black, or another constant colour)", "ps2-baselines"): (Mistake.NO_BLANK_BASELINE,),
    Announced("for the blank one and at least one that is not blank", "ps2-baselines"): (Mistake.NO_VARIETY,),
    Announced(
        "A map is right if it is what a textbook rule gives at the stated steps, or as close to the integral as those rules are"
    ): (
        Mistake.CONSTANT_MAP,
        Mistake.OTHER_STEP_COUNT,
        Mistake.NOISY_MAP,
        Mistake.UNRELATED_MAP,
    ),
    Announced("A map that was rescaled to add up is wrong"): (
        Mistake.RESCALED_TO_COMPLETE,
        Mistake.GAP_SPREAD,
        Mistake.MADE_TO_ADD_UP,
    ),
    Announced("with at least 20 steps", "ps1-attribution"): (Mistake.TOO_FEW_STEPS,),
    Announced("Hand in exactly the images, baselines, targets and maps that belong together"): (
        Mistake.MAP_OF_ANOTHER_BASELINE,
        Mistake.MAP_OF_ANOTHER_IMAGE,
        Mistake.ONE_MAP_FOR_ALL,
        Mistake.MAPS_PILE_UP,
        Mistake.SCORES_AVERAGED,
        Mistake.WRONG_CLASS,
        Mistake.TARGETS_IN_ANOTHER_ORDER,
        Mistake.MISSING_PART,
    ),
    Announced("the image times the input gradient", "ps1-attribution"): (
        Mistake.PRODUCT_WITHOUT_IMAGE,
        Mistake.GRADIENT_OF_ANOTHER_POINT,
    ),
    Announced("`scores` says which of the model's scores the maps are of"): (Mistake.OTHER_SCORES,),
    Announced("at least five counts, the smallest 5 or less and the largest 200 or more", "ps3-steps"): (
        Mistake.TOO_FEW_COUNTS,
        Mistake.COUNTS_OUT_OF_RANGE,
    ),
    Announced("where F is flat, or jumps, there is nothing to attribute, and nothing is graded"): (
        Mistake.FLAT_SCORES,
    ),
    Announced("dictionaries from each count to maps", "ps3-steps"): (Mistake.WRONG_COUNTS,),
    Announced("Stated gaps are fractions of"): (
        Mistake.GAPS_IN_PERCENT,
        Mistake.GAPS_WITH_SIGN,
        Mistake.GAPS_NOT_RELATIVE,
        Mistake.GAPS_OF_THE_BATCH,
        Mistake.GAPS_OVER_ANOTHER_CHANGE,
        Mistake.GAPS_WITHOUT_BASELINE,
        Mistake.GAPS_OF_MAGNITUDES,
        Mistake.GAPS_OVER_THE_SCORE,
        Mistake.GAPS_OVER_THE_SUM,
        Mistake.GAPS_OFF_BY_A_FACTOR,
        Mistake.GAPS_ROUNDED,
        Mistake.GAPS_OF_MEANS,
        Mistake.GAPS_NOT_COMPARED,
        Mistake.GAPS_SQUARED,
    ),
    Announced("for the gaps that you state", "ps3-steps"): (
        Mistake.GAPS_TO_ANOTHER_COUNT,
        Mistake.GAPS_IN_ANOTHER_ORDER,
        Mistake.GAPS_OF_OTHER_COUNTS,
        Mistake.GAPS_OF_ANOTHER_RULE,
        Mistake.GAPS_OF_ANOTHER_SCORE,
        Mistake.GAPS_MADE_UP,
    ),
    Announced("at this count and at every larger one", "ps3-steps"): (
        Mistake.FIRST_NOT_STAYS,
        Mistake.WRONG_ENOUGH,
        Mistake.ENOUGH_NOT_EVERY_LARGER,
        Mistake.ENOUGH_LAST_BAD,
        Mistake.ENOUGH_OF_A_NEIGHBOUR,
        Mistake.ENOUGH_LARGEST,
        Mistake.ENOUGH_SMALLEST_GAP,
        Mistake.ENOUGH_OF_ALL,
        Mistake.ENOUGH_OVER_PICTURES,
        Mistake.ENOUGH_OF_A_PLACE,
        Mistake.ENOUGH_IN_ANOTHER_ORDER,
        Mistake.ENOUGH_REVERSED,
        Mistake.ENOUGH_BY_ANOTHER_TOLERANCE,
    ),
    Announced("and 0 if there is no such count", "ps3-steps"): (Mistake.ENOUGH_OF_NONE,),
    Announced("provided that the grading machine has the weights"): (Mistake.MODEL_NOT_HERE,),
    Announced("put a file next to the notebook and hand in its name"): (Mistake.MODEL_FILE_MISSING,),
    Announced("a batch (B, C, H, W) of pixels in [0, 1] in, scores (B, K) out"): (Mistake.MODEL_FILE_UNREADABLE,),
    Announced("a file whose scores depend on chance or on the rest of the batch is rejected"): (
        Mistake.MODEL_FILE_NOT_FIXED,
    ),
    Announced("with limits on time and memory"): (Mistake.MODEL_FILE_EXCEEDS,),
    Announced('the feedback then says "not verified"'): (Mistake.MODEL_FILE_NOT_HERE,),
    Announced("as long as their operators can be converted to torch's"): (Mistake.ONNX_NOT_DIFFERENTIABLE,),
    Announced("It must return a number, the same for the same map and for the map times a positive number"): (
        Mistake.MEASURE_NOT_A_NUMBER,
        Mistake.MEASURE_NOT_DETERMINISTIC,
        Mistake.MEASURE_CHANGES_INPUT,
        Mistake.MEASURE_DEPENDS_ON_SCALE,
    ),
    Announced("finite on constant maps"): (Mistake.MEASURE_NOT_FINITE,),
    Announced("higher for true maps than for the same values shuffled"): (
        Mistake.MEASURE_IGNORES_MAP,
        Mistake.MEASURE_REVERSED,
        Mistake.MEASURE_NO_BETTER_THAN_CHANCE,
    ),
    Announced("and than for minus the map"): (
        Mistake.MEASURE_IGNORES_SIGN,
        Mistake.MEASURE_PREFERS_REVERSED,
    ),
    Announced("it must rate the map of the network it is given above the other's"): (Mistake.MEASURE_IGNORES_NETWORK,),
    Announced("It must depend on `target`"): (Mistake.MEASURE_IGNORES_TARGET,),
    Announced("The qualities that you state in a study are those of this measure"): (
        Mistake.QUALITY_MADE_UP,
        Mistake.QUALITY_OF_ANOTHER_MEASURE,
        Mistake.QUALITY_ROUNDED,
        Mistake.QUALITY_OF_MAGNITUDES,
        Mistake.QUALITY_OF_REVERSED,
        Mistake.QUALITY_OF_TOP_CLASS,
        Mistake.QUALITY_OF_ANOTHER_PICTURE,
        Mistake.QUALITY_OF_ANOTHER_TARGET,
        Mistake.QUALITY_OF_OTHER_MAPS,
        Mistake.QUALITY_AVERAGED,
        Mistake.QUALITY_IN_ANOTHER_ORDER,
        Mistake.QUALITY_RESCALED,
        Mistake.QUALITY_AS_RANKS,
        Mistake.QUALITY_OF_OTHER_SCORES,
    ),
    Announced("and not all alike"): (Mistake.QUALITY_CONSTANT,),
    Announced("so that your measure can be asked again"): (Mistake.MEASURE_NOT_ASKED,),
    Announced("fill in the cells that raise `NotImplementedError`"): (Mistake.NOT_DONE,),
    Announced("A function that raises an error or returns NaN gets no credit for that question"): (Mistake.RAISED,),
    Announced("a notebook that needs them will not run there"): (Mistake.WITHHELD,),
    Announced("If your kernel dies or a cell never finishes, everything completed before it still counts"): (
        Mistake.KERNEL_DIED,
    ),
    Announced("A cell may take 5 minutes, the whole notebook 15"): (Mistake.OUT_OF_TIME,),
    Announced("`check` runs the whole notebook from the top"): (Mistake.NOT_REACHED,),
    Announced("what cannot be read cannot be graded"): (Mistake.UNREADABLE,),
    Announced("a cell whose files were changed cannot be judged"): (Mistake.EVIDENCE_DAMAGED,),
    Announced("any name that `igref.load_model` accepts"): (Mistake.UNKNOWN_MODEL,),
}
"""Where each mistake is announced before a student meets it. A test holds that none is missing and that the words are there."""
