"""What an instructor is told of a notebook's code: foreign imports, and how much of it is also elsewhere."""

import base64
import bz2
import json
import zlib

import pytest

from autograder.judge.likeness import (
    code_beside,
    foreign_imports,
    own_work,
    runs_unwritten_code,
    share_of,
    written_in_strings,
)
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


MODULE = b"import torch\n\ndef mine(x):\n    import captum\n    return x\n"
HIDDEN = RENAMED + "\nimport captum\n"


@pytest.mark.parametrize("name", ["help.py", "data.txt", "pictures/cat.png"])
def test_code_beside_the_notebook_is_looked_at_whatever_it_is_called(name):
    assert "import captum" in code_beside({name: MODULE, "data.csv": b"1,2,3", "photo.png": b"\x89PNG\xff"})


def test_a_notebook_beside_it_is_looked_at_as_well():
    other = {"cells": [{"cell_type": "code", "source": MODULE.decode()}, {"cell_type": "markdown", "source": "text"}]}
    assert (
        code_beside({"other.ipynb": json.dumps(other).encode(), "broken.ipynb": b"{"}).strip()
        == MODULE.decode().strip()
    )


@pytest.mark.parametrize(
    "string",
    [
        HIDDEN,
        HIDDEN.encode(),
        base64.b64encode(HIDDEN.encode()),
        base64.b64encode(zlib.compress(HIDDEN.encode())).decode(),
        base64.b85encode(bz2.compress(HIDDEN.encode())),
        HIDDEN.encode().hex(),
    ],
    ids=["text", "bytes", "base64", "compressed", "base85", "hexadecimal"],
)
def test_code_in_a_string_is_compared_and_its_execution_named(string):
    found = own_work(f"hidden = {string!r}\nexec(decode(hidden))", "", {"the example": EXAMPLE})
    assert found.imports == ("captum",) and found.similarity["the example"] > 0.5
    assert "runs code that is not written out (exec)" in found.remark


def test_byte_code_is_named_and_never_run():
    found = own_work(f"import marshal\nrun = marshal.loads({MODULE!r}[::-1])", "", {})
    assert found.unwritten == ("marshal.loads",)


def test_honest_code_hides_nothing():
    assert [source for source in IG if runs_unwritten_code(source) or written_in_strings(source)] == []


def test_a_compressed_bomb_is_unpacked_as_far_as_code_goes():
    bomb = base64.b64encode(zlib.compress(bytes(4 << 20)))
    assert own_work(f"x = {bomb!r}", "", {}).remark == ""
