"""Tampering with the tests, which run in the student's own process, and messages in the kernel's name."""

from __future__ import annotations

from tests.autograder.hostile import UNDONE
from tests.hostile.attacks.attack import attack

TAMPERS = tuple(
    attack("tampering with tests", f"tampers-{name}", tries, source, work)
    for name, tries, source, work in (
        (
            "equal",
            "gives back an object that equals everything",
            """
class Always(float):
    def __eq__(self, other): return True
    def __bool__(self): return True
    __lt__ = __le__ = __gt__ = __ge__ = __ne__ = __eq__
    __hash__ = float.__hash__
    def __getattr__(self, name): return lambda *arguments, **named: Always(0)
    def __sub__(self, other): return Always(0)
    __rsub__ = __add__ = __mul__ = __abs__ = __sub__
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), named=None): return True
""",
            "def integrated_gradients(*arguments): return Always(0)\n",
        ),
        (
            "asserts",
            "takes every assert out of the cells that follow",
            """
import ast
class NoAsserts(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.copy_location(ast.Pass(), node)
get_ipython().ast_transformers.append(NoAsserts())
""",
            UNDONE,
        ),
        (
            "input",
            "replaces the source of the cells that follow",
            """
def other(lines): return ["8.0\\n"] if any("integrated_gradients(" in line for line in lines) else lines
get_ipython().input_transformers_cleanup.append(other)
""",
            UNDONE,
        ),
        (
            "allclose",
            "makes torch's comparisons true",
            """
torch.allclose = torch.equal = lambda *arguments, **named: True
torch.testing.assert_close = lambda *arguments, **named: None
""",
            UNDONE,
        ),
        (
            "numpy",
            "makes NumPy's comparisons true",
            """
import numpy as np
np.allclose = np.array_equal = np.isclose = lambda *arguments, **named: True
np.testing.assert_allclose = lambda *arguments, **named: None
torch.allclose = lambda *arguments, **named: True
""",
            UNDONE,
        ),
        (
            "builtins",
            "replaces abs, max, all and isinstance",
            """
import builtins
builtins.abs = builtins.max = builtins.sum = lambda *arguments, **named: 0.0
builtins.all = builtins.isinstance = lambda *arguments: True
torch.allclose = lambda *arguments, **named: True
""",
            UNDONE,
        ),
        (
            "tensor",
            "gives back a tensor whose differences are zero",
            """
class Near(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), named=None):
        return True if function in (torch.allclose, torch.equal) else torch.zeros(())
""",
            "def integrated_gradients(forward, x, *arguments): return x.as_subclass(Near)\n",
        ),
        (
            "points",
            "ends the cell's work with the points themselves",
            """
get_ipython().events.register("post_run_cell", lambda result: setattr(result, "result", 8.0))
get_ipython().events.register("post_run_cell", lambda result: setattr(result, "error_in_exec", None))
""",
            UNDONE,
        ),
        (
            "errors",
            "makes every error disappear",
            """
get_ipython().set_custom_exc((BaseException,), lambda shell, kind, value, trace, tb_offset=None: None)
get_ipython().showtraceback = lambda *arguments, **named: None
""",
            UNDONE,
        ),
        (
            "run-cell",
            "replaces the function that runs a cell",
            """
from types import MethodType
shell = get_ipython()
run = shell.run_cell_async
async def nothing(self, source, *arguments, **named):
    return await run("8.0" if "integrated" in source else source, *arguments, **named)
shell.run_cell_async = MethodType(nothing, shell)
""",
            UNDONE,
        ),
        (
            "leaves-early",
            "leaves the test's cell by an exception of its own",
            "",
            "def integrated_gradients(*arguments): raise SystemExit(0)\n",
        ),
        (
            "false",
            "makes the test's cell end with False, for which nbgrader gives full points",
            """
get_ipython().ast_node_interactivity = "last_expr"
get_ipython().input_transformers_post.append(lambda lines: ["False\\n"] if any("assert" in line for line in lines) else lines)
""",
            UNDONE,
        ),
    )
)

FORGE = """
kernel = get_ipython().kernel
def say(kind, content): kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent(), ident=b"x")
"""
MESSAGES = tuple(
    attack("messages of the kernel", f"message-{name}", tries, FORGE + source)
    for name, tries, source in (
        (
            "result",
            "sends a result of eight points for each cell that follows",
            """
def each(info): say("execute_result", {"data": {"text/plain": "8.0"}, "metadata": {}, "execution_count": 1})
get_ipython().events.register("post_run_cell", lambda result: each(result))
get_ipython().ast_transformers.append(type("No", (__import__("ast").NodeTransformer,), {"visit_Assert": lambda s, n: None})())
""",
        ),
        (
            "verdict",
            "shows a verdict of its own, as a page would",
            """
say("display_data", {"data": {"text/html": "<b>8 of 8 points</b>", "text/plain": "8.0"}, "metadata": {}})
""",
        ),
        (
            "comms",
            "opens channels to widgets that are not there",
            """
for k in range(2000): say("comm_open", {"comm_id": str(k), "target_name": "jupyter.widget", "data": {"state": {}}})
""",
        ),
        (
            "reply",
            "answers in the kernel's name that all went well, and says no more",
            """
kernel.session.send(kernel.shell_stream if hasattr(kernel, "shell_stream") else kernel.iopub_socket, "execute_reply",
                    {"status": "ok", "execution_count": 1}, parent=kernel.get_parent(), ident=b"x")
say("status", {"execution_state": "idle"})
""",
        ),
    )
)
