"""Make ``import torchvision`` work beside a CPU build of torch.

The torchvision wheel of the package index is compiled against CUDA builds of torch. Beside a CPU build its operators
do not load, and the import dies with "operator torchvision::nms does not exist", because torchvision describes the
output shapes of two operators that are not there. Declaring the two makes the import go through. They stay without an
implementation: boxes of detected objects need them, classification does not.
"""

from types import ModuleType

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# A declaration lives exactly as long as the Library object that made it.
_declarations: list[torch.library.Library] = []


def import_torchvision() -> ModuleType:
    """Import torchvision, whichever build of torch it meets. Call it before ``import timm``, which imports torchvision.

    Where torchvision's compiled operators load (matching CPU builds, CUDA, conda-forge), nothing is declared.

    Returns:
        The module ``torchvision``.

    Raises:
        RuntimeError: torchvision cannot be imported for another reason than the missing operators.

    Example:
        >>> import_torchvision().models.get_model("resnet18").fc.out_features
        1000
    """
    try:
        import torchvision
    except RuntimeError as error:
        if _declarations or "operator torchvision::nms does not exist" not in str(error):
            raise
        fragment = torch.library.Library("torchvision", "FRAGMENT")
        for schema in _SCHEMAS:
            fragment.define(schema)
        _declarations.append(fragment)
        import torchvision
    return torchvision
