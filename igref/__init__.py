"""Integrated Gradients, the reference: attributions, their axioms, their convergence and their quality.

Start with `igref.integrated_gradients`. Names load when they are first used, so `import igref` is quick. Which names there are,
and where each comes from, is said once, in `__init__.pyi`, which type checkers and editors read as well.
"""

import ast
from pathlib import Path
from pkgutil import iter_modules

import lazy_loader

from igref import torchvision_import

_load, _, _ = lazy_loader.attach_stub(__name__, __file__)
_MODULE_OF = {
    name.name: line.module or name.name
    for line in ast.parse(Path(__file__).with_suffix(".pyi").read_text("utf-8")).body
    if isinstance(line, ast.ImportFrom)
    for name in line.names
}
_MODULES_HERE = {module.name for module in iter_modules(__path__)}

__all__ = sorted(name for name, module in _MODULE_OF.items() if name != module and module in _MODULES_HERE)

torchvision_import.mend_when_imported()


def __getattr__(name: str):
    """Load a public name, or a module, when it is first used (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"igref has no {name!r}. Its names: {', '.join(__all__)}.")
    try:
        return _load(name)
    except ModuleNotFoundError as missing:
        if not (missing.name or "").startswith("igref."):
            raise
        withheld = ".".join(missing.name.split(".")[:2])
        raise ImportError(
            f"{withheld} is withheld here: it holds what this assignment asks you to write. "
            f"igref.{name} is not available without it."
        ) from None


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES_HERE})
