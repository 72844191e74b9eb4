"""The other end of ``sides.Side``: a process that does so many of a thing when it is told to.

Standard library only: peers have environments of their own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

Run = Callable[..., Mapping[str, float] | None]
"""Takes a count, and more where its bench says more; does it, and may say what else it saw."""


def serve(make: Callable[[dict[str, Any]], Run]) -> None:
    """Prepare, then run what each line of the input says, and tell what it took.

    What is printed meanwhile goes nowhere: CrewAI draws panels for nobody.
    """
    told = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    run = make(json.loads(sys.argv[1]))
    print("ready", file=told, flush=True)
    for line in sys.stdin:
        began, spent = time.perf_counter(), time.process_time()
        more = run(**json.loads(line)) or {}
        taken = {"wall": time.perf_counter() - began, "cpu": time.process_time() - spent}
        print(json.dumps({**taken, **more}), file=told, flush=True)
    os._exit(0)  # a peer's threads need not be waited for
