"""The models that the grader can load by the name in a study, and what a study may say of them."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from autograder.judge.kept_gradients import KeptGradients
from autograder.judge.mistakes import Mistake
from autograder.judge.tolerances import GRADIENT_NEAR_A_KINK
from autograder.judge.verdict import NotVerifiedError, UngradableError
from igref.models import Classifier, WeightsError, load_model

SCORES = ("probabilities", "logits")


@dataclass(frozen=True)
class Scores:
    """A model's scores, as its maps explain them."""

    gradient_rounding = GRADIENT_NEAR_A_KINK

    forward: Callable[[Tensor], Tensor]
    model: Classifier
    kind: str
    n_classes: int
    other_kind: Callable[[Tensor], Tensor]
    """The scores of the other kind: logits for probabilities, and the reverse."""

    @property
    def normalisation(self) -> tuple[Tensor, Tensor] | None:
        """What the model takes from each channel, and divides it by; None where that is not known."""
        return self.model.mean, self.model.std

    @property
    def in_float64(self) -> Callable[[Tensor], Tensor]:
        """The same scores in float64. A gradient there may be that of the other side of a kink: see GRADIENT_NEAR_A_KINK."""
        return getattr(copy.deepcopy(self.model).double(), self.kind)


def load_scores(name: object, kind: object = "probabilities", kept: Path | None = None) -> Scores:
    """The scores of a model by its name; `kept` is the folder of gradients that were computed before.

    Raises:
        UngradableError: no model has the name, or the scores are not of a known kind.
        NotVerifiedError: the model's weights are not on this machine.
    """
    if kind not in SCORES:
        raise UngradableError(
            Mistake.MISSING_PART, f"scores is {str(kind)[:40]!r}, expected 'probabilities' or 'logits'"
        )
    if not isinstance(name, str):
        raise UngradableError(Mistake.UNKNOWN_MODEL, f"the model's name is {str(name)[:80]!r}, expected a text")
    try:
        model = _load(name)
    except ValueError as error:
        raise UngradableError(
            Mistake.UNKNOWN_MODEL, f"the model's name is {str(name)[:80]!r}: {str(error)[:300]}"
        ) from None
    except WeightsError as error:
        raise NotVerifiedError(
            Mistake.MODEL_NOT_HERE,
            f"the weights of {str(name)[:80]!r} are not on the grading machine: {str(error)[:200]}",
        ) from None
    of_kind = {one: getattr(model, one) for one in SCORES}
    if kept:
        of_kind = {one: KeptGradients(forward, f"{name} {one}", kept) for one, forward in of_kind.items()}
    (other_kind,) = {*SCORES} - {kind}
    return Scores(of_kind[kind], model, kind, len(model.categories), of_kind[other_kind])


@functools.lru_cache(maxsize=4)
def _load(name: str) -> Classifier:
    return load_model(name)
