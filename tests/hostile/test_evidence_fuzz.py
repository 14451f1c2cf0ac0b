"""Evidence that is nobody's: whatever the bytes are, they are read or refused, in bounded memory."""

import io
import json
import os
import tracemalloc
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.judge.answers import read_answers
from autograder.judge.probes.functions import integrated_gradients_probes
from autograder.student import evidence
from autograder.student.evidence import Evidence, EvidenceError
from autograder.student.record import AnswersRecord

IN_THE_SUITE = 0.015
SHARE = 1.0 if os.environ.get("HOSTILE") else IN_THE_SUITE
BYTES, RECORDS, ARRAYS = 10_000, 5_000, 5_000
"""Inputs that `make hostile` reads; the suite takes a share of them."""
MOST_MEMORY = 8 << 20
"""For inputs of 64 KiB at most."""
PROBES = integrated_gradients_probes(1)


def of(inputs: int) -> settings:
    return settings(max_examples=int(SHARE * inputs), deadline=None, suppress_health_check=list(HealthCheck))


def _valid() -> bytes:
    file = io.BytesIO()
    np.savez(file, **{"0": np.zeros((3, 4), np.float32), "1": np.arange(5), "a map": np.ones((2, 2), bool)})
    return file.getvalue()


VALID = _valid()
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
one_answer = st.fixed_dictionaries(
    {"status": st.sampled_from(["returned", "raised"])},
    optional={
        "type": st.sampled_from(["Tensor", "ndarray", "NoneType"]) | st.text(max_size=8),
        "shape": st.none() | st.lists(st.integers(-3, 9), max_size=4),
        "dtype": st.sampled_from(["float32", "float64", "int64"]) | st.text(max_size=8),
        "items": st.none() | st.integers(),
        "error": st.text(max_size=8),
        "message": st.text(max_size=8),
        "requires_grad": st.booleans() | values,
    },
)
records = st.fixed_dictionaries(
    {"task": st.text(max_size=20) | values, "answers": st.dictionaries(st.sampled_from("0123456789"), one_answer) | values},
    optional={"running": st.text(max_size=8) | values},
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A valid file with bytes changed, put in, taken out and repeated."""
    content = bytearray(VALID)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(content)))
        length = draw(st.integers(0, 40))
        how = draw(st.sampled_from(["change", "put in", "take out", "repeat", "break off"]))
        if how == "change":
            content[at : at + length] = draw(st.binary(min_size=length, max_size=length))
        elif how == "put in":
            content[at:at] = draw(st.binary(max_size=length))
        elif how == "take out":
            del content[at : at + length]
        elif how == "repeat":
            content[at:at] = content[at : at + length] * draw(st.integers(1, 100))
        else:
            del content[at:]
    return bytes(content)


@st.composite
def headed(draw: st.DrawFn) -> bytes:
    """A zip file whose one array has a header that may say anything."""
    shape = draw(st.lists(st.integers(-2, 2**62) | st.integers(0, 4), max_size=5).map(tuple) | values)
    dtype = draw(st.sampled_from(["<f4", "<f8", "|b1", "<i8", ">f8", "|O", "<c16", "<U9", "|V8", "(2,3)<f4"]) | values)
    header = draw(st.just(repr({"descr": dtype, "fortran_order": draw(st.booleans()), "shape": shape})) | st.text())
    head = header.encode("utf-8", "surrogatepass")[:60_000]
    version = draw(st.sampled_from([b"\x01\x00", b"\x02\x00", b"\x03\x00"]))
    array = b"\x93NUMPY" + version + len(head).to_bytes(2, "little") + head + draw(st.binary(max_size=100))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))) as archive:
        archive.writestr(draw(st.sampled_from(["0.npy", "0", "../0.npy", "/etc/x.npy", "a\nb.npy"])), array)
    return file.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("evidence")


def _read_or_refused(folder: Path, record: bytes, arrays: bytes) -> Evidence | None:
    (folder / "t.json").write_bytes(record)
    (folder / "t.npz").write_bytes(arrays)
    tracemalloc.start()
    try:
        return evidence.read(folder, "t")
    except EvidenceError as error:
        assert str(error).startswith(("the record of t", "the arrays of t"))
        return None
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < MOST_MEMORY


@of(BYTES)
@given(arrays=damaged() | headed() | st.binary(max_size=200))
def test_arrays_of_any_bytes_are_read_or_refused(folder, arrays):
    read = _read_or_refused(folder, b"{}", arrays)
    assert read is None or sum(array.nbytes for array in read.arrays.values()) <= len(arrays)


@of(RECORDS)
@given(
    record=st.binary(max_size=300) | records.map(lambda record: json.dumps(record).encode()) | st.text().map(str.encode)
)
def test_records_of_any_bytes_are_read_or_refused(folder, record):
    read = _read_or_refused(folder, record, VALID)
    assert read is None or isinstance(read.record, dict)


@of(ARRAYS)
@given(record=records)
def test_answers_of_any_form_are_read_or_refused(record):
    """What a record says of answers may be anything that JSON holds; each probe has an answer or a complaint."""
    arrays = {
        "0": np.zeros((3, 4)),
        "1": np.zeros(7, np.float32),
        "2": np.array(np.nan),
        "3": np.zeros((0, 5), np.int64),
    }
    try:
        typed = msgspec.convert(record, AnswersRecord)
    except (msgspec.ValidationError, OverflowError):  # what the judge catches as well
        return
    for answer in read_answers(Evidence(typed, arrays), PROBES):
        assert answer.complaint or answer.values is not None
