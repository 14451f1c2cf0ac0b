"""The network, and the machine's kernel."""

from __future__ import annotations

from tests.hostile.attacks.attack import attack

NETWORK = tuple(
    attack("network", f"network-{name}", tries, "import socket\n" + source)
    for name, tries, source in (
        (
            "tcp",
            "connects to a server on the machine that grades",
            """
try:
    with socket.create_connection(("127.0.0.1", {PORT}), timeout=3) as other: other.sendall(b"{NAME}"); print("WON")
except OSError: pass
""",
        ),
        (
            "abstract",
            "connects to a socket that has no file",
            """
try:
    other = socket.socket(socket.AF_UNIX); other.settimeout(3); other.connect("\\0{OUTSIDE}"); print("WON")
except OSError: pass
""",
        ),
        (
            "file",
            "connects to a socket that is a file, as a container's daemon has one",
            """
try:
    other = socket.socket(socket.AF_UNIX); other.settimeout(3); other.connect("{OUTSIDE}/socket"); print("WON")
except OSError: pass
""",
        ),
        (
            "listens",
            "listens where others can reach it",
            """
try:
    listening = socket.create_server(("0.0.0.0", 0))
    names = [name for _, name in socket.if_nameindex()]
    if names != ["lo"]: print("WON")
except OSError: pass
""",
        ),
    )
)

MACHINE = tuple(
    attack(
        "the machine's kernel",
        f"kernel-{name}",
        tries,
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n" + source,
    )
    for name, tries, source in (
        (
            "proc",
            "opens what tunes the machine for writing: /proc/sys, /proc/sysrq-trigger",
            """
import pathlib
for path in ["/proc/sysrq-trigger", *map(str, pathlib.Path("/proc/sys").rglob("*"))]:
    try: os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK)); print("WON", path); break
    except OSError: pass
""",
        ),
        (
            "sys",
            "opens a file under /sys for writing",
            """
won = 0
for folder, _, files in os.walk("/sys"):
    for name in files if not won else ():
        try: os.close(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_NONBLOCK)); won = 1; print("WON")
        except OSError: pass
""",
        ),
        (
            "namespaces",
            "makes namespaces of its own, in which it is root",
            """
import subprocess
done = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"], capture_output=True)
if done.returncode == 0: print("WON")
""",
        ),
        (
            "mount",
            "mounts over a folder",
            """
if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0: libc.umount(b"/tmp"); print("WON")
""",
        ),
        (
            "ptrace",
            "traces another process",
            """
import signal, subprocess
child = subprocess.Popen(["sleep", "20"])
if libc.ptrace(16, child.pid, 0, 0) == 0: print("WON")
child.kill()
""",
        ),
        (
            "grader",
            "finds the grader's process, which it could signal",
            """
import pathlib
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    try: words = path.read_text(errors="replace")
    except OSError: continue
    if "nbgrader" in words or "dask" in words or "tests.hostile" in words: print("WON"); break
""",
        ),
        (
            "keys",
            "uses the kernel's keyring, bpf and io_uring",
            """
tried = {"add_key": 248, "bpf": 321, "io_uring_setup": 425, "perf_event_open": 298}
if os.uname().machine == "x86_64" and libc.syscall(248, b"user", b"x", b"y", 1, -3) > 0: print("WON")
""",
        ),
    )
)
