import signal
import subprocess
import sys
from datetime import UTC
from pathlib import Path

import pytest

from orchestrator.adapters.system import SystemChance, SystemClock, Uuid7Ids, crash_point_from


def reach(places: list[str], first: str = "", **environ: str) -> int:
    """Reach crash points in a process of its own, after code; returns its exit code."""
    code = (
        f"import os, sys\n{first}\n"
        "from orchestrator.adapters.system import crash_point_from\n"
        "crash_point = crash_point_from(os.environ)\n"
        "for place in sys.argv[1:]: crash_point(place)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *places], env=environ, check=False
    ).returncode


def test_the_time_is_aware_and_in_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_ids_that_are_made_later_sort_later() -> None:
    ids = [Uuid7Ids().new() for _ in range(1000)]
    assert ids == sorted(set(ids))


def test_jitter_lies_between_minus_one_and_one() -> None:
    drawn = [SystemChance().jitter() for _ in range(1000)]
    assert -1 <= min(drawn) < 0 < max(drawn) <= 1


def test_secrets_have_256_bits_and_differ() -> None:
    drawn = {SystemChance().secret() for _ in range(100)}
    assert {len(secret) for secret in drawn} == {43}
    assert len(drawn) == 100


def test_production_has_no_crash_points() -> None:
    crash_point_from({})("before commit")


def test_a_process_dies_at_its_crash_point() -> None:
    died = reach(["elsewhere", "here"], ORCHESTRATOR_CRASH_POINT="here")
    assert died == -signal.SIGKILL


def test_a_process_passes_the_other_crash_points() -> None:
    assert reach(["elsewhere"], ORCHESTRATOR_CRASH_POINT="here") == 0


def test_a_crash_that_is_to_happen_once_spares_the_restarted_process(tmp_path: Path) -> None:
    once = {
        "ORCHESTRATOR_CRASH_POINT": "here",
        "ORCHESTRATOR_CRASH_POINT_ONCE": str(tmp_path / "crashed"),
    }
    assert [reach(["here"], **once), reach(["here"], **once)] == [-signal.SIGKILL, 0]


def test_a_guard_that_names_a_process_has_that_one_crash_once(tmp_path: Path) -> None:
    guard = tmp_path / "crashed.here"
    once = {
        "ORCHESTRATOR_CRASH_POINT": "here",
        "ORCHESTRATOR_CRASH_POINT_ONCE": str(tmp_path / "crashed"),
    }
    guard.write_text("1")
    assert reach(["here"], **once) == 0
    assert (
        reach(["here"], f"open({str(guard)!r}, 'w').write(str(os.getpid()))", **once)
        == -signal.SIGKILL
    )
    assert guard.read_text() == ""


_LOOK_AT_MEMORY = """
import ctypes, sys
from orchestrator.adapters.system import give_back_large_memory
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "abcdefghij"]
look = ctypes.CDLL(None).mallinfo2
look.restype = Info
if sys.argv[1] == "given back":
    give_back_large_memory()
bytes(16 << 20)
before = look().d
kept = bytes(8 << 20)
print(look().d - before)
"""
"""Counts the blocks that a large one adds to those which the system gets back when they are free,
after the freeing of a larger one has had glibc change its mind about them."""


@pytest.mark.parametrize(("way", "blocks"), [("as it is", "0"), ("given back", "1")])
def test_large_memory_goes_back_to_the_system(way: str, blocks: str) -> None:
    looked = subprocess.run(
        [sys.executable, "-c", _LOOK_AT_MEMORY, way], capture_output=True, text=True, check=True
    )
    assert looked.stdout.strip() == blocks
