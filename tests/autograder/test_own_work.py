"""What an instructor is told of a notebook's code: foreign imports, and how much of it is also elsewhere."""

import pytest

from autograder.judge.likeness import foreign_imports, own_work, share_of
from corpus.ps1.styles import STYLES

IG = [style.source for style in STYLES if style.task == "ps1-integrated-gradients"]
EXAMPLE = """
steps = 200
blank = torch.zeros_like(photo)
total = torch.zeros_like(photo)
for k in range(1, steps + 1):
    point = (blank + k / steps * (photo - blank)).requires_grad_()
    score = model(point[None])[0, label]
    total += torch.autograd.grad(score, point)[0]
attribution = (photo - blank) * total / steps
"""
RENAMED = """
# my own idea
N = 200
empty = torch.zeros_like(image)
acc = torch.zeros_like(image)
for step in range(1, N + 1):
    p = (empty + step / N * (image - empty)).requires_grad_()
    s = net(p[None])[0, cls]
    acc += torch.autograd.grad(s, p)[0]
result = (image - empty) * acc / N
"""


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import captum", ["captum"]),
        ("from captum.attr import IntegratedGradients", ["captum.attr.IntegratedGradients"]),
        ("x = __import__('shap')", ["shap"]),
        ("import importlib\nimportlib.import_module('captum.attr')", ["captum.attr"]),
        ("%matplotlib inline\nimport captum as c", ["captum"]),
        ("from igref import attribution", ["igref.attribution"]),
        ("import igref.attribution.core", ["igref.attribution.core"]),
        ("import igref, torch\nfrom igref import plots", []),
        ("import captumlike\nfrom .captum import x\n'import captum'", []),
        ("def f(:\n", []),
    ],
)
def test_imports_of_other_libraries_and_withheld_modules_are_found(code, found):
    assert foreign_imports(code, "attribution") == found


def test_what_is_withheld_depends_on_the_assignment():
    assert foreign_imports("from igref import attribution, steps", "steps") == ["igref.steps"]


def test_renamed_code_is_still_alike():
    assert share_of(RENAMED, EXAMPLE) > 0.8
    assert share_of(EXAMPLE, EXAMPLE) == 1


def test_starter_code_does_not_count():
    assert share_of(RENAMED, EXAMPLE, starter=EXAMPLE) == 0


def test_honest_solutions_are_seldom_alike():
    near = [source for source in IG if share_of(source, EXAMPLE) >= 0.5]
    assert len(near) <= len(IG) // 10


def test_the_remark_names_what_to_look_at():
    found = own_work("import captum\n" + RENAMED, "", {"the example": EXAMPLE})
    assert "captum" in found.remark and "of the code is also in the example" in found.remark
    assert own_work(IG[0], "", {"the example": EXAMPLE}).remark == ""


def test_an_import_that_the_release_has_is_not_the_students():
    starter = "from igref.attribution import RULES"
    assert own_work(starter, starter, {}, "attribution").imports == ()
