"""Weights and programs as a page can hold them: compressed, and as bytes that stand in a page's text as they are.

All bits of the weights are kept. In half precision the weights would take half the bytes, and maps of the kit's photos would move
by 10 to 17 % (Euclidean distance, ten steps from black, four photos); with 16 bits of mantissa in place of 23, still by 1 to 3 %.
"""

import functools
import gzip
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.external_data_helper import set_external_data

LEAST_SIZE = 64  # smaller constants stay in the graph
WEIGHTS = "weights"  # the name by which the graph asks for its weights

# In windows-1252 each byte is one character, so a page in it can hold bytes: but for those that HTML reads in another way,
# and for the one that marks them, which is itself none of the others.
CHARSET = "windows-1252"
MARK = ord("=")
SHIFT = 64
MARKED = b"\0\r<="


def split(graph: onnx.ModelProto) -> tuple[bytes, np.ndarray]:
    """The graph without its weights, and the weights in a row, float32."""
    weights, offset = [], 0
    stripped = onnx.ModelProto()
    stripped.CopyFrom(graph)
    for constant in stripped.graph.initializer:
        values = numpy_helper.to_array(constant)
        if constant.data_type != TensorProto.FLOAT or values.size < LEAST_SIZE:
            continue
        weights.append(values.ravel())
        set_external_data(constant, WEIGHTS, offset=offset, length=values.nbytes)
        constant.data_location = TensorProto.EXTERNAL
        constant.ClearField("raw_data")
        offset += values.nbytes
    return stripped.SerializeToString(), np.concatenate(weights)


def planes(weights: np.ndarray) -> bytes:
    """First the lowest byte of every weight, then the next, and so on; the sign comes last, so that exponents stand together."""
    bits = weights.view(np.uint32)
    turned = (bits << 1) | (bits >> 31)
    return np.ascontiguousarray(turned.view(np.uint8).reshape(-1, 4).T).tobytes()


@functools.lru_cache(maxsize=1)
def file_in_page(file: Path) -> bytes:
    """A file as `in_page` has it; of several pages, the same runtime is compressed once."""
    return in_page(file.read_bytes())


def in_page(data: bytes) -> bytes:
    """gzip, then what a script element of a page in `CHARSET` holds without a change; `bytesOf` in numbers.js is the way back."""
    packed = np.frombuffer(gzip.compress(data, 9, mtime=0), dtype=np.uint8)
    marked = np.isin(packed, list(MARKED))
    made = np.where(marked, packed + SHIFT, packed).astype(np.uint8)
    return np.insert(made, np.flatnonzero(marked), MARK).tobytes()
