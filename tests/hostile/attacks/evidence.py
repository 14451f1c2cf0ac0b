"""Evidence: what this grader reads of a process."""

from __future__ import annotations

from tests.autograder.hostile import UNDONE
from tests.hostile.attacks.attack import Attack

EVIDENCE = """
import io, json, os, zipfile
import numpy as np
import autograder.student.submit
honest = autograder.student.submit.submit
place = os.path.join(os.environ.get("AUTOGRADER_EVIDENCE", "."), "ps1-integrated-gradients")
answers = {str(n): {"status": "returned", "type": "Tensor", "shape": [7], "dtype": "float32"} for n in range(40)}
record = {"task": "ps1-integrated-gradients", "answers": answers}
def forge(): pass
def submit(task, *arguments, **study):
    if task != "ps1-integrated-gradients": return honest(task, *arguments, **study)
    forge()
autograder.student.submit.submit = submit
def plain(content=b""):
    json.dump(record, open(place + ".json", "w"))
    open(place + ".npz", "wb").write(content)
def arrays(**values):
    file = io.BytesIO(); np.savez(file, **values); return file.getvalue()
def member(header, data=b"", name="0.npy"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, b"\\x93NUMPY\\x01\\x00" + len(header).to_bytes(2, "little") + header.encode() + data)
    return file.getvalue()
"""
FORGERIES = tuple(
    Attack(f"evidence-{name}", "evidence", tries, f"{EVIDENCE}\ndef forge():\n{body}\n{UNDONE}")
    for name, tries, body in (
        ("verdict", "a record that says what it is worth",
         "    record.update(points=8, holds=True, findings=[], max_points=8, seed=0); plain(arrays(points=np.array(8.0)))"),
        ("zeros", "zeros for every answer", "    plain(arrays(**{str(n): np.zeros(7, np.float32) for n in range(40)}))"),
        ("not-numbers", "NaN and infinity for every answer",
         "    plain(arrays(**{str(n): np.full(7, np.nan) for n in range(40)}))"),
        ("terabyte", "an array of a terabyte in its header alone",
         "    plain(member(\"{'descr': '<f8', 'fortran_order': False, 'shape': (137438953472,), }\"))"),
        ("bomb", "a zip bomb", """    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive: archive.writestr("0.npy", bytes(200 << 20))
    plain(file.getvalue())"""),
        ("path", "names of arrays that lead out of the folder",
         "    plain(member(\"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }\", bytes(8), '../../../../tmp/x.npy'))"),
        ("pickle", "a pickle that runs a command when it is read", """    class Runs:
        def __reduce__(self): return (os.system, ("touch {OUTSIDE}/{NAME}",))
    file = io.BytesIO(); np.save(file, np.array([Runs()], dtype=object), allow_pickle=True)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive: archive.writestr("0.npy", file.getvalue())
    plain(out.getvalue())"""),
        ("link", "links in place of its files", """    plain()
    for end in (".json", ".npz"): os.remove(place + end); os.symlink("/etc/passwd", place + end)"""),
        ("pipe", "pipes in place of its files, which block whoever reads", """    for end in (".json", ".npz"):
        if os.path.exists(place + end): os.remove(place + end)
        os.mkfifo(place + end)"""),
        ("depth", "JSON nested 100,000 deep", """    plain()
    open(place + ".json", "w").write("[" * 100_000)"""),
        ("digits", "an integer of a million digits", """    plain()
    open(place + ".json", "w").write('{"answers": ' + "9" * 1_000_000 + "}")"""),
        ("changing", "files that a thread keeps changing", """    import threading, time
    def change():
        while True:
            plain(arrays(**{str(n): np.full(7, time.time()) for n in range(40)}))
    threading.Thread(target=change, daemon=True).start(); time.sleep(0.5)"""),
        ("another-task", "this task's evidence under the names of all others", """    plain()
    for name in ("ps1-photo", "ps1-input-gradient", "ps1-discussion"):
        for end in (".json", ".npz"):
            if name != "ps1-input-gradient": open(place.replace("ps1-integrated-gradients", name) + end, "wb").write(b"{}")"""),
        ("many", "nine hundred megabytes of files", """
    for n in range(90): open(place + str(n), "wb").write(bytes(10 << 20))"""),
    )
)  # fmt: skip
