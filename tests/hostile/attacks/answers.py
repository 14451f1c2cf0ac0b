"""How a process ends, and answers that are odd."""

from __future__ import annotations

from autograder.course.demo import INTEGRATED
from tests.hostile.attacks.attack import Attack, attack

ENDS = tuple(
    attack("ends", f"ends-{name}", tries, source, INTEGRATED)
    for name, tries, source in (
        ("exit", "ends its process", "import os; os._exit(0)"),
        ("signal", "kills its process", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
        ("all", "kills every process that it may", "import os, signal\nif '{COURSE}': os.kill(1, 0)\nos._exit(1)"),
        ("shutdown", "asks its own kernel to end", "get_ipython().kernel.do_shutdown(False)\nimport os; os._exit(0)"),
        (
            "stack",
            "uses up the stack",
            "import sys; sys.setrecursionlimit(10**8)\ndef deeper(): return deeper()\ndeeper()",
        ),
        ("system-exit", "leaves by SystemExit", "raise SystemExit(0)"),
        ("abort", "aborts", "import os; os.abort()"),
    )
)

ODD = tuple(
    Attack(f"odd-{name}", "odd answers", tries, source)
    for name, tries, source in (
        ("huge", "an answer of 4 GB", "def integrated_gradients(*a): return torch.zeros(1).expand(1 << 30)\n"),
        ("nan", "NaN for an answer", "def integrated_gradients(f, x, *a): return x * float('nan')\n"),
        (
            "lies",
            "an object that says that it is a tensor",
            """
class Lies:
    __class__ = torch.Tensor
    def __getattr__(self, name): return self
    def __call__(self, *arguments, **named): return self
    def __iter__(self): return iter(lambda: 0, 1)
    def __len__(self): return 1 << 40
def integrated_gradients(*a): return Lies()
""",
        ),
        (
            "array",
            "an object whose conversion never ends",
            """
class Endless:
    def __array__(self, *arguments, **named):
        while True: pass
def integrated_gradients(*a): return Endless()
""",
        ),
        ("complex", "complex numbers", "def integrated_gradients(f, x, *a): return x * 1j\n"),
        ("sparse", "a sparse tensor", "def integrated_gradients(f, x, *a): return x.to_sparse()\n"),
        (
            "message",
            "an error whose text is a megabyte of markup",
            """
def integrated_gradients(*a): raise ValueError("<script>hostile()</script>[red]\\x1b[2J" * 30_000)
""",
        ),
        (
            "writes-back",
            "writes what it likes into the question",
            """
def integrated_gradients(forward, x, baseline, target, n_steps):
    x.zero_(); baseline.fill_(1); forward.shape = (1,)
    return x
""",
        ),
    )
)
