"""Functions handed in: every correct style gets all points, every wrong one loses some and is told why."""

import os

import pytest

from autograder.judge import compositions
from autograder.judge.errors import EXPLANATIONS, explained
from autograder.judge.mistakes import BOTH_ENDS, Mistake
from autograder.problem_sets import TASKS
from corpus.ps1.mutants import FORMS, MUTANTS, NUMBERS
from corpus.ps1.styles import BATCH, STYLES
from tests.calibration import unseen_work
from tests.calibration.judged import questions_of

SEEDS = (1, 2, 3)
GRADIENT, INTEGRATED = "ps1-input-gradient", "ps1-integrated-gradients"

MIDPOINT = (
    BATCH
    + """
def integrated_gradients(forward, x, baseline, target, n_steps):
    alphas = (torch.arange(n_steps) + 0.5) / n_steps
    values = (x - baseline) * gradients_at(forward, x, baseline, target, alphas).mean(0)
"""
)


def name_of(entry) -> str:
    return f"{entry.function}: {entry.name}"


def in_turn(entries) -> list:
    """Every entry with one of the seeds: neighbours, which differ little, meet other probes; forms meet those of one seed."""
    forms = {id(entry) for entry in FORMS}
    seeds = [1 if id(entry) in forms else SEEDS[i % len(SEEDS)] for i, entry in enumerate(entries)]
    return [pytest.param(entry, seed, id=name_of(entry)) for entry, seed in zip(entries, seeds, strict=True)]


def some(mutants: list) -> list:
    """The mutants of a form, those of the input gradient, and every third of the others."""
    others = [one for one in mutants if one.values[0] in NUMBERS]
    return [one for one in mutants if one not in others or one in others[::3]]


@pytest.fixture
def judged(hand_in, verdicts):
    """The verdict on an entry of the corpus with a seed, judged once for all tests that look at it."""

    def judged(entry, seed=1):
        key = name_of(entry), seed
        if key not in verdicts:
            verdicts[key] = hand_in(entry.source, entry.task, seed)
        return verdicts[key]

    return judged


@pytest.fixture(scope="module")
def verdicts() -> dict:
    return {}


def seen(verdict) -> dict[str, str]:
    return {finding.name: finding.seen for finding in verdict.findings}


def lost(verdict) -> set[str]:
    return {finding.name for finding in verdict.findings if not finding.holds}


class TestCorrectStyles:
    @pytest.mark.parametrize(("style", "seed"), in_turn(STYLES))
    def test_get_every_point_and_no_diagnosis(self, judged, style, seed):
        verdict = judged(style, seed)
        assert verdict.points == verdict.max_points, {name: seen(verdict)[name] for name in lost(verdict)}
        assert not verdict.mistake and not verdict.cause
        assert all(note == BOTH_ENDS or note.startswith("The answer ") for note in verdict.notes), verdict.notes

    def test_with_both_ends_in_full_are_told_of_the_trapezoid_rule(self, judged):
        for name in ("the mean over n points, both ends in full", "the mean over n + 1 points, both ends in full"):
            style = next(style for style in STYLES if style.name == name)
            assert judged(style).notes == (BOTH_ENDS,)

    @pytest.mark.parametrize(
        ("name", "seed"),
        [
            # Few nodes of Gauss-Legendre are as good as many where the scores are all but a polynomial.
            ("Gauss-Legendre in a loop", 1211),
            # Where the gradient is nearly the same at both ends the plain rules are unusually good.
            ("Simpson's rule over n_steps intervals", 1125),
            ("Simpson's rule over n_steps intervals", 1153),
        ],
    )
    def test_get_every_point_on_probes_that_once_told_them_apart(self, judged, name, seed):
        style = next(style for style in STYLES if style.name == name)
        verdict = judged(style, seed)
        assert verdict.points == verdict.max_points, {name: seen(verdict)[name] for name in lost(verdict)}

    def test_are_many(self):
        assert sum(style.task == INTEGRATED for style in STYLES) >= 25
        assert len({name_of(style) for style in STYLES}) == len(STYLES)


ALL = os.environ.get("FUNCTIONS") == "all"
"""`make calibrate` judges every one; the suite judges all forms, every third of the other mutants and every fifth stranger's."""
OF_MUTANTS = in_turn(MUTANTS)
SEED = {mutant.name: seed for mutant, seed in (one.values for one in OF_MUTANTS) if mutant.task == INTEGRATED}
"""The seed with which a mutant is judged first, by its name: other tests look at the same verdict."""


class TestMutants:
    @pytest.mark.parametrize(("mutant", "seed"), OF_MUTANTS if ALL else some(OF_MUTANTS))
    def test_lose_points_and_are_diagnosed(self, judged, mutant, seed):
        verdict = judged(mutant, seed)
        assert verdict.points < verdict.max_points
        assert lost(verdict).isdisjoint(mutant.keeps), seen(verdict)
        assert lost(verdict).issuperset(mutant.loses), seen(verdict)
        if mutant.mistake:
            assert verdict.mistakes == (mutant.mistake,)
            assert verdict.cause == Mistake(mutant.mistake).cause
            assert verdict.remedy in (Mistake(mutant.mistake).remedy, *(text for _, text in EXPLANATIONS))

    def test_are_many_and_expect_names_that_exist(self):
        assert len(NUMBERS) >= 35
        assert len({name_of(mutant) for mutant in MUTANTS}) == len(MUTANTS)
        for mutant in MUTANTS:
            assert not mutant.mistake or Mistake(mutant.mistake)
            assert {*mutant.keeps, *mutant.loses} <= {one.name for one in TASKS[mutant.task].properties}

    def test_with_one_fault_lose_the_one_property_that_it_is_about(self, judged):
        by_name = {mutant.name: mutant for mutant in NUMBERS}
        for name, properties in {
            "a path from zero, times x": {"baseline"},
            "times x": {"baseline"},
            "the top class": {"target"},
            "always 50 steps": {"steps"},
        }.items():
            assert lost(judged(by_name[name], SEED[name])) == properties, name

    def test_of_the_form_alone_lose_the_form_alone(self, judged):
        by_name = {mutant.name: mutant for mutant in FORMS}
        for name in ("a NumPy array", "a batch of one"):
            assert lost(judged(by_name[name])) == {"form"}, name

    @pytest.mark.parametrize("seed", [1, 2])
    def test_whose_gradient_is_the_right_one_over_the_score_are_no_normalised_ones(self, hand_in, seed):
        (logarithm,) = (mutant for mutant in MUTANTS if name_of(mutant) == "input_gradient: logarithm")
        assert hand_in(logarithm.source, GRADIENT, seed).mistakes == (Mistake.LOG_PROBABILITY,)

    def test_that_are_wrong_get_nothing_for_their_shape(self, judged):
        by_name = {mutant.name: mutant for mutant in NUMBERS}
        for name in ("zeros", "noise", "a constant"):
            verdict = judged(by_name[name], SEED[name])
            assert verdict.points == 0, name
            assert (
                seen(verdict)["form"]
                == "the shape is right; it earns its point once some of the numbers are right, too"
            )

    @pytest.mark.parametrize("seed", [4, 32, 323])
    def test_that_are_wrong_get_nothing_for_their_shape_where_chance_puts_one_answer_right(self, hand_in, seed):
        # With four steps a textbook rule may be as far from the integral as an answer without its factor.
        no_factor = next(mutant for mutant in NUMBERS if mutant.mistake == "difference_missing")
        verdict = hand_in(no_factor.source, INTEGRATED, seed)
        assert (verdict.points, verdict.mistake) == (0, "difference_missing")


class TestFeedbackOnTheForm:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("a NumPy array", "a ndarray, expected a torch.Tensor (torch.as_tensor makes one)"),
            (
                "a batch of one",
                "the shape (1, 7): there is a batch dimension of one; expected a torch.Tensor of the shape of x, (7,)",
            ),
            ("the terms, not summed", ", 7), expected the shape of x, (7,)"),
            ("the sum", "the shape (), expected the shape of x, (7,)"),
            ("None", "None (is there a return statement?"),
            ("a number", "a float, expected a torch.Tensor"),
            ("a list of numbers", "a list, expected a torch.Tensor"),
            ("a tuple with the gap", "a tuple of 2 things, expected a torch.Tensor"),
            ("NaN", "NaN or infinity in 7 of 7 values"),
            ("one infinity", "NaN or infinity in 1 of 7 values"),
            ("whole numbers", "int64, expected floating point numbers"),
            ("complex numbers", "complex"),
            ("an empty tensor", "the shape (0,), expected the shape of x, (7,)"),
            ("text", "a str, expected a torch.Tensor"),
            ("the function itself", "a function, expected a torch.Tensor"),
            ("raises", "it raised IndexError: list index out of range"),
            ("exits", "it raised SystemExit"),
            ("recurses without end", "it raised RecursionError"),
            ("takes three arguments", "it raised TypeError"),
            ("no batch dimension", "add the batch dimension with x.unsqueeze(0)"),
        ],
    )
    def test_says_what_came_and_what_was_expected(self, judged, name, words):
        mutant = next(mutant for mutant in FORMS if mutant.name == name)
        assert words in seen(judged(mutant))["form"]

    def test_says_that_the_stub_is_still_there(self, hand_in):
        stub = "def integrated_gradients(*args):\n    raise NotImplementedError('Task ...')"
        verdict = hand_in(stub, INTEGRATED)
        assert set(seen(verdict).values()) == {"the stub is still there"} and verdict.mistake == "not_done"

    def test_says_that_a_module_is_withheld(self, hand_in):
        source = "def integrated_gradients(*args):\n    raise ImportError('igref.attribution is withheld')"
        assert hand_in(source, INTEGRATED).mistake == "withheld"

    @pytest.mark.parametrize(
        ("returned", "is_nan"), [("None", False), ("values.sum()", False), ("values * float('nan')", True)]
    )
    def test_calls_nan_only_what_is_nan(self, hand_in, returned, is_nan):
        verdict = hand_in(f"{MIDPOINT}    return {returned}", INTEGRATED)
        assert verdict.points == 0 and (Mistake.NOT_FINITE in verdict.mistakes) == is_nan

    def test_gives_no_computed_value_away(self, judged):
        from autograder.problem_sets.ps1.integrated_gradients import Question, integrated_gradients_probes

        mutant = next(mutant for mutant in NUMBERS if mutant.name == "noise")
        text = str(judged(mutant, SEED[mutant.name]).as_record())
        for probe in integrated_gradients_probes(SEED[mutant.name]):
            for value in Question(probe).exact.flatten():
                shown = f"{abs(value):.4g}"
                assert len(shown) < 4 or shown not in text  # a zero or a one is no secret


class TestFaultsInSomeProbesOnly:
    """The other properties are still graded."""

    @pytest.mark.parametrize(
        ("fault", "properties"),
        [
            ("if x.dim() > 1: raise RuntimeError('only vectors')", {"form", "linear", "networks", "baseline"}),
            ("if baseline.any(): raise ValueError('only zero')", {"form", "baseline"}),
            ("if baseline.any(): return values.numpy()", {"form"}),
            ("if baseline.any(): return values[None]", {"form"}),
            ("if baseline.any(): return values * float('nan')", {"form", "baseline"}),
            ("if baseline.any(): return None", {"form", "baseline"}),
            ("if baseline.any(): return values.sum()", {"form", "baseline"}),
            ("if baseline.any(): return 'text'", {"form", "baseline"}),
            ("if baseline.any(): return values.repeat(2, *[1] * (x.dim() - 1))", {"form", "baseline"}),
            ("if n_steps > 50: raise MemoryError", {"form", "polynomial", "steps"}),
            ("if baseline.any(): return values.to(torch.complex64)", {"form", "baseline"}),
            ("if baseline.any(): return values.numpy().astype(np.longdouble)", {"form", "baseline"}),
            ("if baseline.any(): return values.numpy().astype(object)", {"form", "baseline"}),
            ("if baseline.any(): return values.to_sparse()", {"form", "baseline"}),
        ],
    )
    def test_lose_the_points_for_those(self, hand_in, fault, properties):
        verdict = hand_in(f"{MIDPOINT}    {fault}\n    return values\n", INTEGRATED)
        assert lost(verdict) == properties, seen(verdict)

    def test_are_shown_with_the_probe_they_concern(self, hand_in):
        verdict = hand_in(
            f"{MIDPOINT}    if baseline.any(): raise ValueError('only zero')\n    return values", INTEGRATED
        )
        assert seen(verdict)["baseline"].endswith("polynomial, baseline not zero: it raised ValueError: only zero")
        assert seen(verdict)["form"] == "it raised ValueError: only zero"


class TestAProcessThatEnds:
    def test_keeps_the_answers_that_it_gave_before(self, tmp_path, monkeypatch, shared_truth):
        import torch

        from autograder import submit
        from autograder.problem_sets import checking
        from autograder.student import evidence

        class Dies(BaseException):
            pass

        names = {"torch": torch, "Dies": Dies}
        source = f"{MIDPOINT}    if baseline.mean() > 0.9: raise Dies\n    return values\n"
        exec(compile(source, "<student>", "exec"), names)
        monkeypatch.setenv("AUTOGRADER_EVIDENCE", str(tmp_path))
        with questions_of(INTEGRATED, 1), pytest.raises(Dies):
            submit(INTEGRATED, names["integrated_gradients"])
        verdict = checking.judge(INTEGRATED, evidence.read(tmp_path, INTEGRATED), 1)
        assert lost(verdict) == {"form", "baseline"}
        assert "softmax network on a picture, from white" in verdict.notes[0]


class TestAnswersToOtherProbes:
    def test_are_worth_nothing(self, tmp_path, monkeypatch, hand_in, shared_truth):
        """Right answers that were kept from another seed."""
        from autograder.problem_sets import checking
        from autograder.student import evidence

        assert hand_in(f"{MIDPOINT}    return values", INTEGRATED, 1).points == 8
        assert checking.judge(INTEGRATED, evidence.read(tmp_path, INTEGRATED), 2).points == 0


class TestSubmit:
    def test_shows_the_verdict_at_once_where_nothing_is_graded(self, monkeypatch):
        import torch

        from autograder import submit

        monkeypatch.delenv("AUTOGRADER_EVIDENCE", raising=False)
        names = {"torch": torch}
        exec(next(style.source for style in STYLES if style.task == GRADIENT), names)
        assert repr(submit(GRADIENT, names["input_gradient"])) == "4.00"

    def test_leaves_the_inputs_of_the_probes_as_they_are(self, hand_in):
        source = f"{MIDPOINT}    x, baseline = x.clone().fill_(7.0), baseline.clone().fill_(7.0)\n    return values"
        assert hand_in(source, INTEGRATED).points == 8

    def test_asks_about_a_baseline_again_as_the_first_answer_left_it(self, hand_in):
        verdict = hand_in(f"{MIDPOINT}    baseline += x - baseline\n    return values", INTEGRATED)
        assert verdict.mistake == "not_the_same_again" and lost(verdict) == {"baseline"}
        assert verdict.cause.startswith("the function changes baseline in place: it is right at first")

    @pytest.mark.parametrize("change", ["x.zero_()", "x -= baseline", "x.unsqueeze_(0)", "x.clamp_(0, 1)"])
    def test_asks_about_an_x_again_as_the_first_answer_left_it(self, hand_in, change):
        verdict = hand_in(f"{MIDPOINT}    {change}\n    return values", INTEGRATED)
        assert verdict.mistake == "not_the_same_again"
        assert lost(verdict) <= {"baseline", "form"} and "baseline" in lost(verdict)
        assert verdict.notes[0].startswith("Your function changes what it is given: after the call, x held")

    def test_names_the_argument_that_was_changed_before_what_comes_of_it(self, hand_in):
        """The answers alone are those of weights that do not add up, and lead to another line."""
        slip = """
def integrated_gradients(forward, x, baseline, target, n_steps):
    point, total = baseline, torch.zeros_like(x)
    for _ in range(n_steps):
        point += (x - baseline) / n_steps
        leaf = point.clone().requires_grad_()
        total += torch.autograd.grad(forward(leaf[None])[0, target], leaf)[0]
    return (x - baseline) * total / n_steps
"""
        verdict = hand_in(slip, INTEGRATED)
        assert verdict.mistakes == ("argument_changed",) and "baseline.clone()" in verdict.remedy
        assert verdict.cause.startswith("the function changes baseline in place") and verdict.points < 2

    @pytest.mark.parametrize(
        ("change", "mistakes"), [("x.clamp_(0, 1)", ("argument_changed", "input_rescaled")), ("x.requires_grad_()", ())]
    )
    def test_names_an_x_that_was_changed_and_no_mark_on_it(self, hand_in, change, mistakes):
        body = f"    {change}\n    p = x.detach()[None].clone().requires_grad_()\n"
        score = "    return torch.autograd.grad(forward(p)[0, target], p)[0][0]\n"
        verdict = hand_in(f"def input_gradient(forward, x, target):\n{body}{score}", GRADIENT)
        assert verdict.mistakes == mistakes and any("changes what it is given" in one for one in verdict.notes) == bool(
            mistakes
        )

    @pytest.mark.parametrize(("first", "breaks"), [("", {"images"}), ("    x.grad = None\n", set())])
    def test_a_gradient_that_was_left_on_x_is_in_the_next_one_unless_it_is_cleared(self, hand_in, first, breaks):
        source = f"def input_gradient(forward, x, target):\n{first}"
        source += "    x.requires_grad_()\n    forward(x[None])[0, target].backward()\n    return x.grad\n"
        verdict = hand_in(source, GRADIENT)
        assert lost(verdict) == breaks and verdict.mistake == ("not_the_same_again" if breaks else "")

    def test_a_memo_that_forgets_the_baseline_loses_its_points(self, hand_in):
        source = f"known = {{}}\n{MIDPOINT}    return known.setdefault((tuple(x.flatten().tolist()), n_steps), values)"
        verdict = hand_in(source, INTEGRATED)
        assert verdict.mistake == "kept_between_calls" and lost(verdict) == {"baseline"}

    @pytest.mark.parametrize(
        ("arguments", "parts", "words"),
        [
            (("ps9-nothing", print), {}, "knows no task 'ps9-nothing'; expected one of ps1-input-gradient"),
            ((GRADIENT,), {}, "expects the function, got a NoneType"),
            ((GRADIENT, 5), {}, "expects the function, got a int"),
            ((GRADIENT, print), {"image": 1}, "expects the function, got the parts image"),
            (("ps1-photo", print), {}, "expects named parts: model"),
        ],
    )
    def test_says_what_it_expects(self, arguments, parts, words):
        from autograder import submit

        with pytest.raises(ValueError) as error:
            submit(*arguments, **parts)
        assert words in str(error.value)


SLIPS = {
    "no requires_grad": (
        "torch.autograd.grad(forward(x[None])[0, target], x)[0]",
        "requires_grad_() on the input before",
    ),
    "not a scalar": ("torch.autograd.grad(forward(p := x[None].requires_grad_()), p)[0][0]", "Only one number"),
    "in place on a leaf": ("x.clone().requires_grad_().mul_(2)", "cannot be changed in place"),
    "NumPy": ("forward(x[None].requires_grad_()).numpy()", "tensor.detach().numpy()"),
    "a copy": (
        "torch.autograd.grad(forward(x[None].clone().requires_grad_())[0, target], x.clone().requires_grad_())[0]",
        "the same tensor",
    ),
    "a batch of a batch": (
        "torch.autograd.grad(forward((p := x[None].requires_grad_())[None])[0, target], p)[0][0]",
        "one batch dimension too many",
    ),
    "no batch": (
        "torch.autograd.grad(forward(p := x.clone().requires_grad_())[0, target], p)[0]",
        "turns one x into a batch of one",
    ),
    "no class index": (
        "torch.autograd.grad(forward(p := x[None].requires_grad_())[target, 0], p)[0][0]",
        "[0, target]",
    ),
    "a score that is a number": (
        "torch.autograd.grad(forward(p := x[None].requires_grad_())[0, target].item(), p)[0][0]",
        "no .item()",
    ),
    "backward of a number": ("forward(x[None].requires_grad_())[0, target].item().backward()", "no .item()"),
    "the tuple of gradients": (
        "torch.autograd.grad(forward(p := x[None].requires_grad_())[0, target], p).squeeze(0)",
        "take the first",
    ),
    "twice the tuple of gradients": (
        "torch.autograd.grad(forward(p := x[None].requires_grad_())[0, target], p) / 2.0",
        "take the first",
    ),
    "a target's item": (
        "torch.autograd.grad(forward(p := x[None].requires_grad_())[0, target.item()], p)[0][0]",
        "target in place of target.item()",
    ),
    "gather": (
        "torch.autograd.grad(forward(p := x[None].requires_grad_()).gather(1, target), p)[0][0]",
        "forward(batch)[:, target]",
    ),
    "whole numbers": ("torch.zeros(3, dtype=torch.long, requires_grad=True)", "Whole numbers have no gradient"),
    "whole numbers, asked later": ("x.long().requires_grad_()", "Whole numbers have no gradient"),
    "a name of the notebook": ("model.probabilities(x[None])", "what the argument forward returns"),
    "a gradient of a copy": (
        "(p := x.clone().requires_grad_(), forward(p.data[None].requires_grad_())[0, target].backward())[0].grad",
        "If it ends with return p.grad",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_common_error_is_explained(hand_in, slip):
    expression, says = SLIPS[slip]
    verdict = hand_in(f"def input_gradient(forward, x, target):\n    return {expression}", GRADIENT)
    assert any(says in note for note in (verdict.remedy, *verdict.notes)), (verdict.notes, seen(verdict))


@pytest.mark.parametrize(
    "said", ["Torch not compiled with CUDA enabled", "No CUDA GPUs are available", "Found no NVIDIA driver"]
)
def test_a_missing_gpu_is_explained(said):
    assert "no GPU where this is graded" in explained(f"it raised RuntimeError: {said}")


def test_numbers_that_are_none_are_named_and_not_measured(hand_in):
    source = f"{MIDPOINT}    return values / (x - x)"
    verdict = hand_in(source, INTEGRATED)
    assert verdict.mistake == Mistake.NOT_FINITE and verdict.points == 0
    assert not any("inf with" in finding.seen for finding in verdict.findings)
    assert "it returned NaN or infinity in" in verdict.findings[1].seen


STEP_BY_STEP = """
def integrated_gradients(forward, x, baseline, target, n_steps):
    total, point = torch.zeros_like(x), x[None].clone().requires_grad_()
    for k in range(1, n_steps + 1):
        point.data = (baseline + k / n_steps * (x - baseline))[None]
        forward(point)[0, target].backward()
        total += point.grad[0]
"""
CLAUSES = {
    "return inside the loop": (
        f"{STEP_BY_STEP}        return (x - baseline) * total / n_steps",
        INTEGRATED,
        (Mistake.FIRST_ROW_ONLY,),
        "move return out of the loop",
    ),
    "a gradient that piles up": (
        f"{STEP_BY_STEP}    return (x - baseline) * total / n_steps",
        INTEGRATED,
        (Mistake.GRADIENTS_PILE_UP,),
        "set .grad to None before each backward()",
    ),
    "a list of one tensor": (
        "def input_gradient(forward, x, target):\n    p = x[None].clone().requires_grad_()\n"
        "    return [torch.autograd.grad(forward(p)[0, target], p)[0][0]]",
        GRADIENT,
        (Mistake.BATCH_OF_ONE,),
        "it returned a list of one tensor",
    ),
    "the gradient of what is no leaf": (
        "def input_gradient(forward, x, target):\n    p = x.clone().requires_grad_()[None]\n"
        "    forward(p)[0, target].backward()\n    return p.grad",
        GRADIENT,
        (Mistake.NOTHING_RETURNED,),
        "a tensor's .grad is None unless requires_grad_() was called on that very tensor",
    ),
}


@pytest.mark.parametrize("clause", CLAUSES)
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_a_clause_of_the_feedback_is_true_of_who_it_speaks_of(hand_in, clause):
    source, task, mistakes, says = CLAUSES[clause]
    verdict = hand_in(source, task)
    assert verdict.mistakes == mistakes and says in verdict.as_text()


def test_an_error_of_ones_own_is_not_explained(hand_in):
    verdict = hand_in("def input_gradient(forward, x, target):\n    return [][0]", GRADIENT)
    assert verdict.mistake == Mistake.RAISED and not verdict.notes


@pytest.mark.parametrize(("task", "says"), [(GRADIENT, "whose gradient is w"), (INTEGRATED, "w (x - x')")])
def test_who_makes_an_unknown_mistake_is_given_an_example_that_is_true(hand_in, task, says):
    name = task.removeprefix("ps1-").replace("-", "_")
    verdict = hand_in(f"def {name}(forward, x, *more):\n    return torch.sin(37 * (x - more[0]))", task)
    assert not verdict.mistake and any(says in note for note in verdict.notes)
    wrong = next(finding for finding in verdict.findings if finding.name == "linear")
    assert wrong.seen.startswith("wrong on ") and wrong.expected in ("right on both probes", "right on all 3 probes")


def test_what_nothing_explains_takes_no_more_than_so_many_sums(hand_in, monkeypatch):
    """Every combination is tried before that is known: 1.3 to 1.4 million sums of gradients."""
    tried: list[int] = []
    hits = compositions._hits

    def counted(line, means, *more):
        tried.append(len(means))
        return hits(line, means, *more)

    monkeypatch.setattr(compositions, "_hits", counted)
    assert not hand_in(
        "def integrated_gradients(forward, x, *more):\n    return torch.sin(37 * (x - more[0])) * x", INTEGRATED
    ).mistake
    assert 100_000 < sum(tried) < 1_700_000


@pytest.mark.parametrize(
    ("task", "value", "mistake"),
    [
        (INTEGRATED, "torch.sin(37 * x) * x", Mistake.BASELINE_IGNORED),
        (INTEGRATED, "torch.sin(37 * x) + more[0] + 0.123", Mistake.NOT_ZERO_WHERE_ALIKE),
        (GRADIENT, "torch.randn_like(x)", Mistake.OTHER_NUMBERS_AGAIN),
    ],
)
def test_what_nothing_explains_is_told_what_its_answers_show(hand_in, task, value, mistake):
    name = task.removeprefix("ps1-").replace("-", "_")
    assert hand_in(f"def {name}(forward, x, *more):\n    return {value}", task).mistake == mistake


ON_THE_PATH = """
    t = (torch.arange(n_steps) + 0.5) / n_steps
    points = torch.stack([baseline + one * (x - baseline) for one in t]).requires_grad_(True)
    g = torch.autograd.grad(forward(points)[:, target].sum(), points)[0]
"""


def integrated(lines: str, before: str = ON_THE_PATH) -> str:
    return f"def integrated_gradients(forward, x, baseline, target, n_steps):\n{before}    {lines}\n"


class TestTheSamePointsWhateverTheSeed:
    """What is near enough by luck, on one draw and not on another, is not what points are given for."""

    @pytest.mark.parametrize(
        ("source", "loses"),
        [
            # Unknown: kept is what every rule gives on an affine function.
            (
                integrated("return g.median(0).values * (x - baseline)"),
                {"polynomial", "networks", "saturation", "baseline", "target", "steps"},
            ),
            # Right but on the part of the path where the whole gradient is zero.
            (
                integrated("used = g.flatten(1).any(1); return g[used].mean(0) * (x - baseline)"),
                {"saturation"},
            ),
        ],
        ids=["median", "zero gradients left out"],
    )
    def test_of_an_unknown_fault(self, hand_in, source, loses):
        for seed in (1, 2):
            assert lost(hand_in(source, INTEGRATED, seed)) == loses

    def test_of_the_middle_of_the_path_alone(self, hand_in):
        source = integrated("n_steps = 1" + ON_THE_PATH + "    return g[0] * (x - baseline)", before="")
        verdicts = [hand_in(source, INTEGRATED, seed) for seed in SEEDS]
        assert {verdict.mistakes for verdict in verdicts} == {(Mistake.STEPS_IGNORED,)}
        assert {frozenset(lost(verdict)) for verdict in verdicts} == {frozenset(lost(verdicts[0]))}
        assert {"steps", "polynomial"} <= lost(verdicts[0])

    def test_of_the_class_that_happens_to_be_the_first(self, hand_in):
        source = (
            "def input_gradient(forward, x, target):\n    p = x[None].clone().requires_grad_()\n"
            "    return torch.autograd.grad(forward(p)[0, 0], p)[0][0]"
        )
        for seed in SEEDS:
            assert lost(hand_in(source, GRADIENT, seed)) == {"form", "linear", "nonlinear", "images", "target"}


@pytest.mark.parametrize("size", [16, 12, 7] if ALL else [12])
def test_the_mean_of_the_means_of_batches_is_named(hand_in, size):
    means = f"return torch.stack([some.mean(0) for some in g.split({size})]).mean(0) * (x - baseline)"
    assert hand_in(integrated(means), INTEGRATED).mistakes == (Mistake.MEAN_OF_MEANS,)


def test_a_batch_of_any_size_that_is_left_out_is_named(hand_in):
    kept = "n = n_steps // 9 * 9; return g[:n].sum(0) / n_steps * (x - baseline)"
    assert hand_in(integrated(kept), INTEGRATED).mistakes == (Mistake.LAST_BATCH_DROPPED,)


@pytest.mark.parametrize("factor", ["(x - points.detach())", "points.detach()"][: 2 if ALL else 1])
def test_gradients_times_a_part_of_the_path_are_named(hand_in, factor):
    assert hand_in(integrated(f"return (g * {factor}).mean(0)"), INTEGRATED).mistakes == (Mistake.TIMES_EACH_POINT,)


def test_a_transformed_score_in_a_sum_that_is_too_large_is_told_both(hand_in):
    """Half the square, whose factor is of the function; what is of the steps is told, and no norm of each map."""
    source = integrated(
        "return g.sum(0) / n_steps * (x - baseline)",
        ON_THE_PATH.replace("(torch.arange(n_steps) + 0.5) / n_steps", "torch.linspace(0, 1, n_steps + 1)").replace(
            "forward(points)[:, target].sum()", "(forward(points)[:, target] ** 2 / 2).sum()"
        ),
    )
    assert hand_in(source, INTEGRATED).mistakes == (Mistake.SCORE_TRANSFORMED, Mistake.ONE_TERM_TOO_MANY)


@pytest.mark.parametrize(
    ("result", "mistake"),
    [
        ("return 2 * torch.autograd.grad(forward(p[None])[0, target], p)[0]", Mistake.TWICE),
        (
            "g = torch.autograd.grad(forward(p[None])[0, target], p)[0]\n"
            "    return g.permute(2, 1, 0).reshape(g.shape) if g.ndim == 3 else g",
            Mistake.PLACES_MIXED_UP,
        ),
    ],
)
def test_an_input_gradient_is_told_nothing_of_steps_and_where_its_numbers_stand(hand_in, result, mistake):
    source = f"def input_gradient(forward, x, target):\n    p = x.clone().requires_grad_(True)\n    {result}\n"
    assert hand_in(source, GRADIENT).mistakes == (mistake,)


def test_coarse_nodes_on_the_path_are_no_change_of_range(hand_in):
    """An answer that is near the truth is near an affine image of it, too."""
    source = integrated("g = g[n_steps // 10 :]; return g.mean(0) * (x - baseline)")
    verdict = hand_in(source, INTEGRATED)
    assert lost(verdict) and verdict.mistakes == (Mistake.POINTS_NOT_SPREAD,)


def test_a_map_that_was_turned_round_before_its_range_was_changed_is_told_both(hand_in):
    """As after differentiating minus the score: 1 minus what min-max makes of the right map."""
    verdict = hand_in(
        integrated("m = g.mean(0) * (baseline - x); return (m - m.min()) / (m.max() - m.min())"), INTEGRATED
    )
    assert verdict.mistakes == (Mistake.SIGN_REVERSED, Mistake.MIN_MAX)


def test_a_wrong_map_in_another_form_is_told_of_both(hand_in):
    verdict = hand_in(integrated("return (g.mean(0) * (x - baseline)).abs().numpy()"), INTEGRATED)
    assert verdict.mistakes == (Mistake.ABSOLUTE_VALUE, Mistake.NOT_A_TENSOR)


OF_STRANGERS = [
    (525, "times_each_point"),
    (184, "nodes_without_weights"),
    (186, "simpson_of_odd_count"),
    (518, "axis_missing"),
    (188, "rescaled_to_complete"),
    (189, "path_clipped"),
    (197, "last_batch_dropped"),
    (215, "kept_between_calls"),
    (218, "half_precision"),
    (220, "places_mixed_up"),
    (222, "nodes_not_moved"),
    (225, "points_not_spread"),
    (226, "clipped_at_percentile"),
    (233, "target_off_by_one"),
    (312, "first_row_only"),
    (319, "mean_of_means"),
    (361, "points_mixed_up"),
    (363, "made_to_add_up"),
    (364, "path_with_a_bend"),
    (366, "softmax_inside"),
    (367, "not_the_same_again"),
    (369, "x_overwritten"),
    (370, "rescaled_to_complete"),
    (374, "points_off_the_path"),
    (375, "gap_spread"),
    (376, "absolute_difference"),
    (419, "no_negative_values"),
    (474, "shared_by_difference"),
    (489, "other_classes_subtracted"),
    (477, "other_classes_subtracted"),
    (479, "first_step_from_zero"),
    (490, "last_batch_dropped"),
    (480, "gradients_clipped"),
    (491, "points_not_spread"),
    (492, "target_as_rank"),
    (490, "score_transformed"),
]


@pytest.mark.parametrize(("number", "mistake"), OF_STRANGERS if ALL else OF_STRANGERS[::5])
def test_what_two_strangers_wrote_is_named_for_what_it_is(hand_in, number, mistake):
    (path,) = unseen_work.FOLDER.glob(f"ps1/unseen/{number}-*.txt")
    verdict = hand_in(unseen_work.read(path).cells[f"{INTEGRATED}-answer"], INTEGRATED)
    assert mistake in verdict.mistakes and verdict.points < verdict.max_points


@pytest.mark.parametrize(
    ("number", "mistake"), [(381, "input_rescaled"), (382, "not_the_same_again"), (384, "several_classes")]
)
def test_what_a_stranger_wrote_for_the_input_gradient_is_named(hand_in, number, mistake):
    (path,) = unseen_work.FOLDER.glob(f"ps1/unseen/{number}-*.txt")
    verdict = hand_in(unseen_work.read(path).cells[f"{GRADIENT}-answer"], GRADIENT)
    assert verdict.mistake == mistake and verdict.points < verdict.max_points


def test_a_sum_that_is_wrong_beside_its_factor_is_named_with_it(hand_in):
    alphas = "alphas = torch.rand(n_steps, generator=torch.Generator().manual_seed(n_steps)) ** 2"
    source = MIDPOINT.replace("alphas = (torch.arange(n_steps) + 0.5) / n_steps", alphas).replace(
        ".mean(0)", ".sum(0) / 7"
    )
    verdict = hand_in(source.replace("(x - baseline) *", "(x - baseline).abs() *") + "    return values", INTEGRATED)
    assert set(verdict.mistakes) == {"weights_do_not_add_up", "absolute_difference"}


def test_steps_that_count_up_to_a_number_of_ones_own_are_named(hand_in):
    capped = MIDPOINT.replace("    alphas = (torch", "    n_steps = min(n_steps, 30)\n    alphas = (torch")
    verdict = hand_in(capped + "    return values", INTEGRATED)
    assert verdict.mistake == "steps_capped"


def test_a_map_whose_small_values_were_dropped_is_named(hand_in):
    dropped = "values * (values.abs() >= values.abs().median())"
    assert hand_in(f"{MIDPOINT}    return {dropped}", INTEGRATED).mistakes == (Mistake.PARTS_ZEROED,)


def test_who_stops_at_many_steps_is_told_nothing_of_baselines(hand_in):
    """Points of one's own, which no composition has, and every answer that is given is right."""
    alphas = "alphas = (torch.arange(n_steps) + torch.rand(n_steps, generator=torch.Generator().manual_seed(n_steps))) / n_steps"
    stops = f"    if n_steps > 100:\n        raise ValueError('too many')\n    {alphas}"
    source = MIDPOINT.replace("    alphas = (torch.arange(n_steps) + 0.5) / n_steps", stops)
    assert source != MIDPOINT and hand_in(f"{source}    return values", INTEGRATED).mistakes == ()


@pytest.mark.parametrize("decimals", [1, 2])
def test_rounded_values_are_named(hand_in, decimals):
    source = integrated(f"return torch.round((x - baseline) * g.mean(0), decimals={decimals})")
    assert hand_in(source, INTEGRATED).mistake == Mistake.VALUES_ROUNDED
