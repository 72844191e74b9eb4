"""A process that is to leave soon leaves, whatever its threads do and whatever fails meanwhile."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest

TOLD_TO_LEAVE = dedent("""
    import threading
    from workers import lifecycle

    def give_back():
        print("gives back", flush=True)
        {end}

    lifecycle.GOODBYE = 0.0
    lifecycle._give_back = give_back
    lifecycle.leave_soon()
    threading.Event().wait()  # as for a receiver that says nothing
""")


@pytest.mark.parametrize("end", ["return", "raise OSError('the database is away')"])
def test_it_leaves_though_a_thread_waits_and_its_claims_cannot_be_given_back(end: str) -> None:
    code = TOLD_TO_LEAVE.format(end=end)
    left = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (left.returncode, left.stdout) == (0, b"gives back\n")
