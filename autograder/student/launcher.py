"""The first process in the sandbox: set the limits, fetch the submitted files, become the kernel.

Runs before any of the student's code. Limits are hard ones, which an unprivileged process cannot raise.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys

LIMITS = "AUTOGRADER_LIMITS"


def main(submission: str, work: str, *arguments: str) -> None:
    for name, value in json.loads(os.environ.pop(LIMITS)).items():
        resource.setrlimit(getattr(resource, name), (value, value))
    shutil.copytree(submission, work, symlinks=True, dirs_exist_ok=True)
    os.chdir(work)

    from ipykernel import kernelapp

    # Modules that were handed in beside the notebook can be imported, but not in place of what the kernel needs:
    # the kit's own, which an editable install finds after everything on the path, are there before.
    import autograder  # noqa: F401
    import igref  # noqa: F401

    sys.path.append(work)
    kernelapp.launch_new_instance(argv=list(arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
