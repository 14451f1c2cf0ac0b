"""Copies in a class: how many of 50 planted ones are found among 500 notebooks, how many other pairs are named, how long it takes.

A made-up notebook has the graded function by one of the corpus' many hands, and three functions of the student's own that are
drawn from a grammar. A copy is another student's code with every name changed, its functions in another order, printed anew by
Python's own printer, which keeps neither layout nor comments, and with comments in another language.
"""

from __future__ import annotations

import ast
import random
import time
from itertools import combinations
from pathlib import Path

from autograder.course.pairs import alike
from benchmarks.setting import OF_A_CLASS, keep

NOTEBOOKS, COPIES = 500, 50
CORPUS = Path(__file__).parent.parent / "corpus" / "ps1"
COMMENTS = ("# 计算平均值", "# ici on fait la moyenne", "# eerst de gradiënten", "# вычитаем базовую линию")
CALLS = (
    "torch.stack",
    "torch.cat",
    "torch.linspace",
    "torch.clamp",
    "np.percentile",
    "np.linspace",
    "torch.where",
    "sorted",
    "zip",
    "len",
)
METHODS = (
    "sum",
    "mean",
    "abs",
    "reshape",
    "flatten",
    "numpy",
    "item",
    "max",
    "std",
    "clamp",
    "permute",
    "unsqueeze",
    "float",
    "tolist",
)


def main(notebooks: int = NOTEBOOKS, copies: int = COPIES, seed: int = 0) -> dict[str, float]:
    drawn = random.Random(seed)
    functions = graded_functions()
    codes = {f"student {k}": _notebook(drawn, functions[k % len(functions)]) for k in range(notebooks - copies)}
    planted = set()
    for k, source in enumerate(drawn.sample(sorted(codes), copies)):
        codes[f"copy {k}"] = copied(codes[source], drawn)
        planted.add(frozenset((source, f"copy {k}")))
    names = list(codes)
    drawn.shuffle(names)
    started, cpu = time.perf_counter(), time.process_time()
    found = {frozenset((pair.one.student, pair.other.student)) for pair in alike({name: codes[name] for name in names})}
    others = sum(1 for _ in combinations(names, 2)) - copies
    results = {
        "notebooks": notebooks,
        "copies": copies,
        "found": len(found & planted) / copies,
        "other pairs named": len(found - planted) / others,
        "seconds": time.perf_counter() - started,
        "cpu seconds": time.process_time() - cpu,
    }
    print(results, flush=True)
    return results


def graded_functions() -> list[str]:
    """Integrated gradients as many people write it, right and wrong."""
    found = []
    for path in sorted(CORPUS.glob("*/*.txt")):
        code = "".join(line for line in path.read_text().splitlines(keepends=True) if not line.startswith(("#", "%%")))
        if "def integrated_gradients" in code and _parses(code):
            found.append(code)
    return found


def copied(code: str, drawn: random.Random) -> str:
    """The same code with other names, order, layout and comments."""
    tree = ast.parse(code)
    assigned = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assigned |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    names = {name: f"v{drawn.randrange(10**6)}" for name in sorted(assigned)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
        elif isinstance(node, ast.arg):
            node.arg = names[node.arg]
    drawn.shuffle(tree.body)
    lines = []
    for line in ast.unparse(tree).splitlines():
        lines.append(line)
        if drawn.random() < 0.2 and not line.rstrip().endswith((",", "(", "\\", ":")):
            lines.append(" " * (len(line) - len(line.lstrip())) + drawn.choice(COMMENTS))
    return "\n".join(lines)


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except SyntaxError:
        return False
    return True


def _notebook(drawn: random.Random, graded: str) -> str:
    return "\n\n".join([graded, *(_function(drawn, number) for number in range(3))])


def _function(drawn: random.Random, number: int) -> str:
    names = [f"x{k}" for k in range(drawn.randint(1, 4))]
    body: list[str] = []
    _statements(drawn, names, body, "    ", drawn.randint(4, 9))
    head = f"def own_{number}({', '.join(names[: drawn.randint(1, len(names))])}):\n"
    return head + "\n".join([*body, f"    return {_expression(drawn, names, 2)}"])


def _statements(drawn: random.Random, names: list[str], body: list[str], indent: str, count: int) -> None:
    for _ in range(count):
        kind = drawn.choice(("assign", "assign", "assign", "add", "call", "for", "if", "with"))
        value = _expression(drawn, names, 2)
        if kind == "assign":
            names.append(f"y{len(names)}")
            body.append(f"{indent}{names[-1]} = {value}")
        elif kind == "add":
            body.append(f"{indent}{drawn.choice(names)} {drawn.choice(('+=', '-=', '*=', '/='))} {value}")
        elif kind == "call":
            body.append(f"{indent}print({value}, {_expression(drawn, names, 1)})")
        else:
            head = {
                "for": f"for k{len(names)} in {value}:",
                "if": f"if {value} > {drawn.randint(0, 9)}:",
                "with": "with torch.no_grad():",
            }
            body.append(f"{indent}{head[kind]}")
            _statements(drawn, names, body, indent + "    ", drawn.randint(1, 2))


def _expression(drawn: random.Random, names: list[str], depth: int) -> str:
    kind = drawn.choice(("name", "number", "call", "method", "binary", "index", "all of")) if depth else "name"

    def part() -> str:
        return _expression(drawn, names, depth - 1)

    if kind == "number":
        return str(drawn.choice((0, 1, 2, 0.5, 50, 224, 1e-6)))
    if kind == "call":
        return f"{drawn.choice(CALLS)}({', '.join(part() for _ in range(drawn.randint(1, 3)))})"
    if kind == "method":
        argument = drawn.choice(("", "0", "dim=1", part()))
        return f"{drawn.choice(names)}.{drawn.choice(METHODS)}({argument})"
    if kind == "binary":
        return f"({part()} {drawn.choice(('+', '-', '*', '/', '**', '@'))} {part()})"
    if kind == "index":
        return f"{drawn.choice(names)}[{drawn.choice(('0', ':, 1', 'None', '-1', '...', '1:'))}]"
    if kind == "all of":
        return f"[{part()} for z in {part()}]"
    return drawn.choice(names)


if __name__ == "__main__":
    keep("class_alike", main(), OF_A_CLASS)
