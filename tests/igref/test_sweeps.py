"""A sweep is its separate runs, at the price of the union of their nodes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from igref.attribution.core import integrated_gradients
from igref.attribution.quadrature import RULES
from igref.steps.sweep import StepSweep, step_sweep
from tests.igref.small_networks import normal, pool_network, relu_network, softmax_network

STEPS = (5, 10, 20, 50, 100, 200)


def test_the_trapezoid_costs_201_gradients_an_input(counting):
    forward = counting(softmax_network())
    sweep = step_sweep(forward, normal(3, 4), normal(4, seed=1), 0, steps=STEPS)
    assert sweep.n_gradients == forward.points == 3 * 201
    assert sum(sweep.attribution(n).n_gradients for n in STEPS) == 3 * 391


@settings(max_examples=8)
@given(
    st.integers(0, 10_000),
    st.lists(st.sampled_from(RULES), min_size=1, max_size=5, unique=True),
    st.lists(st.integers(1, 30), min_size=1, max_size=5, unique=True),
    st.integers(1, 50),
)
def test_equals_separate_runs(seed, rules, steps, chunk_size):
    x, x0, targets = normal(2, 2, 6, 6, seed=seed), normal(2, 6, 6, seed=seed + 1), torch.tensor([2, 0])
    sweep = step_sweep(pool_network(), x, x0, targets, steps=steps, rule=rules, chunk_size=chunk_size)
    assert list(zip(sweep.rules, sweep.steps, strict=True)) == [(r, n) for r in rules for n in steps]
    for s, (rule, n) in enumerate(zip(sweep.rules, sweep.steps, strict=True)):
        alone = integrated_gradients(pool_network(), x, x0, targets, n_steps=n, rule=rule)
        one = sweep.attribution(n, rule)
        assert torch.equal(one.values, sweep.values[s])
        torch.testing.assert_close(one.values, alone.values, atol=1e-10, rtol=0)
        torch.testing.assert_close(one.completeness_gap, alone.completeness_gap, atol=1e-10, rtol=0)
        torch.testing.assert_close(sweep.relative_gap[s], alone.relative_gap, atol=1e-9, rtol=1e-9)
        torch.testing.assert_close(one.scores, alone.scores, atol=1e-10, rtol=0)
        assert one.n_gradients == alone.n_gradients


def test_float32_equals_separate_runs():
    x, x0 = normal(2, 4).float(), normal(4, seed=1).float()
    sweep = step_sweep(relu_network().float(), x, x0, 1, steps=STEPS)
    for n in STEPS:
        alone = integrated_gradients(relu_network().float(), x, x0, 1, n_steps=n, rule="trapezoid")
        torch.testing.assert_close(sweep.attribution(n).values, alone.values, atol=1e-6, rtol=1e-6)


def test_the_map_error_is_the_distance_to_the_finest():
    sweep = step_sweep(softmax_network(), normal(2, 4), normal(4, seed=1), 0, steps=(5, 200, 20))
    assert sweep.steps[sweep.finest] == 200
    for s in range(3):
        for n in range(2):
            expected = (sweep.values[s, n] - sweep.values[1, n]).norm() / sweep.values[1, n].norm()
            assert float(sweep.map_error[s, n]) == pytest.approx(float(expected))
    assert not sweep.map_error[1].any() and sweep.map_error[0].min() > sweep.map_error[2].max()


def test_among_rules_of_one_count_the_finest_is_of_the_highest_degree():
    sweep = step_sweep(softmax_network(), normal(1, 4), normal(4), 0, steps=(4, 8), rule=RULES)
    assert (sweep.rules[sweep.finest], sweep.steps[sweep.finest]) == ("gauss_legendre", 8)


def test_seconds_are_shared_out_by_gradients():
    sweep = step_sweep(softmax_network(), normal(2, 4), normal(4), 0, steps=(5, 10))
    assert sweep.seconds > 0
    assert sweep.seconds_alone[1] == pytest.approx(sweep.seconds)  # its 11 nodes are all there are
    assert sweep.seconds_alone[0] == pytest.approx(sweep.seconds * 6 / 11)


def with_gaps(*gaps_of_inputs, steps):
    """A sweep whose inputs rise by 1 and have these signed gaps at these steps."""
    gaps = torch.tensor(gaps_of_inputs, dtype=torch.float64)
    return StepSweep(
        rules=("trapezoid",) * len(steps),
        steps=steps,
        values=(1 + gaps).T[:, :, None],
        scores=torch.ones(len(gaps)).double(),
        baseline_scores=torch.zeros(len(gaps)).double(),
        n_gradients=1,
        seconds=1.0,
    )


def test_stays_within_means_five_counts_in_a_row_to_the_end():
    sweep = with_gaps(
        (0.2, 0.04, -0.04, 0.03, -0.02, 0.01),  # five in a row from the second count on
        (0.04, 0.04, 0.04, 0.04, 0.04, -0.04),  # from the first on
        (0.2, 0.2, 0.04, 0.03, -0.02, 0.01),  # four in a row are not enough
        (0.01, 0.01, 0.01, 0.01, 0.01, 0.06),  # five in a row, but it does not stay
        (0.01, 0.01, -0.2, 0.01, 0.01, 0.01),  # luck at first
        steps=(5, 10, 20, 50, 100, 200),
    )
    assert sweep.stays_within() == (10, 5, None, None, None)
    assert sweep.stays_within(0.2) == (5, 5, 5, 5, 5)
    assert sweep.stays_within(in_a_row=3) == (10, 5, 20, None, 50)


def test_stays_within_goes_by_count_whatever_the_order():
    gaps, steps = (0.01, 0.2, 0.01, 0.01, 0.01, 0.01), (200, 5, 100, 10, 50, 20)
    assert with_gaps(gaps, steps=steps).stays_within() == (10,)


def test_the_table_names_every_count_and_the_price_of_one_pass():
    sweep = step_sweep(softmax_network(), normal(2, 4), normal(4, seed=1), 0)
    table = sweep.table()
    for n in STEPS:
        assert any(line.split()[:3] == ["trapezoid", str(n), str(n + 1)] for line in table.splitlines())
    assert "201 gradients an input" in table and "stays within 5%" in table


@pytest.mark.usefixtures("unchecked_signatures")
def test_an_entry_that_is_not_there():
    sweep = step_sweep(softmax_network(), normal(2, 4), normal(4, seed=1), 0, steps=(5, 10))
    with pytest.raises(ValueError, match="n_steps: expected one of 5, 10; got 7"):
        sweep.attribution(7)
    with pytest.raises(ValueError, match="rule: expected one of trapezoid; got 'left'"):
        sweep.attribution(5, "left")
    with pytest.raises(ValueError, match="tolerance: expected a number from 0"):
        sweep.stays_within(-1)
