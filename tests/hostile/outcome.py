"""What came of an attack, seen from outside: the gradebook, the graded notebook, and the folder that it must not reach."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.hostile.attacks.attack import SECRET, WON


def says_that_it_won(notebook: Path) -> bool:
    """Whether a graded notebook printed the word of success. Its tracebacks show sources, which hold the word as well."""
    cells = json.loads(notebook.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", []) if output["output_type"] == "stream"]
    return any(line.startswith(WON) for output in outputs for line in "".join(output["text"]).splitlines())


@contextmanager
def outside(folder: Path) -> Iterator[dict[str, str]]:
    """A folder with a secret, and servers that nobody should reach; what sources call them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "secret.txt").write_text(SECRET)
    servers = [
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler),
        socketserver.ThreadingUnixStreamServer(str(folder / "socket"), socketserver.BaseRequestHandler),
        socketserver.ThreadingUnixStreamServer(f"\0{folder}", socketserver.BaseRequestHandler),
    ]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {"{OUTSIDE}": str(folder), "{PORT}": str(servers[0].server_address[1])}
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
