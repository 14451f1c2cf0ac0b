"""Write what results/*.json say into README.md and docs/igref.md, between their two marks."""

import json
import statistics
from pathlib import Path

import numpy as np

from benchmarks.setting import RESULTS, median_ratio

README = Path(__file__).parent / "README.md"
DOCS = Path(__file__).parent.parent / "docs" / "igref.md"
START, END = "<!-- measured: start -->\n", "<!-- measured: end -->"
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
    for model in dict.fromkeys(name.split("/")[0] for name in results):
        pairs = [measured for name, measured in results.items() if name.split("/")[0] == model]
        for rule in pairs[0]["fixed"]:
            rows += [
                _row(model, f"{rule}, {count}", [pair["fixed"][rule][count] for pair in pairs])
                for count in pairs[0]["fixed"][rule]
            ]
        for tolerance in dict.fromkeys(t for pair in pairs for t in pair["adaptive"]):
            measured = [pair["adaptive"][tolerance] for pair in pairs if tolerance in pair["adaptive"]]
            rows.append(_row(model, f"**adaptive to {float(tolerance):.0%}**", measured))
    head = ["model", "by", "pairs", "gradients, median / p90", "map error, median / p90"]
    return table(
        [*head, "true over stated, p10 / median / p90 / largest", "pixels within two stated errors, least"], rows
    )


def _row(model: str, by: str, measured: list[dict]) -> list[str]:
    gradients, errors = ([one[key] for one in measured] for key in ("gradients", "map_error"))
    ratios = [one["map_error"] / one["stated"] for one in measured]
    within = [one[PIXELS] for one in measured if PIXELS in one]
    return [
        model,
        by,
        str(len(measured)),
        " / ".join(f"{p:.0f}" for p in np.percentile(gradients, (50, 90))),
        " / ".join(f"{p:.1%}" for p in np.percentile(errors, (50, 90))),
        " / ".join(f"{p:.2f}" for p in np.percentile(ratios, (10, 50, 90, 100))),
        f"{min(within):.0%}" if within else "",
    ]


def class_run(results: dict) -> str:
    """Wall and processor seconds of each contestant, and where those of one submission go."""
    count = results["students"]
    stock = results["seconds"].get("stock nbgrader", {}).get("wall", float("nan"))
    rows = [
        [name, f"{took['wall']:.0f}", f"{took['cpu'] / count:.1f}", f"{stock / took['wall']:.2f}"]
        for name, took in results["seconds"].items()
    ]
    head = [f"{count} submissions of ps1 by", "wall seconds", "CPU seconds each, of processes waited for"]
    told = table([*head, "throughput, times stock"], rows)
    spent = {**results["cost"], **{f"the verdict on {name}": seconds for name, seconds in results["verdict"].items()}}
    rows = [[name, f"{seconds:.2f}"] for name, seconds in spent.items()]
    return told + "\n" + table(["of one submission", "CPU seconds"], rows)


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


def sections() -> str:
    """What stands in README.md."""
    parts = []
    written = {
        "Speed": speed,
        "Memory": memory,
        "Map error": map_error,
        "Class run": class_run,
        "Class alike": class_alike,
    }
    for title, write in written.items():
        file = RESULTS / f"{title.lower().replace(' ', '_')}.json"
        if file.exists():
            found = json.loads(file.read_text())
            parts.append(f"### {title}\n\nMeasured with {found['machine']}.\n\n{write(found['results'])}")
    return "\n" + "\n".join(parts) + "\n"


def rows_of_the_adaptive_mode() -> str:
    """What stands in docs/igref.md: of the table of map errors the head and the adaptive mode."""
    lines = map_error(json.loads((RESULTS / "map_error.json").read_text())["results"]).splitlines(keepends=True)
    return "".join(lines[:2] + [line for line in lines if "adaptive" in line])


def between_marks(page: Path) -> str:
    return page.read_text().split(START)[1].split(END)[0]


def main() -> None:
    for page, measured in ((README, sections()), (DOCS, rows_of_the_adaptive_mode())):
        before, rest = page.read_text().split(START)
        page.write_text(before + START + measured + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
