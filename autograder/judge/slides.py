"""Which slide of the lecture is about which mistake, so that feedback can name it: the one place for anchors and mistakes.

Nothing here reads the lecture. Its tests hold its slides and this table together, both ways.
"""

from enum import StrEnum

from autograder.judge.mistakes import Mistake

DECK, PAGE = "slides.html", "mistakes.html"
"""The whole deck, and the page of these slides alone, which students get."""


class Slide(StrEnum):
    """A slide about a kind of mistake. Its value is its anchor in the deck; it has a heading."""

    heading: str

    def __new__(cls, anchor: str, heading: str) -> "Slide":
        member = str.__new__(cls, anchor)
        member._value_ = anchor
        member.heading = heading
        return member

    FACTOR = ("mistake-factor", "The factor is x − x′, signed")
    WEIGHTS = ("mistake-weights", "The weights add up to one")
    PATH = ("mistake-path", "The path goes from x′ to x")
    CLASS = ("mistake-class", "The class that you ask about")
    DISPLAY = ("mistake-display", "Hand in the map, not its picture")
    BASELINE = ("mistake-baseline", "A baseline is another picture")
    GAP = ("mistake-gap", "The gap is relative, and has to stay small")
    MEASURE = ("mistake-measure", "A measure tells the map from its reverse")

    @property
    def address(self) -> str:
        """Where the slide is, from the folder of the built lecture."""
        return f"{DECK}#/{self}"


ABOUT: dict[Slide, tuple[Mistake, ...]] = {
    Slide.FACTOR: (
        Mistake.DIFFERENCE_MISSING,
        Mistake.TIMES_INPUT,
        Mistake.TIMES_EACH_POINT,
        Mistake.FIRST_STEP_FROM_ZERO,
        Mistake.SIGN_REVERSED,
        Mistake.ABSOLUTE_DIFFERENCE,
        Mistake.DIFFERENCE_TWICE,
        Mistake.DIFFERENCE_SIGN,
        Mistake.NEITHER_AVERAGED_NOR_MULTIPLIED,
    ),
    Slide.WEIGHTS: (
        Mistake.NOT_AVERAGED,
        Mistake.ONE_TERM_TOO_MANY,
        Mistake.ONE_TERM_TOO_FEW,
        Mistake.TRAPEZOID_WEIGHTS,
        Mistake.WEIGHTS_DO_NOT_ADD_UP,
        Mistake.SCALED,
        Mistake.TWICE,
        Mistake.AVERAGED_TWICE,
        Mistake.MEAN_OF_MEANS,
        Mistake.LAST_BATCH_ONLY,
        Mistake.LAST_BATCH_DROPPED,
        Mistake.SIMPSON_OF_ODD_COUNT,
        Mistake.NODES_WITHOUT_WEIGHTS,
        Mistake.POINTS_NOT_SPREAD,
    ),
    Slide.PATH: (
        Mistake.GRADIENT_AT_INPUT,
        Mistake.GRADIENT_TIMES_DIFFERENCE,
        Mistake.GRADIENT_TIMES_INPUT,
        Mistake.GRADIENT_AT_BASELINE,
        Mistake.PATH_FROM_ZERO,
        Mistake.PATH_FROM_ZERO_TIMES_DIFFERENCE,
        Mistake.PATH_BEYOND_INPUT,
        Mistake.PATH_RUNS_PAST_INPUT,
        Mistake.PATH_CLIPPED,
        Mistake.NODES_NOT_MOVED,
        Mistake.STEPS_CAPPED,
        Mistake.STEPS_IGNORED,
        Mistake.INTEGER_DIVISION,
    ),
    Slide.CLASS: (
        Mistake.TOP_CLASS,
        Mistake.ALL_CLASSES,
        Mistake.FIRST_CLASS,
        Mistake.LOG_PROBABILITY,
        Mistake.SOFTMAX_INSIDE,
        Mistake.LOSS_DIFFERENTIATED,
        Mistake.TOP_CLASS_AT_EACH_POINT,
        Mistake.WRONG_CLASS,
        Mistake.TARGET_OFF_BY_ONE,
    ),
    Slide.DISPLAY: (
        Mistake.ABSOLUTE_VALUE,
        Mistake.POSITIVE_PART_ONLY,
        Mistake.SQUARED,
        Mistake.MIN_MAX,
        Mistake.NORMALISED,
        Mistake.RESCALED_FOR_DISPLAY,
        Mistake.CLIPPED_AT_PERCENTILE,
        Mistake.BLURRED,
        Mistake.NO_NEGATIVE_VALUES,
        Mistake.CHANNELS_SUMMED,
        Mistake.CHANNELS_AVERAGED,
        Mistake.RESCALED_TO_COMPLETE,
        Mistake.RESCALED_TO_SCORE,
        Mistake.GAP_SPREAD,
    ),
    Slide.BASELINE: (
        Mistake.BASELINE_IS_INPUT,
        Mistake.BASELINE_IGNORED,
        Mistake.BASELINE_IS_RESCALED_INPUT,
        Mistake.EQUAL_BASELINES,
        Mistake.TWIN_BASELINES,
        Mistake.BASELINE_AFTER_NORMALISATION,
        Mistake.NO_VARIETY,
    ),
    Slide.GAP: (
        Mistake.GAPS_IN_PERCENT,
        Mistake.GAPS_WITH_SIGN,
        Mistake.GAPS_NOT_RELATIVE,
        Mistake.GAPS_TO_ANOTHER_COUNT,
        Mistake.GAPS_OF_MEANS,
        Mistake.GAPS_NOT_COMPARED,
        Mistake.GAPS_SQUARED,
        Mistake.GAPS_OF_ANOTHER_SCORE,
        Mistake.GAPS_OF_THE_BATCH,
        Mistake.GAPS_OVER_ANOTHER_CHANGE,
        Mistake.GAPS_WITHOUT_BASELINE,
        Mistake.GAPS_OF_MAGNITUDES,
        Mistake.GAPS_OVER_THE_SCORE,
        Mistake.GAPS_OVER_THE_SUM,
        Mistake.GAPS_OFF_BY_A_FACTOR,
        Mistake.FIRST_NOT_STAYS,
        Mistake.ENOUGH_NOT_EVERY_LARGER,
        Mistake.ENOUGH_LAST_BAD,
        Mistake.ENOUGH_LARGEST,
        Mistake.ENOUGH_SMALLEST_GAP,
        Mistake.ENOUGH_OF_ALL,
        Mistake.ENOUGH_BY_ANOTHER_TOLERANCE,
        Mistake.WRONG_ENOUGH,
        Mistake.TOO_FEW_STEPS,
    ),
    Slide.MEASURE: (
        Mistake.MEASURE_DEPENDS_ON_SCALE,
        Mistake.MEASURE_IGNORES_MAP,
        Mistake.MEASURE_IGNORES_SIGN,
        Mistake.MEASURE_IGNORES_NETWORK,
        Mistake.MEASURE_PREFERS_REVERSED,
        Mistake.MEASURE_REVERSED,
        Mistake.MEASURE_NO_BETTER_THAN_CHANCE,
    ),
}

_SLIDE_OF = {mistake: slide for slide, mistakes in ABOUT.items() for mistake in mistakes}


def slide_of(mistake: str) -> Slide | None:
    """The slide about a mistake, by the mistake's name; None where there is none.

    >>> slide_of("times_input").address
    'slides.html#/mistake-factor'
    """
    return _SLIDE_OF.get(mistake)
