"""Right maps beside the common rules': rules of high degree, and random nodes, one in each cell; and what is none of them."""

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss

import igref
from autograder.judge.line import Line, Pair
from autograder.judge.rare_rules import RULES, is_of_rare_rule, is_one_node_a_cell
from corpus.studies import baselines_of

MODEL = igref.load_model("digits_cnn")
IMAGES = igref.load_digits()[0][:6]
TOP = MODEL.probabilities(IMAGES).argmax(1).tolist()


@pytest.fixture(
    scope="module", params=[(3, "black"), (0, "noise"), (5, "noise")], ids=lambda param: f"{param[0]} {param[1]}"
)
def line(request):
    n, name = request.param
    return Line(MODEL.probabilities, IMAGES[n], baselines_of(IMAGES)[name][n], TOP[n])


def mean(line, nodes):
    return line.weighted(np.asarray(nodes), np.full(len(nodes), 1 / len(nodes)))


@pytest.mark.parametrize(
    ("name", "n", "degree"), [("boole", 8, 5), ("three eighths", 6, 3), ("romberg", 16, 9), ("lobatto", 5, 7)]
)
def test_rules_are_exact_up_to_their_degree_and_their_maps_are_known(line, name, n, degree):
    nodes, weights = RULES[name](n)
    for power in range(degree + 1):
        assert weights @ nodes**power == pytest.approx(1 / (power + 1), abs=1e-12)
    assert is_of_rare_rule(Pair(line, n), line.weighted(nodes, weights))
    assert not is_of_rare_rule(Pair(line, n), line.weighted(nodes, weights * (1 - 1 / n)))


@pytest.mark.parametrize("n", [5, 20, 50])
def test_random_nodes_one_in_each_cell_are_right(line, n):
    for seed in range(3):
        jitter = np.random.default_rng(seed).random(n)
        assert is_one_node_a_cell(Pair(line, n), mean(line, (np.arange(n) + jitter) / n))


@pytest.mark.parametrize("n", [5, 20, 50])
def test_what_is_no_mean_of_one_gradient_a_cell_is_not(line, n):
    pair, right = Pair(line, n), mean(line, (np.arange(n) + 0.5) / n)
    drawn = np.random.default_rng(1)
    noise = drawn.standard_normal(right.shape)
    wrong = {
        "noise of 5 %": right + 0.05 * np.linalg.norm(right) / np.linalg.norm(noise) * noise,
        "the second half": mean(line, (np.arange(n // 2, n) + 0.5) / n),
        "the sign": -right,
        "absolute values": np.abs(right),
        "zeros": np.zeros_like(right),
        "the end": line.weighted(np.ones(1), np.ones(1)),
    }
    assert not [name for name, values in wrong.items() if is_one_node_a_cell(pair, values)]


def test_gauss_and_legendre_have_one_node_in_each_of_their_own_cells_only(line):
    nodes, weights = leggauss(4)
    assert not is_of_rare_rule(Pair(line, 4), line.weighted((nodes + 1) / 2, weights / 2))
