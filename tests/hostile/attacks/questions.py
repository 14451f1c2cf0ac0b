"""What the questions give away: seed, labels and truth are looked for where code can look.

The tests of another grader name what they expect EXPECTED_VALUES; the judge's own words stand in two parts here, or they would be
found here.
"""

from __future__ import annotations

from tests.hostile.attacks.attack import Attack

SEARCH = """
words = ["EXPECTED_" + "VALUES", "asks_" + "about", "saturated " + "ReLU", "allowed_" + "error", "keyed_" + "seed"]
def search(text, place):
    if any(word in text for word in words): print("WON", place)
"""


def _asked(body: str) -> str:
    """A function that looks while it is asked."""
    indented = "\n".join("    " + line for line in body.strip().splitlines())
    return f"{SEARCH}\ndef integrated_gradients(forward, x, baseline, target, n_steps):\n{indented}\n    return x\n"


ANSWERS_OF_THE_CALLER = """
import sys
def integrated_gradients(forward, x, baseline, target, n_steps):
    frame = sys._getframe()
    while frame := frame.f_back:
        for values in (frame.f_locals, frame.f_globals):
            known = values.get("EXPECTED_VALUES") or values.get("expected")
            if isinstance(known, dict) and (n_steps, int(target)) in known: return known[n_steps, int(target)]
            if isinstance(known, torch.Tensor) and known.shape == x.shape: return known
    return x
"""
QUESTIONS = tuple(
    Attack(name, "what the questions give away", tries, source)
    for name, tries, source in (
        ("seed-environment", "looks for seed and labels in the environment",
         _asked("import os\nsearch(repr(dict(os.environ)), 'environment')")),
        ("seed-frames", "looks for them in its callers' frames", _asked("""
import sys
frame = sys._getframe()
while frame := frame.f_back:
    search(repr(list(frame.f_locals))[:10000], "names of a frame")
    search("".join(str(value)[:2000] for value in frame.f_locals.values() if isinstance(value, (str, dict))), "frame")
""")),
        ("seed-history", "reads the test that calls it in the notebook's history",
         _asked("search(str(get_ipython().user_ns['In'][-1]), 'history')")),
        ("seed-source", "reads the source of its callers", _asked("""
import inspect
for frame in inspect.stack()[1:]:
    search("".join(frame.code_context or []), "source of " + frame.function)
    try: search(inspect.getsource(frame.frame), "source of " + frame.function)
    except (OSError, TypeError): pass
""")),
        ("seed-objects", "looks through every object in memory", _asked("""
import gc
for thing in gc.get_objects():
    if type(thing) is dict: search(repr([key for key in thing if type(key) is str and key != "words"])[:5000], "an object")
""").replace('words = ["EXPECTED_', 'words = ["XPECTED_')),
        ("seed-files", "reads every file of the grader's that its process has open or is told of", _asked("""
import os, pathlib
places = [os.readlink("/proc/self/fd/" + name) for name in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + name)]
places += [str(one) for value in os.environ.values() if value.startswith("/") and os.path.isdir(value)
           for one in list(pathlib.Path(value).glob("*"))[:50]]
for place in places:
    if os.path.isfile(place) and os.path.getsize(place) < 1 << 26: search(open(place, errors="replace").read(), place)
""")),
        ("seed-parent", "reads the environment of the process that grades", _asked("""
import os, pathlib
for place in pathlib.Path("/proc").glob("[0-9]*/environ"):
    try:
        if "INSTRUCTOR_" + "TOKEN" in place.read_text(errors="replace"): print("WON")
    except OSError: pass
""")),
        ("expected-answers", "gives back the expected answers, found in its callers' frames", ANSWERS_OF_THE_CALLER),
    )
)  # fmt: skip
