"""`python -m lecture.measured`: measure, keep the numbers, and write docs/report.md."""

import json

import igref
from lecture.measured import FILE, page
from lecture.measured.measure import measure

found = measure(igref.load_model())
FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
page.FILE.write_text(page.page(found), encoding="utf-8")
print(f"wrote {FILE} and {page.FILE}")
