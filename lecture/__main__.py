"""`python -m lecture`: execute the notebooks, build the pages into lecture/built/."""

import sys
from subprocess import CalledProcessError

from lecture.build import build
from lecture.cells import AltTextError
from lecture.execution import NotebookRunError


def main() -> int:
    try:
        build(say=lambda line: print(line, flush=True))
    except (NotebookRunError, AltTextError) as problem:
        print(problem)
        return 1
    except CalledProcessError:
        print("The explorer could not be built; what stopped it stands above. Alone: python -m lecture.explorer")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
