"""igref is built in layers: what imports what, read from the code, imports inside functions included."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import igref

FOLDER = Path(igref.__file__).parent

# Each may import what stands before it, and itself where it is a folder.
ORDER = (
    "types",
    "progress",
    "memory",
    "forward",
    "arguments",
    "images",
    "blur",
    "torchvision_import",
    "models",
    "transforms",
    "attribution",
    "axioms",
    "baselines",
    "steps",
    "quality",
    "plots",
    "counterexamples",
    "doctor",
)
THE_COURSE = ("autograder", "corpus", "lecture", "solutions", "tests")
NOTEBOOKS = (
    "IPython",
    "ipykernel",
    "jupyter_client",
    "jupyter_core",
    "jupyterlab",
    "nbclient",
    "nbconvert",
    "nbformat",
    "nbgrader",
)
EXPECTED = {"doctor": {"jupyter_client"}}  # it says whether Jupyter finds a kernel


def imports(file: Path) -> set[str]:
    """Every module that a file imports; of igref's own as the module or the name in it, `igref.models.files.fit_weights`."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: igref is imported by its whole name"
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def module(file: Path) -> str:
    """The whole name of the module in a file, `igref.models` for `igref/models/__init__.py`."""
    return ".".join(("igref", *file.relative_to(FOLDER).with_suffix("").parts)).removesuffix(".__init__")


FILES = {
    module(file): file for file in sorted(FOLDER.rglob("*.py")) if file.parent != FOLDER or file.name != "__init__.py"
}


def own(name: str) -> str | None:
    """The module of igref that an imported name is, or comes from; None for those of other packages."""
    while name and name not in FILES:
        name = name.rpartition(".")[0]
    return name or None


def test_every_module_has_its_place_in_the_order():
    assert {name.split(".")[1] for name in FILES} == set(ORDER)


def test_no_import_climbs():
    for name, file in FILES.items():
        place = ORDER.index(name.split(".")[1])
        for imported in filter(None, map(own, imports(file))):
            assert ORDER.index(imported.split(".")[1]) <= place, f"{name} imports {imported}"


def test_no_import_runs_in_a_circle():
    tuple(TopologicalSorter({name: {*map(own, imports(file))} - {None} for name, file in FILES.items()}).static_order())


def test_igref_knows_nothing_of_the_course_nor_of_notebooks():
    for name, file in FILES.items():
        tops = {imported.split(".")[0] for imported in imports(file)}
        assert tops & {*THE_COURSE, *NOTEBOOKS} == EXPECTED.get(name.split(".")[1], set()), name
