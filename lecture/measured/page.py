"""docs/report.md, written from what was measured: no number on that page that was found is typed by hand."""

from collections.abc import Iterable, Sequence
from pathlib import Path

FILE = Path(__file__).parents[2] / "docs" / "report.md"
TEMPLATE = Path(__file__).with_suffix(".md")
TURNED, ENLARGED = 3, 3  # places of 45 degrees and of 2.5 times in measured.json


def page(found: dict) -> str:
    """The page as Markdown.

    Args:
        found: what measured.json holds.
    """
    return TEMPLATE.read_text(encoding="utf-8").format(
        lowest_rank=_lowest(found),
        highest_rank=_highest(found),
        changed_by_zoom=_changed(found, "zoom"),
        photos=_photos(found),
        pairs=len(found["steps"]),
        worst_at_1100=_worst(found, 1100),
        enough=_enough(found),
        sums_table=_sums(found["sums"]),
        near_by_ig=_near(found["sums"], "ig"),
        near_by_gradient=_near(found["sums"], "gradient"),
        negative_by_gradient=_negative(found["sums"]),
        masking_table=_masking(found["masking"]),
        rank_table=_correlations(found["correlations"]["ranks"]),
        loudest_baseline=_loudest(found),
        unchanged_by_zoom=_unchanged(found, "zoom"),
        story_of_zoom=_story(found, "zoom", "chelsea", ENLARGED),
        changed_by_rotation=_changed(found, "rotation"),
        unchanged_by_rotation=_unchanged(found, "rotation"),
        story_of_rotation=_story(found, "rotation", "camera", TURNED),
        step_counts=", ".join(found["steps"][0]["gap"]),
        steps_table=_steps(found["steps"]),
        luck=_luck(found["steps"]),
        gap_at_50=_percent(found["steps"][0]["gap"]["50"]),
        map_error_at_50=_percent(found["steps"][0]["map_error"]["50"]),
    )


def enough(rows: Sequence[dict]) -> list[int]:
    """From which count on the gap of each pair stays within 5 %, in order; the one story about step counts."""
    return sorted(row["within"] for row in rows)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _photos(found: dict) -> int:
    return len(found["sums"])


def _lowest(found: dict) -> str:
    return f"{min(found['correlations']['ranks'].values()):.1f}"


def _highest(found: dict) -> str:
    return f"{max(found['correlations']['ranks'].values()):.1f}"


def _loudest(found: dict) -> str:
    scores = found["correlations"]["baseline_scores"]
    name = max(scores, key=scores.get)
    return f"{name.replace('_', ' ')} (score {scores[name]:.2f})"


def _changes(found: dict, how: str) -> dict[str, bool]:
    return {photo: len({label for label, _ in said}) > 1 for photo, said in found["labels"][how].items()}


def _changed(found: dict, how: str) -> int:
    return sum(_changes(found, how).values())


def _unchanged(found: dict, how: str) -> str:
    return ", ".join(photo for photo, changed in _changes(found, how).items() if not changed)


def _story(found: dict, how: str, photo: str, place: int) -> str:
    (before, sure), (after, then) = (found["labels"][how][photo][k] for k in (0, place))
    return f"the {before} ({sure:.0%}) becomes a {after} ({then:.0%})"


def _worst(found: dict, n: int) -> str:
    return _percent(max(row["gap"][str(n)] for row in found["steps"]))


def _enough(found: dict) -> str:
    *most, last = enough(found["steps"])
    return f"{most[0]} to {most[-1]} steps are enough for {len(most)} of them, {last} for the last"


def _luck(rows: Sequence[dict]) -> str:
    """The largest relapse: a count within 5 % before one that is not."""
    row = max(rows, key=lambda row: row["within"])
    later = max((n for n in row["gap"] if 100 < int(n) < row["within"]), key=lambda n: row["gap"][n])
    return (
        f"{row['photo']} from {row['baseline'].replace('_', ' ')} is at {_percent(row['gap']['100'])} with 100 steps, "
        f"and at {_percent(row['gap'][later])} with {later}"
    )


def _sums(rows: Sequence[dict]) -> str:
    head = ("photo", "label", "F(x) - F(x')", "sum of IG", "sum of gradient x image")
    numbers = ("rise", "ig", "gradient")
    return _table(head, ([row["photo"], row["label"], *(f"{row[n]:.2f}" for n in numbers)] for row in rows))


def _near(rows: Sequence[dict], method: str) -> int:
    return sum(abs(row[method] - row["rise"]) <= 0.05 * abs(row["rise"]) for row in rows)


def _negative(rows: Sequence[dict]) -> int:
    return sum(row["gradient"] < 0 for row in rows)


def _masking(areas: dict[str, dict]) -> str:
    good = {"deletion": ("deletion, fill zero", "small"), "insertion": ("insertion, fill blurred", "large")}
    good["retention"] = ("retention, fill mean", "large")
    methods = [name for name in areas["deletion"] if name != "random"]
    rows = []
    for measure, of_methods in areas.items():
        best = (min if good[measure][1] == "small" else max)(of_methods, key=lambda name: of_methods[name]["mean"])
        said = {name: f"{area['mean']:.3f}" for name, area in of_methods.items()} | {
            best: f"**{of_methods[best]['mean']:.3f}**"
        }
        with_intervals = ("{} [{:.3f}, {:.3f}]".format(said[name], *of_methods[name]["interval"]) for name in methods)
        rows.append([*good[measure], *with_intervals, said["random"]])
    return _table(["", "better is", *methods, "random"], rows)


def _correlations(ranks: dict[str, float]) -> str:
    ones = list(dict.fromkeys(pair.split()[0] for pair in ranks))
    others = list(dict.fromkeys(pair.split()[1] for pair in ranks))
    rows = [
        [
            one.replace("_", " "),
            *(f"{ranks[f'{one} {other}']:.2f}" if f"{one} {other}" in ranks else "" for other in others),
        ]
        for one in ones
    ]
    return _table(["", *others], rows)


def _steps(rows: Sequence[dict]) -> str:
    counts = ("50", "100", "200", "550", "1100")
    return _table(
        ["photo", "baseline", "F(x) - F(x')", *(f"{n} steps" for n in counts), "within 5 % from"],
        (
            [
                row["photo"],
                row["baseline"].replace("_", " "),
                f"{row['rise']:.2f}",
                *(_percent(row["gap"][n]) for n in counts),
                str(row["within"]),
            ]
            for row in rows
        ),
    )
