"""`python -m lecture.explorer` builds the explorer alone, into lecture/built/."""

from pathlib import Path

from lecture.explorer.build import build

page = build(Path(__file__).parents[1] / "built", progress=True)
print(f"{page}: {page.stat().st_size / 1e6:.1f} MB")
