"""Make ``import torchvision`` work beside a CPU build of torch.

The torchvision wheel of the package index is compiled against CUDA builds of torch. Beside a CPU build its operators
do not load, and the import dies with "operator torchvision::nms does not exist", because torchvision describes the
output shapes of two operators that are not there. Declaring the two makes the import go through. They stay without an
implementation: boxes of detected objects need them, classification does not.

Whoever has imported igref can import torchvision, and what imports it, such as timm: a notebook that blurs with
``torchvision.transforms`` has not loaded a model first.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_MISSING = "operator torchvision::nms does not exist"

# A declaration lives exactly as long as the Library object that made it.
_declarations: list[Any] = []


def import_torchvision() -> ModuleType:
    """Import torchvision, whichever build of torch it meets, for who has not imported igref.

    Where torchvision's compiled operators load (matching CPU builds, CUDA, conda-forge), nothing is declared.

    Returns:
        The module ``torchvision``.

    Raises:
        RuntimeError: torchvision cannot be imported for another reason than the missing operators.

    Example:
        >>> import_torchvision().models.get_model("resnet18").fc.out_features
        1000
    """
    mend_when_imported()
    import torchvision

    return torchvision


def mend_when_imported() -> None:
    """From now on ``import torchvision`` declares the operators where they are missing. It is not imported for that."""
    if "torchvision" not in sys.modules and not any(isinstance(finder, _Mended) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Mended())


class _Mended(MetaPathFinder):
    """Finds torchvision as those after it do; where its import dies of the missing operators, it is done again with them."""

    def find_spec(self, fullname: str, path: object, target: ModuleType | None = None, /) -> ModuleSpec | None:
        if fullname != "torchvision":
            return None
        sys.meta_path.remove(self)
        try:
            spec = find_spec("torchvision")
        finally:
            sys.meta_path.insert(0, self)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def run_with_operators(module: ModuleType) -> None:
            try:
                run(module)
            except RuntimeError as error:
                if _MISSING not in str(error):
                    raise
                _declare()
                run(module)

        spec.loader.exec_module = run_with_operators  # type: ignore[method-assign]
        return spec


def _declare() -> None:
    import torch

    fragment = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        fragment.define(schema)
    _declarations.append(fragment)
