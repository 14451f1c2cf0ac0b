"""Feedback's own question: it can be copied into a cell, and gives there what the feedback says."""

import re

import pytest
import torch

from autograder import submit
from autograder.course.demo import GRADIENT, INTEGRATED
from autograder.judge.own_probe import own_probe

TASKS = {"ps1-input-gradient": "input_gradient", "ps1-integrated-gradients": "integrated_gradients"}
WITHOUT_FACTOR = INTEGRATED.replace("(x - baseline) * total", "total")


def function(source: str, name: str):
    defined = {"torch": torch}
    exec(source, defined)
    return defined[name]


@pytest.mark.parametrize(("task", "source"), [*zip(TASKS, (GRADIENT, GRADIENT + INTEGRATED), strict=True)])
def test_a_right_function_is_not_asked_to_copy_anything(task, source):
    assert own_probe(task, function(source, TASKS[task])) == ""


def test_what_it_says_comes_of_the_cell_that_it_names():
    mine = function(GRADIENT + WITHOUT_FACTOR, "integrated_gradients")
    said = own_probe("ps1-integrated-gradients", mine)
    cell, right, given = re.fullmatch(
        r"Copy this into a cell: (.*) It should give \((.*)\), and yours gives \((.*)\)\.", said
    ).groups()
    assert right == "6, 4"
    result = eval(cell, {"torch": torch, "integrated_gradients": mine})
    assert torch.allclose(result, torch.tensor([float(one) for one in given.split(", ")]), rtol=1e-3)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('no gradient here')", "yours gives ValueError: no gradient here."),
        ("return None", "yours gives a NoneType."),
        ("return torch.zeros(7)", "yours gives 7 numbers."),
        ("return x * torch.nan", "yours gives (nan, nan)."),
    ],
)
def test_whatever_the_function_does_is_said(body, words):
    source = f"def input_gradient(forward, x, target):\n    {body}"
    assert own_probe("ps1-input-gradient", function(source, "input_gradient")).endswith(words)


def test_it_stands_in_the_feedback_of_a_wrong_answer():
    reversed_sign = function(GRADIENT.replace("return ", "return -"), "input_gradient")
    verdict = submit("ps1-input-gradient", reversed_sign)
    assert verdict.notes[-1].endswith("It should give (4, 3), and yours gives (-4, -3).")
    assert "Copy this into a cell" in verdict._repr_html_()
