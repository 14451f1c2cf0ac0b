"""Which slide is about which mistake, so that feedback can link to it: `slides.html#/` and the anchor."""

FACTOR, WEIGHTS, PATH, CLASS = "mistake-factor", "mistake-weights", "mistake-path", "mistake-class"

# Name of a mistake, as the grader has it, to the anchor of a slide.
SLIDE_OF: dict[str, str] = {
    "difference_missing": FACTOR,
    "times_input": FACTOR,
    "sign_reversed": FACTOR,
    "absolute_value": FACTOR,
    "neither_averaged_nor_multiplied": FACTOR,
    "not_averaged": WEIGHTS,
    "one_term_too_many": WEIGHTS,
    "one_term_too_few": WEIGHTS,
    "trapezoid_weights": WEIGHTS,
    "integer_division": WEIGHTS,
    "weights_do_not_add_up": WEIGHTS,
    "scaled": WEIGHTS,
    "gradient_at_input": PATH,
    "gradient_times_difference": PATH,
    "gradient_times_input": PATH,
    "gradient_at_baseline": PATH,
    "path_from_zero": PATH,
    "path_from_zero_times_difference": PATH,
    "path_beyond_input": PATH,
    "steps_ignored": PATH,
    "top_class": CLASS,
    "all_classes": CLASS,
    "first_class": CLASS,
    "log_probability": CLASS,
}
