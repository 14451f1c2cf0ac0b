"""More than the limits allow, and no more than a machine bears.

`test_attack_corpus` lowers them to 1,500 MiB, 40 processes, 20 seconds.
"""

from __future__ import annotations

from autograder.course.demo import INTEGRATED
from tests.hostile.attacks.attack import FULL, Attack

LIMITS = tuple(
    Attack(name, group, tries, source + "\n" + INTEGRATED, deserved=FULL)
    for name, group, tries, source in (
        (
            "memory-children",
            "memory",
            "2 GB in forty pieces, each in a child",
            """
import os, time
for _ in range(25):
    if os.fork() == 0:
        hoard = bytearray(b"x" * (80 << 20)); time.sleep(8); os._exit(0)
time.sleep(5); print("WON")
""",
        ),
        (
            "memory-sockets",
            "memory",
            "memory that belongs to no process: what lies in the buffers of 1,500 pairs of sockets",
            """
import os, resource, socket, time
resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
for _ in range(4):
    if os.fork() == 0:
        pairs = [socket.socketpair() for _ in range(380)]
        time.sleep(6); os._exit(0)
time.sleep(4); print("WON")
""",
        ),
        (
            "memory-tables",
            "memory",
            "1.8 GB of page tables",
            """
import mmap
hoard = [mmap.mmap(-1, 8 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000) for _ in range(28)]
for area in hoard:
    for place in range(0, 8 << 30, 2 << 20): area[place]
import time; time.sleep(2); print("WON")
""",
        ),
        (
            "memory-scratch",
            "memory",
            "1.8 GB of files in folders that lie in memory",
            """
import os, time
for k in range(90):
    open(f"/dev/shm/{NAME}{k}" if k < 10 else f"/tmp/{NAME}{k}", "wb").write(bytes(20 << 20))
time.sleep(2); print("WON")
for k in range(90):
    path = f"/dev/shm/{NAME}{k}" if k < 10 else f"/tmp/{NAME}{k}"
    os.path.exists(path) and os.remove(path)
""",
        ),
        (
            "memory-files",
            "memory",
            "60,000 empty files, each of them memory of the system's",
            """
import os, time
os.makedirs("many", exist_ok=True)
for k in range(60_000): open(f"many/{k}", "w").close()
time.sleep(1); print("WON")
import shutil; shutil.rmtree("many")
""",
        ),
        (
            "memory-names",
            "memory",
            "memory files that have no name",
            """
import os, time
hoard = [os.memfd_create("x") for _ in range(40)]
for file in hoard: os.write(file, b"x" * (50 << 20))
time.sleep(2); print("WON")
""",
        ),
        (
            "threads",
            "processes and time",
            "900 threads",
            """
import threading, time
threading.stack_size(65536)
for _ in range(900): threading.Thread(target=time.sleep, args=(6,), daemon=True).start()
time.sleep(3); print("WON")
""",
        ),
        (
            "fork-tree",
            "processes and time",
            "a tree of 100 processes that leave their session",
            """
import os, time
for _ in range(10):
    if os.fork() == 0:
        os.setsid()
        for _ in range(9):
            if os.fork() == 0: time.sleep(6); os._exit(0)
        time.sleep(6); os._exit(0)
time.sleep(4); print("WON")
""",
        ),
        (
            "outlives",
            "processes and time",
            "a process that goes on after the notebook has been graded",
            """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    for file in range(3, 200):
        try: os.close(file)
        except OSError: pass
    time.sleep(14)
    open("{OUTSIDE}/{NAME}", "w").close()
    os._exit(0)
""",
        ),
        (
            "spins",
            "processes and time",
            "computes in six processes, while its own cell seems to sleep",
            """
import os, time
for _ in range(6):
    if os.fork() == 0:
        began = time.time()
        while time.time() - began < 70: pass
        os._exit(0)
time.sleep(65); print("WON")
""",
        ),
        (
            "sleeps",
            "processes and time",
            "sleeps for as long as it is let",
            """
import time
for _ in range(10): time.sleep(6)
time.sleep(60)
print("WON")
""",
        ),
        ("one-long-line", "output", "a line of 60 MB", "print('x' * (60 << 20))"),
        (
            "many-pictures",
            "output",
            "four hundred pictures",
            """
from IPython.display import Image, display
import base64
for _ in range(400): display(Image(base64.b64decode("iVBORw0KGgo=") + b"x" * 200_000, format="png"))
""",
        ),
        ("escapes", "output", "a megabyte of escape sequences that are none", "print('\\x1b[38mx' * 150_000)"),
        (
            "deep-output",
            "output",
            "output nested 20,000 deep",
            """
kernel = get_ipython().kernel
deep = []
for _ in range(20_000): deep = [deep]
content = {"data": {"text/plain": deep}, "metadata": {}}
try: kernel.session.send(kernel.iopub_socket, "display_data", content, parent=kernel.get_parent())
except RecursionError: pass
""",
        ),
        (
            "standard-error",
            "output",
            "40 MB on the process's own standard error, past the kernel",
            """
import os
for _ in range(40): os.write(2, b"x" * (1 << 20))
""",
        ),
    )
)
