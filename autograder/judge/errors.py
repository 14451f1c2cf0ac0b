"""What the errors mean that torch raises in most students' notebooks, and what to do about each."""

from __future__ import annotations

import re

EXPLANATIONS = (
    (
        r"'float' object has no attribute|'int' object has no attribute 'backward'|'float' object is not iterable",
        "The score is a plain number, of which torch knows no gradient. Use no .item() and no float() on the score: "
        "forward(batch)[0, target] is a tensor that can be differentiated.",
    ),
    (
        r"'tuple' object has no attribute|unsupported operand type\(s\) for \S+ 'tuple'|'Tensor' and 'tuple'",
        "Something is a tuple. torch.autograd.grad returns one gradient for each input, in a tuple: take the first, "
        "torch.autograd.grad(score, point)[0].",
    ),
    (
        r"'int' object has no attribute",
        "target and n_steps are plain whole numbers, without a tensor's methods: write target in place of target.item().",
    ),
    (
        r"gather\(\).*argument|index_select\(\).*argument",
        "gather and index_select take their indices as a tensor, and target is a plain whole number: forward(batch)[:, target].",
    ),
    (
        r"Only Tensors of floating point and complex dtype can require gradients|only Tensors of floating point dtype can require",
        "Whole numbers have no gradient: make the point from x in floating point, x.clone(), or convert it with .float().",
    ),
    (
        r"not compiled with CUDA|No CUDA GPUs|Found no NVIDIA driver|CUDA driver",
        "There is no GPU where this is graded. Leave x on its device; for a new tensor use device=x.device.",
    ),
    (
        r"NameError: name '(\w+)' is not defined",
        "The function uses a name that is neither an argument nor defined in the notebook above it. The score is what the argument "
        "forward returns, whatever network that is; other names have to be defined in the function or before it is called.",
    ),
    (
        r"does not require grad and does not have a grad_fn|does not require grad$",
        "Nothing that was differentiated depends on an input with requires_grad. Call requires_grad_() on the input before "
        "forward, and use no detach(), no .numpy() and no torch.no_grad() after it.",
    ),
    (
        r"grad can be implicitly created only for scalar outputs",
        "Only one number can be differentiated at a time. Take the score of the target: forward(batch)[0, target], or the "
        "sum of [:, target] over a batch.",
    ),
    (
        r"leaf Variable that requires grad is being used in an in-place operation",
        "A tensor that requires a gradient cannot be changed in place. Write p = p + step instead of p += step, or make "
        "the point first and call requires_grad_() on it afterwards.",
    ),
    (
        r"NoneType' object (is not subscriptable|has no attribute)|unsupported operand type.*NoneType",
        "Something is None. A tensor's .grad is None if the tensor is not a leaf, as after x.requires_grad_().unsqueeze(0), or if "
        "backward() was not called; so is the result of a function without a return statement. Make the batch first, then call "
        "requires_grad_() on it, or use torch.autograd.grad, which returns the gradient.",
    ),
    (
        r"size of tensor a \(\d+\) must match the size of tensor b",
        "Two tensors do not fit together. The points of the path need an axis of their own in front of those of x: "
        "alphas.view(-1, *[1] * x.dim()) times (x - baseline) gives (n_steps, *shape).",
    ),
    (
        r"modified by an inplace operation",
        "A tensor was changed in place after it had been used. Make a new one: p = p + step instead of p += step.",
    ),
    (
        r"Can't call numpy\(\) on Tensor that requires grad",
        "Detach a tensor before you convert it to an array: tensor.detach().numpy().",
    ),
    (
        r"appears to not have been used in the graph",
        "The score does not depend on the tensor with respect to which it was differentiated. Pass forward the same tensor that "
        "you pass to torch.autograd.grad, not a copy of it.",
    ),
    (
        r"backward through the graph a second time",
        "The graph of a forward pass is freed once it has been differentiated. Call forward again for each point.",
    ),
    (
        r"shape \(B, ([\d, ]+)\), got \(\d+, \d+, \1\)|input of size: \[(\d+, ){4}\d+\]",
        "There is one batch dimension too many: forward takes (B, *shape). If x[None] has already made a batch, pass it as it is.",
    ),
    (
        r"index \S+ is out of bounds|too many indices for tensor",
        "forward takes a batch (B, *shape) and returns scores (B, K). Check that the input has its batch dimension, x[None], "
        "and that the target is the second index: [0, target].",
    ),
    (
        r"forward expects a batch of shape|mat1 and mat2 shapes cannot be multiplied|"
        r"expected 3D \(unbatched\) or 4D|Expected \S+ to have|einsum\(\)",
        "The input does not have the shape that forward takes: a batch (B, *shape). x[None] turns one x into a batch of one.",
    ),
)
"""Parts of torch's messages, and the cause and the cure in a student's words. The first that fits counts."""


def explained(complaint: str) -> str:
    """What an error in a student's function means and what to do; empty where it is none of those that are known.

    >>> explained("it raised RuntimeError: grad can be implicitly created only for scalar outputs")[:48]
    'Only one number can be differentiated at a time.'
    """
    return next((text for pattern, text in EXPLANATIONS if re.search(pattern, complaint)), "")
