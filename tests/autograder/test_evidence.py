"""Evidence: what is written comes back, and nothing else gets past the reader, whatever lies in its place."""

import contextlib
import io
import json
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st

from autograder.nbgrader_plugin import kept_evidence
from autograder.nbgrader_plugin.kept_evidence import KeptEvidenceError, digest, pack, unpack
from autograder.problem_sets import PROBLEM_SETS
from autograder.problem_sets.checking import Run
from autograder.student import evidence
from autograder.student.evidence import Evidence, EvidenceError

TASK = "ps1-task"
PS1 = PROBLEM_SETS["ps1-attribution"]
ARRAYS = {"map": np.random.default_rng(0).normal(size=(64, 64)), "black": np.zeros((64, 64)), "one": np.array(1.0)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    evidence.write(tmp_path, TASK, Evidence({"answers": {}}, {"first": np.arange(3.0)}))
    return tmp_path


def rejected(folder: Path) -> str:
    with pytest.raises(EvidenceError) as error:
        evidence.read(folder, TASK)
    return str(error.value)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=True)
    return file.getvalue()


def npy_with_header(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    text = header.encode("latin1") + b"\n"
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text + data


def write_members(folder: Path, *members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(folder / f"{TASK}.npz", "w", compression) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compression)


class TestWhatIsWrittenComesBack:
    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=10,
    )
    names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 ,._+()-]{0,40}", fullmatch=True).filter(lambda name: name != "file")
    arrays = np_st.arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_, np.float16, ">f8"]),
        np_st.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    )

    @given(st.dictionaries(st.text(), json_values, max_size=4), st.dictionaries(names, arrays, max_size=4))
    def test_for_any_record_and_numbers(self, tmp_path_factory, record, arrays):
        folder = tmp_path_factory.mktemp("evidence")
        evidence.write(folder, TASK, Evidence(record, arrays))
        read = evidence.read(folder, TASK)
        assert read.record == record
        assert read.arrays.keys() == arrays.keys()
        for name, array in arrays.items():
            assert read.arrays[name].dtype == array.dtype and read.arrays[name].shape == array.shape
            np.testing.assert_array_equal(read.arrays[name], array)

    def test_in_the_order_of_fortran(self, tmp_path):
        array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
        evidence.write(tmp_path, TASK, Evidence({}, {"map": array}))
        np.testing.assert_array_equal(evidence.read(tmp_path, TASK).arrays["map"], array)

    def test_the_last_one_where_it_is_written_twice(self, folder):
        evidence.write(folder, TASK, Evidence({"answers": {"second": 1}}, {"second": np.ones(2)}))
        read = evidence.read(folder, TASK)
        assert read.record == {"answers": {"second": 1}} and list(read.arrays) == ["second"]

    def test_without_anything_else_in_the_folder(self, folder):
        assert sorted(path.name for path in folder.iterdir()) == [f"{TASK}.json", f"{TASK}.npz"]


class TestHalfWrittenFiles:
    def test_leave_the_evidence_before_them_whole(self, folder):
        with pytest.raises(TypeError):
            evidence.write(folder, TASK, Evidence({"answers": object()}, {}))
        assert evidence.read(folder, TASK).record == {"answers": {}}
        assert not list(folder.glob("*.partial"))

    def test_are_not_read_when_the_process_dies_while_writing(self, tmp_path, monkeypatch):
        monkeypatch.setattr(Path, "replace", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            evidence.write(tmp_path, TASK, Evidence({}, {}))
        assert "there is no" in rejected(tmp_path)

    def test_of_arrays_only_are_not_vouched_for(self, folder):
        (folder / f"{TASK}.json").unlink()
        assert "there is no" in rejected(folder)

    @pytest.mark.parametrize("ending", [".json", ".npz"])
    @pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
    def test_cut_off_are_rejected(self, folder, ending, share):
        path = folder / f"{TASK}{ending}"
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        rejected(folder)

    def test_the_arrays_are_in_place_before_the_record(self, tmp_path, monkeypatch):
        order = []
        replace = Path.replace
        monkeypatch.setattr(Path, "replace", lambda path, to: (order.append(to.suffix), replace(path, to)))
        evidence.write(tmp_path, TASK, Evidence({}, {}))
        assert order == [".npz", ".json"]


@pytest.mark.parametrize("ending", [".json", ".npz"])
class TestSomethingElseInTheFilesPlace:
    def test_nothing(self, folder, ending):
        (folder / f"{TASK}{ending}").unlink()
        assert rejected(folder) == f"there is no {TASK}{ending}"

    def test_a_link_to_a_file_of_the_machine(self, folder, ending):
        path = folder / f"{TASK}{ending}"
        path.unlink()
        path.symlink_to("/etc/passwd")
        assert "cannot be opened" in rejected(folder)

    def test_a_link_to_real_evidence(self, folder, ending):
        path = folder / f"{TASK}{ending}"
        path.rename(folder / f"other{ending}")
        path.symlink_to(folder / f"other{ending}")
        assert "cannot be opened" in rejected(folder)

    def test_a_dangling_link(self, folder, ending):
        path = folder / f"{TASK}{ending}"
        path.unlink()
        path.symlink_to("nowhere")
        assert "cannot be opened" in rejected(folder)

    def test_a_pipe_that_nobody_writes_to(self, folder, ending):
        path = folder / f"{TASK}{ending}"
        path.unlink()
        os.mkfifo(path)
        assert "not a plain file" in rejected(folder)

    def test_a_pipe_that_is_held_open(self, folder, ending):
        path = folder / f"{TASK}{ending}"
        path.unlink()
        os.mkfifo(path)
        held = os.open(path, os.O_RDWR)
        try:
            assert "not a plain file" in rejected(folder)
        finally:
            os.close(held)

    def test_a_folder(self, folder, ending):
        path = folder / f"{TASK}{ending}"
        path.unlink()
        path.mkdir()
        assert "not a plain file" in rejected(folder)

    def test_a_device(self, folder, ending, monkeypatch):
        devices = folder / "devices"
        devices.mkdir()
        opened = os.open
        monkeypatch.setattr(os, "open", lambda path, flags: opened("/dev/zero", flags))
        assert "not a plain file" in rejected(folder)

    def test_a_file_that_is_too_large(self, folder, ending):
        limit = evidence.MAX_RECORD_BYTES if ending == ".json" else evidence.MAX_ARRAYS_BYTES
        with (folder / f"{TASK}{ending}").open("r+b") as file:
            file.truncate(limit + 1)
        assert f"at most {limit:,} bytes" in rejected(folder)


class TestRecords:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"points: 8",
            b"{",
            b"\xff\xfe\xfa",
            b"\x80abc",
            b'{"answers": 1} trailing',
            b"[" * 200_000,
            b'{"a":' * 200_000,
            b'{"points": ' + b"9" * 10_000 + b"}",
        ],
        ids=["empty", "yaml", "open", "utf16", "latin", "trailing", "lists", "dictionaries", "digits"],
    )
    def test_that_are_not_json_are_rejected(self, folder, content):
        (folder / f"{TASK}.json").write_bytes(content)
        assert "not JSON" in rejected(folder)

    @pytest.mark.parametrize("content", ["[]", '"full marks"', "8", "null", "true", "NaN"])
    def test_of_another_type_are_rejected(self, folder, content):
        (folder / f"{TASK}.json").write_text(content)
        assert "expected a dictionary" in rejected(folder)


class TestArrays:
    @pytest.mark.parametrize(
        "content", [b"", b"PK", b"not a zip", npy(np.arange(3.0))], ids=["empty", "PK", "text", "npy"]
    )
    def test_outside_a_zip_are_rejected(self, folder, content):
        (folder / f"{TASK}.npz").write_bytes(content)
        assert "cannot be read" in rejected(folder)

    @pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_that_are_compressed_are_rejected(self, folder, compression):
        write_members(
            folder,
            ("map.npy", npy(np.frombuffer(np.random.default_rng(0).bytes(8000), np.uint8))),
            compression=compression,
        )
        assert "expected them stored" in rejected(folder)

    @pytest.mark.parametrize(
        "array",
        [
            np.array([{"points": 8}], dtype=object),
            np.array(["full", "marks"]),
            np.array([b"full"]),
            np.array([1 + 2j]),
            np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
            np.array(["2020-01-01"], dtype="datetime64[D]"),
            np.array([1], dtype="timedelta64[s]"),
            np.zeros(2, dtype="V4"),
            np.zeros(2, dtype=np.longdouble),
        ],
        ids=lambda array: array.dtype.name,
    )
    def test_of_anything_but_plain_numbers_are_rejected(self, folder, array):
        write_members(folder, ("map.npy", npy(array)))
        assert "cannot be read" in rejected(folder)

    def test_that_are_pickles_are_never_unpickled(self, folder, tmp_path):
        class Attack:
            def __reduce__(self):
                return (Path.touch, (tmp_path / "executed",))

        write_members(folder, ("map.npy", npy(np.array([Attack()], dtype=object))))
        rejected(folder)
        assert not (tmp_path / "executed").exists()

    @pytest.mark.parametrize(
        "shape",
        [
            "(10**12,)",
            "(1000000000000,)",
            "(99999999999, 99999999999)",
            "(-1,)",
            "(-4, -1)",
            "(4.0,)",
            "4",
            "('4',)",
            "[4]",
        ],
    )
    def test_with_a_shape_that_is_not_theirs_are_rejected(self, folder, shape):
        header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}"
        write_members(folder, ("map.npy", npy_with_header(header, bytes(32))))
        rejected(folder)

    @pytest.mark.parametrize("data", [b"", bytes(31), bytes(33)], ids=len)
    def test_with_less_or_more_data_than_declared_are_rejected(self, folder, data):
        header = "{'descr': '<f8', 'fortran_order': False, 'shape': (4,)}"
        write_members(folder, ("map.npy", npy_with_header(header, data)))
        assert "cannot be read" in rejected(folder)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\x93NUMPY",
            b"\x93NUMPZ\x01\x00" + bytes(100),
            npy_with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (0,)}", version=(2, 0)),
            npy_with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (0,)}", version=(9, 9)),
            npy_with_header("__import__('os').abort()"),
            npy_with_header("{'descr': '<f8', 'shape': (0,)}"),
            npy_with_header("{'descr': 'nonsense', 'fortran_order': False, 'shape': (0,)}"),
            npy_with_header("{'descr': '|O', 'fortran_order': False, 'shape': (0,)}"),
            npy_with_header(
                "{'descr': '<f8', 'fortran_order': False, 'shape': (0,), 'x': " + "[" * 900 + "]" * 900 + "}"
            ),
            npy_with_header(" " * 60_000),
            npy_with_header("("),
            npy_with_header("{[]: 1}"),
            npy_with_header("{'descr': ('<f8',), 'fortran_order': False, 'shape': (0,)}"),
            npy_with_header("-" * 3000 + "1"),
        ],
        ids=[
            "empty",
            "magic",
            "other magic",
            "2.0",
            "9.9",
            "code",
            "key",
            "descr",
            "object",
            "nested",
            "long",
            "open",
            "key",
            "tuple",
            "minus",
        ],
    )
    def test_with_a_header_of_another_kind_are_rejected(self, folder, content):
        write_members(folder, ("map.npy", content))
        assert "cannot be read" in rejected(folder)

    @pytest.mark.parametrize(
        "name", ["../map", "/map", "a/b", "a\\b", ".hidden", "", "map\n", "x" * 200, "é", "..", "map\x00"]
    )
    def test_under_names_that_are_not_names_are_rejected(self, folder, name):
        write_members(folder, (f"{name}.npy", npy(np.zeros(2))))
        if "\x00" not in name:  # zipfile itself ends a name there
            assert "cannot be read" in rejected(folder)
        assert not list(folder.parent.glob("map*"))

    def test_too_many_of_them_are_rejected(self, folder, monkeypatch):
        monkeypatch.setattr(evidence, "MAX_ARRAYS", 10)
        write_members(folder, *((f"{i}.npy", npy(np.zeros(1))) for i in range(11)))
        assert "expected at most 10" in rejected(folder)

    def test_a_large_archive_of_small_arrays_is_within_the_limit_of_files(self):
        assert evidence.MAX_ARRAYS <= 10_000 and evidence.MAX_ARRAYS_BYTES <= 2**30


def directory_entry(content: bytes, entry: int, field: str, offset: int, value: int) -> bytes:
    """The archive with a field of one central directory entry overwritten."""
    at = -1
    for _ in range(entry + 1):
        at = content.index(b"PK\x01\x02", at + 1)
    changed = bytearray(content)
    struct.pack_into(field, changed, at + offset, value)
    return bytes(changed)


class TestZipFilesThatLie:
    def test_a_member_said_to_be_larger_than_the_file_is_rejected(self, folder):
        path = folder / f"{TASK}.npz"
        for offset in (20, 24):  # compressed and uncompressed size
            path.write_bytes(directory_entry(path.read_bytes(), 0, "<I", offset, 2**31 - 1))
        rejected(folder)

    def test_an_encrypted_member_is_rejected(self, folder):
        path = folder / f"{TASK}.npz"
        path.write_bytes(directory_entry(path.read_bytes(), 0, "<H", 8, 1))
        rejected(folder)

    def test_a_member_of_a_later_zip_version_is_rejected(self, folder):
        path = folder / f"{TASK}.npz"
        path.write_bytes(directory_entry(path.read_bytes(), 0, "<H", 6, 99))
        rejected(folder)

    def test_a_member_with_a_wrong_checksum_is_rejected(self, folder):
        path = folder / f"{TASK}.npz"
        path.write_bytes(directory_entry(path.read_bytes(), 0, "<I", 16, 12345))
        rejected(folder)

    def test_members_that_share_their_bytes_are_rejected(self, tmp_path):
        """A bomb of stored members: each of many entries points at the same large array."""
        content = npy(np.zeros(2**17))
        entries = 200
        evidence.write(tmp_path, TASK, Evidence({}))
        with zipfile.ZipFile(tmp_path / f"{TASK}.npz", "w") as archive:
            archive.writestr("a.npy", content)
            first = archive.infolist()[0]
            archive.filelist.extend(first for _ in range(entries - 1))
            archive._didModify = True
        assert (tmp_path / f"{TASK}.npz").stat().st_size < 2 * len(content)
        rejected(tmp_path)

    @given(st.data())
    def test_any_damage_is_read_or_rejected_but_nothing_else(self, tmp_path_factory, data):
        folder = tmp_path_factory.mktemp("evidence")
        evidence.write(folder, TASK, Evidence({"answers": {}}, {"a": np.arange(4.0), "b": np.ones((2, 2), np.float32)}))
        path = folder / f"{TASK}.npz"
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        with contextlib.suppress(EvidenceError):
            evidence.read(folder, TASK)


def test_the_records_of_other_tasks_are_not_touched(folder):
    evidence.write(folder, "other", Evidence({"other": True}))
    assert evidence.read(folder, TASK).record == {"answers": {}}
    assert json.loads((folder / "other.json").read_text()) == {"other": True}


class TestEvidenceThatIsKept:
    """Beside a record, as one file."""

    def test_comes_back_with_numbers_compressed_where_that_is_worthwhile(self):
        run = Run(7, evidence={PS1.tasks[0].id: Evidence({"answers": {}}, ARRAYS)}, ended="out_of_time")
        content = pack(run)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            stored = {one.filename.split("/")[-1]: one.compress_type for one in archive.infolist()}
        assert (stored["map.npy"], stored["black.npy"]) == (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        self.is_the_run(unpack(content, digest(content)), run)

    def test_comes_back_as_earlier_kits_kept_it(self, folder):
        run = Run(7, evidence={PS1.tasks[0].id: Evidence({"answers": {}}, ARRAYS)}, ended="out_of_time")
        evidence.write(folder, PS1.tasks[0].id, run.evidence[PS1.tasks[0].id])
        about = {"seed": 7, "ended": run.ended, "tasks": [*run.evidence], "damaged": {}, "errors": {}}
        about |= {"detail": "", "seconds": 0.0, "cpu_seconds": 0.0}
        with zipfile.ZipFile(content := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("run.json", json.dumps(about))
            for suffix in ("json", "npz"):
                archive.write(folder / f"{PS1.tasks[0].id}.{suffix}", f"{PS1.tasks[0].id}.{suffix}")
        self.is_the_run(unpack(content.getvalue(), digest(content.getvalue())), run)

    def test_of_more_bytes_than_a_task_may_have_is_refused(self, monkeypatch):
        content = pack(Run(7, evidence={PS1.tasks[0].id: Evidence({"answers": {}}, ARRAYS)}))
        monkeypatch.setattr(kept_evidence, "MAX_ARRAYS_BYTES", 2**16)
        with pytest.raises(KeptEvidenceError, match="larger than 65,536 bytes"):
            unpack(content, digest(content))

    @staticmethod
    def is_the_run(found: Run, run: Run) -> None:
        assert (found.seed, found.ended, found.evidence.keys()) == (run.seed, run.ended, run.evidence.keys())
        for task, one in run.evidence.items():
            assert found.evidence[task].record == one.record and found.evidence[task].arrays.keys() == one.arrays.keys()
            for name, values in one.arrays.items():
                np.testing.assert_array_equal(found.evidence[task].arrays[name], values)
