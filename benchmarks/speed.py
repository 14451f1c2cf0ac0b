"""Seconds of the same attribution by igref, by Captum and by PAIR saliency, in turn."""

import functools
import json

import torch
from captum.attr import IntegratedGradients
from saliency.core import INPUT_OUTPUT_GRADIENTS
from saliency.core import IntegratedGradients as PairIntegratedGradients

import igref
from benchmarks.known_paths import BASELINES
from benchmarks.report import by_model, count_within
from benchmarks.setting import RESULTS, SIX_BASELINES, in_turn, keep, load, median_ratio
from igref.memory import keep_freed_memory

STEPS = (5, 10, 20, 50, 100, 200)
TUNED = (4, 5, 6, 8, 16)


def captum(model, x, x0, target, n_steps, batch=None, method="gausslegendre"):
    """Captum as its documentation calls it; `batch` is its internal_batch_size, none by default."""
    return IntegratedGradients(model).attribute(
        x, x0, target=target, n_steps=n_steps, method=method, internal_batch_size=batch
    )


def pair_saliency(model, x, x0, target, n_steps, batch):
    """PAIR saliency on one NumPy picture; its weights are wrong at the ends, its work is the same."""

    def gradients(images, call_model_args=None, expected_keys=None):
        images = torch.tensor(images, dtype=torch.float32).requires_grad_()
        model(images)[:, target].sum().backward()
        return {INPUT_OUTPUT_GRADIENTS: images.grad.numpy()}

    return PairIntegratedGradients().GetMask(
        x[0].numpy(), gradients, x_steps=n_steps, x_baseline=x0[0].numpy(), batch_size=batch
    )


def tune(model, x, x0, target) -> int:
    """The internal_batch_size with which Captum is fastest here."""
    seconds = in_turn({b: functools.partial(captum, model, x, x0, target, 48, b) for b in TUNED}, rounds=3)
    return min(TUNED, key=lambda b: sum(seconds[b]))


def single(model, x, x0, target, n_steps, tuned, rounds) -> dict:
    """One IG, by all."""
    ours = functools.partial(igref.integrated_gradients, model, x, x0, target, n_steps=n_steps, rule="gauss_legendre")
    contestants = {
        "igref": ours,
        "captum, defaults": functools.partial(captum, model, x, x0, target, n_steps),
        "captum, tuned": functools.partial(captum, model, x, x0, target, n_steps, tuned),
        "saliency, tuned": functools.partial(pair_saliency, model, x, x0, target, n_steps, tuned),
    }
    if n_steps > 50:
        del contestants["captum, defaults"]  # one batch of 200 photos takes 10 GB
    theirs, mine = captum(model, x, x0, target, n_steps, tuned), ours().values
    difference = float((mine - theirs).norm() / theirs.norm())
    return {"seconds": in_turn(contestants, rounds), "difference of maps to captum": difference}


def sweep(model, x, x0, target, tuned, rounds) -> dict:
    """Six step counts: one sweep against six runs."""

    def six_runs():
        return [captum(model, x, x0, target, n, tuned, "riemann_trapezoid") for n in STEPS]

    def one_pass():
        return igref.step_sweep(model, x, x0, target, steps=STEPS)

    return {"seconds": in_turn({"igref": one_pass, "captum, tuned": six_runs}, rounds)}


def six_baselines(model, inputs, targets, tuned, rounds) -> dict:
    """Two photos with six baselines each, 50 steps: all in one call against one call for each."""
    baselines = torch.cat([igref.make_baseline(name, inputs) for name in SIX_BASELINES])
    inputs, targets = inputs.repeat(6, 1, 1, 1), targets.repeat(6)

    def one_by_one():
        return [
            captum(model, inputs[n : n + 1], baselines[n : n + 1], int(targets[n]), 50, tuned)
            for n in range(len(inputs))
        ]

    def in_one_call():
        return igref.integrated_gradients(model, inputs, baselines, targets, rule="gauss_legendre")

    return {"seconds": in_turn({"igref": in_one_call, "captum, tuned": one_by_one}, rounds)}


def equal_error(model, inputs, targets, tuned, rounds) -> dict:
    """Five photos, each with another baseline: the adaptive mode to 5 %, and fixed rules with as many gradients as keep 90 % of
    all pairs within 5 %.
    """
    known = by_model(json.loads((RESULTS / "map_error.json").read_text())["results"])["efficientnet_lite0"]
    nodes = {rule: round(count_within(known, rule, 0.05)) for rule in ("trapezoid", "gauss_legendre")}
    inputs, targets = inputs[: len(BASELINES)], targets[: len(BASELINES)]
    baselines = torch.cat([igref.make_baseline(name, x[None]) for name, x in zip(BASELINES, inputs, strict=True)])
    ours = functools.partial(igref.integrated_gradients, model, inputs, baselines, targets)

    def one_by_one():
        return [
            captum(model, inputs[n : n + 1], baselines[n : n + 1], int(targets[n]), nodes["gauss_legendre"], tuned)
            for n in range(len(inputs))
        ]

    contestants = {
        "igref": lambda: igref.adaptive_integrated_gradients(model, inputs, baselines, targets),
        f"igref, trapezoid, {nodes['trapezoid']} gradients": lambda: ours(
            n_steps=nodes["trapezoid"] - 1, rule="trapezoid"
        ),
        f"igref, gauss_legendre, {nodes['gauss_legendre']}": lambda: ours(
            n_steps=nodes["gauss_legendre"], rule="gauss_legendre"
        ),
        f"captum, tuned, gausslegendre, {nodes['gauss_legendre']}": one_by_one,
    }
    return {"seconds": in_turn(contestants, rounds)}


def main() -> None:
    model, _, inputs, targets = load()
    x, x0, target = inputs[:1], torch.zeros_like(inputs[:1]), int(targets[0])
    tuned = tune(model, x, x0, target)
    results = {"tuned internal_batch_size": tuned, "igref's chunk size": igref.attribution.chunking.chunk_size_for(x)}
    for name, measure in (
        ("IG, 50 steps", lambda: single(model, x, x0, target, 50, tuned, rounds=10)),
        ("IG, 200 steps", lambda: single(model, x, x0, target, 200, tuned, rounds=5)),
        ("step sweep", lambda: sweep(model, x, x0, target, tuned, rounds=5)),
        ("six baselines", lambda: six_baselines(model, inputs[:2], targets[:2], tuned, rounds=3)),
        ("map within 5 %, adaptive", lambda: equal_error(model, inputs, targets, tuned, rounds=3)),
        # Last, as it cannot be undone.
        ("IG, 50 steps, memory kept", lambda: keep_freed_memory() and single(model, x, x0, target, 50, tuned, 6)),
    ):
        if not (measured := measure()):
            continue
        results[name] = measured
        for other in results[name]["seconds"]:
            ratio = median_ratio(results[name]["seconds"], other, "igref")
            print(f"{name}: {other} takes {ratio:.2f} times as long as igref", flush=True)
        keep("speed", results)


if __name__ == "__main__":
    main()
