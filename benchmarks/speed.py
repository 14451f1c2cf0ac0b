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
from benchmarks.setting import RESULTS, SIX_BASELINES, Contestants, apart, in_turn, keep, load, median_ratio
from igref.memory import keep_freed_memory

STEPS = (5, 10, 20, 50, 100, 200)
TUNED = (4, 5, 6, 8, 16)


def pair() -> tuple[igref.Classifier, torch.Tensor, torch.Tensor, int]:
    """The model, a photo, black, and the class that the model says."""
    model, _, inputs, targets = load()
    return model, inputs[:1], torch.zeros_like(inputs[:1]), int(targets[0])


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


def tuning() -> Contestants:
    """Captum's IG at 48 steps with each internal_batch_size."""
    model, x, x0, target = pair()
    return {str(size): functools.partial(captum, model, x, x0, target, 48, size) for size in TUNED}


def single(n_steps: int, tuned: int) -> Contestants:
    """One IG, by all."""
    model, x, x0, target = pair()
    contestants = {
        "igref": functools.partial(
            igref.integrated_gradients, model, x, x0, target, n_steps=n_steps, rule="gauss_legendre"
        ),
        "captum, defaults": functools.partial(captum, model, x, x0, target, n_steps),
        "captum, tuned": functools.partial(captum, model, x, x0, target, n_steps, tuned),
        "saliency, tuned": functools.partial(pair_saliency, model, x, x0, target, n_steps, tuned),
    }
    if n_steps > 50:
        del contestants["captum, defaults"]  # one batch of 200 photos takes 10 GB
    return contestants


def sweep(tuned: int) -> Contestants:
    """Six step counts: one sweep against six runs."""
    model, x, x0, target = pair()

    def six_runs():
        return [captum(model, x, x0, target, n, tuned, "riemann_trapezoid") for n in STEPS]

    def one_pass():
        return igref.step_sweep(model, x, x0, target, steps=STEPS)

    return {"igref": one_pass, "captum, tuned": six_runs}


def six_baselines(tuned: int) -> Contestants:
    """Two photos with six baselines each, 50 steps: all in one call against one call for each."""
    model, _, inputs, targets = load()
    inputs, targets = inputs[:2], targets[:2]
    baselines = torch.cat([igref.make_baseline(name, inputs) for name in SIX_BASELINES])
    inputs, targets = inputs.repeat(6, 1, 1, 1), targets.repeat(6)

    def one_by_one():
        return [
            captum(model, inputs[n : n + 1], baselines[n : n + 1], int(targets[n]), 50, tuned)
            for n in range(len(inputs))
        ]

    def in_one_call():
        return igref.integrated_gradients(model, inputs, baselines, targets, rule="gauss_legendre")

    return {"igref": in_one_call, "captum, tuned": one_by_one}


def equal_error(tuned: int) -> Contestants:
    """Five photos, each with another baseline: the adaptive mode to 5 %, and fixed rules with as many gradients as keep 90 % of
    all pairs within 5 %.
    """
    model, _, inputs, targets = load()
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

    return {
        "igref": lambda: igref.adaptive_integrated_gradients(model, inputs, baselines, targets),
        f"igref, trapezoid, {nodes['trapezoid']} gradients": lambda: ours(
            n_steps=nodes["trapezoid"] - 1, rule="trapezoid"
        ),
        f"igref, gauss_legendre, {nodes['gauss_legendre']}": lambda: ours(
            n_steps=nodes["gauss_legendre"], rule="gauss_legendre"
        ),
        f"captum, tuned, gausslegendre, {nodes['gauss_legendre']}": one_by_one,
    }


def memory_kept(n_steps: int, tuned: int) -> Contestants:
    """One IG, by all, in processes that keep the memory that they free."""
    keep_freed_memory()
    return single(n_steps, tuned)


def difference_to_captum(tuned: int) -> float:
    """How far apart the maps at 50 steps are, relative to Captum's."""
    contestants = single(50, tuned)
    theirs, mine = contestants["captum, tuned"](), contestants["igref"]().values
    return float((mine - theirs).norm() / theirs.norm())


def main() -> None:
    with apart(tuning) as sizes:
        seconds = in_turn(sizes, rounds=3)
    tuned = int(min(seconds, key=lambda size: sum(seconds[size])))
    chosen = igref.attribution.chunking.chunk_size_for(pair()[1])
    results = {"tuned internal_batch_size": tuned, "igref's chunk size": chosen}
    for name, rounds, contestants, arguments in (
        ("IG, 50 steps", 10, single, (50, tuned)),
        ("IG, 200 steps", 5, single, (200, tuned)),
        ("step sweep", 5, sweep, (tuned,)),
        ("six baselines", 3, six_baselines, (tuned,)),
        ("map within 5 %, adaptive", 3, equal_error, (tuned,)),
        ("IG, 50 steps, memory kept", 6, memory_kept, (50, tuned)),
    ):
        with apart(contestants, *arguments) as measured:
            results[name] = {"seconds": in_turn(measured, rounds)}
        for other in results[name]["seconds"]:
            ratio = median_ratio(results[name]["seconds"], other, "igref")
            print(f"{name}: {other} takes {ratio:.2f} times as long as igref", flush=True)
        if name == "IG, 50 steps":
            results[name]["difference of maps to captum"] = difference_to_captum(tuned)
        keep("speed", results)


if __name__ == "__main__":
    main()
