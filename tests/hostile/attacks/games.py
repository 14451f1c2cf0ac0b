"""Games with the questions: right for some of them, zero for the rest. Full points would be points gained."""

from __future__ import annotations

from autograder.course.demo import INTEGRATED
from tests.hostile.attacks.attack import FULL, Attack

ALMOST_FULL = FULL - 0.5


def _game(name: str, tries: str, right: str) -> Attack:
    work = (
        INTEGRATED.replace("def integrated_gradients", "def honest")
        + f"""
def integrated_gradients(forward, x, baseline, target, n_steps):
    right = {right}
    return honest(forward, x, baseline, target, n_steps) if right else torch.zeros_like(x)
"""
    )
    return Attack(name, "games with the questions", tries, work, deserved=ALMOST_FULL)


def _other_game(name: str, tries: str, body: str) -> Attack:
    work = INTEGRATED.replace("def integrated_gradients", "def honest") + body
    return Attack(name, "games with the questions", tries, work, deserved=ALMOST_FULL)


GAMES = (
    _game("game-few-numbers", "is right for few numbers, wrong for pictures", "x.numel() <= 200"),
    _game("game-small-sides", "is right for pictures of a few pixels' side", "max(x.shape) < 20"),
    _game("game-vectors", "is right for vectors alone", "x.ndim == 1"),
    _game("game-below-4", "is wrong below 4 steps", "n_steps >= 4"),
    _game("game-25-to-59", "is wrong from 25 to 59 steps", "not 25 <= n_steps <= 59"),
    _game("game-above-100", "is wrong above 100 steps", "n_steps <= 100"),
    _game("game-a-pixel", "is wrong where one pixel equals the baseline's", "not (x == baseline).any()"),
    _game("game-classes", "is wrong for a hundred classes and more", "forward(x[None]).shape[1] < 100"),
    _game("game-float64", "is wrong in float64", "x.dtype == torch.float32"),
    _game("game-top-class", "is right for the top class alone", "int(forward(x[None]).argmax()) == int(target)"),
    _game("game-zero-baseline", "is right from a black baseline alone", "not baseline.any()"),
    _other_game("game-half-the-steps", "takes half of the steps that it is asked for", """
def integrated_gradients(forward, x, baseline, target, n_steps):
    return honest(forward, x, baseline, target, max(1, n_steps // 2))
"""),
    _other_game("game-refuses", "refuses pictures and float64 with an error, and is right elsewhere", """
def integrated_gradients(forward, x, baseline, target, n_steps):
    if x.ndim > 1 or x.dtype == torch.float64: raise TypeError("expected float32, got float64")
    return honest(forward, x, baseline, target, n_steps)
"""),
    _other_game("game-one-step", "takes one step, whatever is asked", """
def integrated_gradients(forward, x, baseline, target, n_steps):
    return honest(forward, x, baseline, target, 1)
"""),
    _other_game("game-remembers", "remembers the first answer for each shape", """
answers = {}
def integrated_gradients(forward, x, baseline, target, n_steps):
    if x.shape not in answers: answers[x.shape] = honest(forward, x, baseline, target, n_steps)
    return answers[x.shape]
"""),
    _other_game("game-the-sum", "spreads F(x) - F(x') evenly: every sum is right, no map is", """
def integrated_gradients(forward, x, baseline, target, n_steps):
    with torch.no_grad(): rise = forward(x[None])[0, target] - forward(baseline[None])[0, target]
    return torch.full_like(x, float(rise) / x.numel())
"""),
    _other_game("game-rescaled", "gives the gradient times the difference, scaled to the right sum", """
def integrated_gradients(forward, x, baseline, target, n_steps):
    with torch.no_grad(): rise = forward(x[None])[0, target] - forward(baseline[None])[0, target]
    product = (x - baseline) * input_gradient(forward, x, target)
    return product * (rise / product.sum())
"""),
)  # fmt: skip
