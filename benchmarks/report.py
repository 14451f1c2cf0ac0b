"""Write what results/*.json say into README.md and docs/igref.md, between their two marks."""

import json
import statistics
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.setting import FEW, FEW_BY_TWO, ONE, RESULTS, STOCK, TWO, median_ratio

README = Path(__file__).parent / "README.md"
DOCS = Path(__file__).parent.parent / "docs" / "igref.md"
START, END = "<!-- measured: start -->\n", "<!-- measured: end -->"
NEEDED = ("trapezoid", "gauss_legendre", "captum's riemann_trapezoid")
ONCE = "once a run"
LARGER = (60, 1000)
"""Classes that are larger than the one that was graded."""
PIXELS = "pixels within two stated errors"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def speed(results: dict) -> str:
    rows = []
    for task, measured in results.items():
        if not isinstance(measured, dict):
            continue
        seconds = measured["seconds"]
        for name, times in seconds.items():
            ratio = median_ratio(seconds, name, "igref")
            rows.append([task, name, f"{statistics.median(times):.2f}", f"{ratio:.2f}"])
    each = statistics.median(results["IG, 50 steps"]["seconds"]["igref"]) / 50
    note = f"One gradient in igref's IG at 50 steps: {1000 * each:.0f} ms. Maps at 50 steps, igref against Captum: "
    note += f"relative difference {results['IG, 50 steps']['difference of maps to captum']:.1e}.\n\n"
    head = ["task", "by", "median seconds", "times igref, median of the rounds' ratios"]
    return note + table(head, rows)


def memory(results: dict) -> str:
    rows = []
    for name, peaks in results.items():
        least = next(iter(peaks.values()))
        rows += [[name, steps, f"{peak:.2f}", f"{peak / least:.2f}"] for steps, peak in peaks.items()]
    return table(["by", "steps", "peak memory of the process, GiB", "against its 50 steps"], rows)


def map_error(results: dict) -> str:
    """How many gradients, how far off, and how far off by what the map itself says; percentiles over the pairs."""
    rows = []
    for model, pairs in by_model(results).items():
        for rule in pairs[0]["fixed"]:
            rows += [
                _row(model, f"{rule}, {count}", [pair["fixed"][rule][count] for pair in pairs])
                for count in pairs[0]["fixed"][rule]
            ]
        for tolerance in pairs[0]["adaptive"]:
            measured = [pair["adaptive"][tolerance] for pair in pairs if tolerance in pair["adaptive"]]
            rows.append(_row(model, f"**adaptive to {float(tolerance):.0%}**", measured))
    head = ["model", "by", "pairs", "gradients, median / p90", "map error, median / p90"]
    told = ["true over stated, p10 / median / p90 / largest", "0.8 to 1.25", "up to 1.25"]
    return table([*head, *told, "pixels within two stated errors, all pairs / least"], rows)


def map_errors(results: dict) -> str:
    """The gradients that are needed, then everything."""
    return f"{gradients_needed(results)}\n{map_error(results)}"


def by_model(results: dict) -> dict[str, list[dict]]:
    models: dict[str, list[dict]] = {}
    for name, measured in results.items():
        models.setdefault(name.split("/")[0], []).append(measured)
    return models


def _row(model: str, by: str, measured: list[dict]) -> list[str]:
    gradients, errors = ([one[key] for one in measured] for key in ("gradients", "map_error"))
    ratios = np.array([one["map_error"] / one["stated"] for one in measured if "stated" in one])
    within = [one[PIXELS] for one in measured if PIXELS in one]
    told = ["", "", ""]
    if len(ratios):
        shares = ((ratios >= 0.8) & (ratios <= 1.25)).mean(), (ratios <= 1.25).mean()
        told = [" / ".join(f"{p:.2f}" for p in np.percentile(ratios, (10, 50, 90, 100)))]
        told += [f"{share:.0%}" for share in shares]
    return [
        model,
        by,
        str(len(measured)),
        " / ".join(f"{p:.0f}" for p in np.percentile(gradients, (50, 90))),
        " / ".join(f"{p:.1%}" for p in np.percentile(errors, (50, 90))),
        *told,
        f"{np.mean(within):.0%} / {min(within):.0%}" if within else "",
    ]


def class_run(results: dict) -> str:
    """Wall and processor seconds of each contestant, their ratios, and where those of one submission go."""
    seconds = results["seconds"]
    stock = seconds[STOCK]
    rows = []
    for name, took in seconds.items():
        each, of_stock = (one["wall"] / one["students"] for one in (took, stock))
        cpu, cpu_of_stock = (one["cpu"] / one["students"] for one in (took, stock))
        figures = (f"{took['wall']:.0f}", f"{took['cpu']:.0f}", f"{of_stock / each:.2f}", f"{cpu / cpu_of_stock:.2f}")
        rows.append([name, str(took["students"]), *figures])
    head = [
        "by",
        "submissions of ps1",
        "wall seconds",
        "CPU seconds",
        "throughput over stock's",
        "CPU each over stock's",
    ]
    told = table(head, rows)
    told += f"\nTwo workers against one: {seconds[ONE]['wall'] / seconds[TWO]['wall']:.2f} times the throughput."
    return told + "\n\n" + (_larger_classes(seconds) if FEW_BY_TWO in seconds else "")


def class_cost(results: dict) -> str:
    """Where the processor seconds of one submission go, and what judging a class again takes."""
    again = results["replay"]
    told = f"{ONCE.capitalize()}, with one worker: {results['cost'][ONCE]:.0f} CPU seconds. Judging {again['students']} again from "
    told += f"their evidence takes two workers {again['wall']:.0f} wall seconds, with {again['cpu']:.0f} of the processor.\n\n"
    spent = {f"grading one more: {name}": cpu for name, cpu in results["cost"].items() if name != ONCE}
    spent |= {f"the verdict on {name}": cpu for name, cpu in results["verdict"].items()}
    rows = [[name, f"{cpu:.2f}"] for name, cpu in spent.items()]
    return told + table(["of one submission", "CPU seconds"], rows)


def _larger_classes(seconds: dict) -> str:
    """What the runs of a class and of a quarter of it say of larger ones, in words: what is done once is then a smaller part."""
    one_more = {
        name: (seconds[name]["wall"] - seconds[few]["wall"]) / (seconds[name]["students"] - seconds[few]["students"])
        for name, few in {ONE: FEW, TWO: FEW_BY_TWO}.items()
    }
    once = seconds[TWO]["wall"] - seconds[TWO]["students"] * one_more[TWO]
    stock = seconds[STOCK]["wall"] / seconds[STOCK]["students"]
    ratios = (f"{stock * count / (once + count * one_more[TWO]):.2f} times for {count:,}" for count in LARGER)
    return (
        f"One submission more takes two workers {one_more[TWO]:.1f} wall seconds, one worker {one_more[ONE]:.1f}, "
        f"{one_more[ONE] / one_more[TWO]:.2f} times as many. By these figures two workers have the throughput of stock "
        f"{' and '.join(ratios)}.\n\n"
    )


def class_alike(results: dict) -> str:
    rows = [
        [
            *(str(results[name]) for name in ("notebooks", "copies")),
            f"{results['found']:.0%}",
            f"{results['other pairs named']:.4%}",
            *(f"{results[name]:.0f}" for name in ("seconds", "cpu seconds")),
        ]
    ]
    return table(["notebooks", "planted copies", "found", "other pairs named", "wall seconds", "CPU seconds"], rows)


def gradients_needed(results: dict) -> str:
    """How many gradients keep 90 % of the pairs within a map error; the counts of fixed rules are interpolated."""
    rows = []
    for model, pairs in by_model(results).items():
        for tolerance in pairs[0]["adaptive"]:
            measured = [pair["adaptive"][tolerance] for pair in pairs]
            mean = statistics.mean(one["gradients"] for one in measured)
            kept = np.mean([one["map_error"] <= float(tolerance) for one in measured])
            row = [model, f"{float(tolerance):.0%}", str(len(pairs)), f"{mean:.0f}", f"{kept:.0%}"]
            for rule in NEEDED:
                count = count_within(pairs, rule, float(tolerance))
                row.append(_needed(count, mean, pairs[0]["fixed"][rule].values()))
            rows.append(row)
    head = ["model", "within", "pairs", "adaptive, mean", "of its pairs within"]
    return table([*head, *(f"{rule}, adaptive over it" for rule in NEEDED)], rows)


def _needed(count: float | None, mean: float, measured: Iterable[dict]) -> str:
    largest = max(one["gradients"] for one in measured)
    if count is None:
        return f"over {2 * largest}"
    return f"{'about ' if count > largest else ''}{count:.0f}, {mean / count:.2f}"


def count_within(pairs: list[dict], rule: str, tolerance: float) -> float | None:
    """The count at which the 90th percentile of the map error comes to the tolerance, straight lines between logarithms.

    The last line is drawn on to twice the largest count that was measured; None beyond.
    """
    counts = list(pairs[0]["fixed"][rule])
    gradients = np.log([pairs[0]["fixed"][rule][count]["gradients"] for count in counts])
    errors = np.log(
        [np.percentile([pair["fixed"][rule][count]["map_error"] for pair in pairs], 90) for count in counts]
    )
    above = np.flatnonzero(errors > np.log(tolerance))
    if not len(above):
        return float(np.exp(gradients[0]))
    first = min(above[-1], len(counts) - 2)
    slope = (gradients[first + 1] - gradients[first]) / (errors[first + 1] - errors[first])
    count = float(np.exp(gradients[first] + slope * (np.log(tolerance) - errors[first])))
    return count if slope < 0 and count <= 2 * np.exp(gradients[-1]) else None


def sections() -> str:
    """What stands in README.md."""
    parts = []
    written = {
        "Speed": speed,
        "Memory": memory,
        "Map error": map_errors,
        "Accelerator": accelerator,
        "Class run": class_run,
        "Class cost": class_cost,
        "Class alike": class_alike,
    }
    for title, write in written.items():
        file = RESULTS / f"{title.lower().replace(' ', '_')}.json"
        if file.exists():
            found = json.loads(file.read_text())
            parts.append(f"### {title}\n\n{measured_with(found['machine'])}\n\n{write(found['results'])}")
    return "\n" + "\n".join(parts) + "\n"


def accelerator(results: dict) -> str:
    """Milliseconds and memory of fixed steps beside Captum's best batch, then how far each function is from the CPU."""
    rows = []
    for task, contestants in results["fixed steps"].items():
        captum = [name for name in contestants if name.startswith("captum, batches")]
        best = contestants[min(captum, key=lambda name: contestants[name]["ms"])]
        for name, took in contestants.items():
            ratios = (f"{took[what] / best[what]:.2f}" for what in ("ms", "MiB"))
            rows.append([task, name, f"{took['ms']:.1f}", f"{took['MiB']:.0f}", *ratios])
    parts = [table(["task", "by", "milliseconds", "MiB", "time over Captum's best", "memory over Captum's best"], rows)]
    parts.append(equal_map_errors(results["equal map error"]))
    rows = [[name, f"{off['median']:.2%}", f"{off['largest']:.2%}"] for name, off in results["precision"].items()]
    parts.append(table(["arithmetic", "the map of a photo is off by, median of ten", "largest"], rows))
    rows = []
    for size, ways in results["graphs"].items():
        usual, replayed = (ways[way]["ms"] for way in ("as usual", "replayed graph"))
        rows.append([size, f"{usual:.1f}", f"{replayed:.1f}", f"{replayed / usual:.2f}"])
    head = ["photos a batch", "scores and gradients, milliseconds", "replayed as a CUDA graph", "ratio"]
    parts.append(table(head, rows))
    differences: dict[str, list[str]] = {}
    for name, _, found in results["agreement"]:
        differences.setdefault(name, []).append(f"{found:.1e}" if isinstance(found, float) else found)
    head = ["function, on CUDA", "float32: differs from the CPU by", "float64"]
    parts.append(table(head, [[name, *found] for name, found in differences.items()]))
    return "\n".join(parts)


def equal_map_errors(results: dict) -> str:
    """Seconds of fifty pairs at equal map error, beside Captum's better rule."""
    rows = []
    for tolerance, contestants in results.items():
        captum = [took["ms"] for name, took in contestants.items() if name.startswith("captum")]
        for name, took in contestants.items():
            ratio = f"{took['ms'] / min(captum):.2f}" if captum else ""
            rows.append([f"50 pairs {tolerance}", name, f"{took['ms']:.0f}", f"{took['MiB']:.0f}", ratio])
    return table(["map error", "by", "milliseconds", "MiB", "time over Captum's better rule"], rows)


def measured_with(machine: str | dict[str, str]) -> str:
    """One line; or one for each model, where they were measured on several machines."""
    if isinstance(machine, str):
        return f"Measured with {machine}."
    return "\n".join(f"- {model}: measured with {one}." for model, one in machine.items())


def rows_of_the_adaptive_mode() -> str:
    """What stands in docs/igref.md: the gradients needed, and of the table of map errors the head and the adaptive mode."""
    results = json.loads((RESULTS / "map_error.json").read_text())["results"]
    lines = map_error(results).splitlines(keepends=True)
    return gradients_needed(results) + "\n" + "".join(lines[:2] + [line for line in lines if "adaptive" in line])


def between_marks(page: Path) -> str:
    return page.read_text().split(START)[1].split(END)[0]


def main() -> None:
    for page, measured in ((README, sections()), (DOCS, rows_of_the_adaptive_mode())):
        before, rest = page.read_text().split(START)
        page.write_text(before + START + measured + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
