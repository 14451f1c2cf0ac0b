"""What is graded: every assignment, its tasks, their points, and what is withheld while they are graded.

The one place where a task's id, points and split into properties are written down. The notebooks, the
checks, the documentation's table and the tests are all held against it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One graded cell. `id` is its nbgrader grade_id; properties map names to points (empty: graded by hand)."""

    id: str
    points: float
    title: str
    properties: dict[str, float]

    @property
    def automatic(self) -> bool:
        return bool(self.properties)


@dataclass(frozen=True)
class Assignment:
    """One notebook. `igref_modules` are those that its student may use; the rest is withheld."""

    id: str
    title: str
    tasks: tuple[Task, ...]
    igref_modules: tuple[str, ...]

    @property
    def points(self) -> float:
        return sum(task.points for task in self.tasks)


def _task(task_id: str, title: str, **properties: float) -> Task:
    return Task(task_id, sum(properties.values()), title, properties)


PS1 = Assignment(
    id="ps1-attribution",
    title="Attribute a label",
    tasks=(
        _task(
            "ps1-input-gradient",
            "the input gradient",
            form=0.5,
            linear=0.5,
            nonlinear=1,
            images=1,
            target=1,
        ),
        _task(
            "ps1-integrated-gradients",
            "integrated gradients",
            form=1,
            linear=1,
            polynomial=1,
            networks=1,
            saturation=1,
            baseline=1,
            target=1,
            steps=1,
        ),
        _task("ps1-photo", "which pixels count, for a photo and its label", completeness=1, map=2, product=1),
        Task("ps1-discussion", 4, "what the two maps show", {}),
    ),
    igref_modules=("arguments", "baselines", "images", "memory", "models", "plots", "torchvision_cure"),
)

_ALLOWED_AFTER_PS1 = (
    "adaptive", "arguments", "attribution", "axioms", "baseline_diagnosis", "baselines", "chunking",
    "counterexamples", "exact", "fill_comparison", "fills", "hiding", "images", "memory", "models", "paths", "picture_changes",
    "plots", "progress", "quadrature", "quality", "randomisation", "sweeps", "torchvision_cure", "verdicts",
)  # fmt: skip


def _all_but(*withheld: str) -> tuple[str, ...]:
    return tuple(module for module in _ALLOWED_AFTER_PS1 if module not in withheld)


PS2 = Assignment(
    id="ps2-baselines",
    title="Other baselines",
    tasks=(
        _task(
            "ps2-study",
            "integrated gradients from several baselines",
            images=4,
            predictions=2,
            baselines=5,
            variety=3,
            completeness=5,
            map=7,
        ),
        Task("ps2-judgement", 14, "what the baselines change", {}),
    ),
    igref_modules=_all_but("baselines", "baseline_diagnosis"),
)

PS3 = Assignment(
    id="ps3-steps",
    title="How many steps",
    tasks=(
        _task(
            "ps3-study",
            "integrated gradients at 5 to 200 steps",
            images=2,
            predictions=2,
            steps=3,
            completeness=4,
            map=7,
            gaps=5,
            enough=3,
        ),
        Task("ps3-judgement", 14, "which rule, and how many steps are enough", {}),
    ),
    igref_modules=_all_but("sweeps"),
)

PS4 = Assignment(
    id="ps4-quality",
    title="An objective measure (extra credit)",
    tasks=(
        _task(
            "ps4-measure",
            "a measure of an attribution's quality",
            form=3,
            deterministic=4,
            scale=4,
            constants=3,
            random=6,
            reversed=4,
        ),
        _task("ps4-baselines", "baselines compared by the measure", images=2, completeness=2, map=4, quality=4),
        Task("ps4-baselines-judgement", 14, "the measure, and what it says of the baselines", {}),
        _task("ps4-steps", "step counts compared by the measure", images=2, steps=4, completeness=4, map=8, quality=8),
        Task("ps4-limits", 24, "what it says of the steps, and what it cannot tell", {}),
    ),
    igref_modules=_all_but("quality", "hiding", "fill_comparison", "randomisation"),
)

ASSIGNMENTS: dict[str, Assignment] = {assignment.id: assignment for assignment in (PS1, PS2, PS3, PS4)}

TASKS: dict[str, Task] = {task.id: task for assignment in ASSIGNMENTS.values() for task in assignment.tasks}


def points_table() -> str:
    """The graded cells of every assignment and their points, as a Markdown table."""
    lines = ["| assignment | graded cell | what | points | graded |", "|---|---|---|---|---|"]
    for assignment in ASSIGNMENTS.values():
        for task in assignment.tasks:
            how = ", ".join(f"{name} {points:g}" for name, points in task.properties.items())
            how = f"automatically: {how}" if task.automatic else "by hand"
            lines.append(f"| {assignment.id} | `{task.id}` | {task.title} | {task.points:g} | {how} |")
        automatic = sum(task.points for task in assignment.tasks if task.automatic)
        lines.append(
            f"| **{assignment.id}** | | **{assignment.title}** | **{assignment.points:g}** "
            f"| {automatic:g} automatically, {assignment.points - automatic:g} by hand |"
        )
    return "\n".join(lines)
