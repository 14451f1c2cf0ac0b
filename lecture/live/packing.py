"""Weights as a page can hold them: apart from the graph, alike bytes side by side, compressed.

All bits are kept. In half precision the weights would take half the bytes, and maps of the kit's photos would move by 10 to 17 %
(Euclidean distance, ten steps from black, four photos); with 16 bits of mantissa in place of 23, still by 1 to 3 %.
"""

import gzip
from base64 import b64encode

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.external_data_helper import set_external_data

LEAST_SIZE = 64  # smaller constants stay in the graph
WEIGHTS = "weights"  # the name by which the graph asks for its weights


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


def weights_text(weights: np.ndarray) -> str:
    """First the lowest byte of every weight, then the next, and so on; then as `text`."""
    return text(np.ascontiguousarray(weights.view(np.uint8).reshape(-1, 4).T).tobytes())


def text(data: bytes) -> str:
    """gzip, then base64: what a page holds and unpacks by itself."""
    return b64encode(gzip.compress(data, 9, mtime=0)).decode("ascii")
