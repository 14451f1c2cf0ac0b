"""What a page needs besides its text, from the files of this folder: nothing is fetched when a page opens.

reveal.js 6.0.2 with its notes plugin (`reveal.js`, `reveal.css`, `notes.js`; MIT, LICENSE-reveal.txt), the fonts named in
LICENSE-fonts.txt (SIL Open Font License 1.1), and the lecture's own styles.
"""

import re
from base64 import b64encode
from pathlib import Path

_FOLDER = Path(__file__).parent


def read_text(name: str) -> str:
    """A file of this folder, safe to stand inside a script element."""
    return (_FOLDER / name).read_text(encoding="utf-8").replace("</script", "<\\/script")


def inlined_css(*names: str) -> str:
    """Style sheets in a row, every font they name inside them."""
    return re.sub(r"url\(([\w.-]+\.woff2)\)", _inlined_font, "\n".join(map(read_text, names)))


def _inlined_font(found: re.Match) -> str:
    data = b64encode((_FOLDER / found[1]).read_bytes()).decode("ascii")
    return f"url(data:font/woff2;base64,{data})"
