"""Each test runs a supervisor in a process of its own and reads what its children print."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from orchestrator.adapters.supervisor import restart_delay

PRELUDE = """
import signal, sys
from pathlib import Path
import structlog
from orchestrator.adapters import supervisor
from orchestrator.adapters.supervisor import Child, Supervisor

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
supervisor.FIRST_RESTART = 0.01

def python(code):
    return (sys.executable, "-c", code)

def polite(name, before=""):
    return python(f'''
import fcntl, os, signal, subprocess, sys
def stop(number, frame):
    print("{name} got", signal.Signals(number).name, flush=True)
    sys.exit()
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
    signal.signal(number, stop)
{before}
os.write(1, b"{name} is up" + bytes([10]))  # in one piece: others write there too
signal.pause()
''')

def stubborn(before=""):
    return polite("child", "stop = signal.SIG_IGN; signal.signal(signal.SIGTERM, stop);" + before)

def holding(path):
    return f"lock = open({path!r}, 'a'); fcntl.flock(lock, fcntl.LOCK_EX)"
"""


class Supervised:
    """A running supervisor."""

    def __init__(self, children: str, folder: Path) -> None:
        code = f"{PRELUDE}\nsys.exit(Supervisor([{children}]).run())"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def heard(self, lines: int = 1) -> list[str]:
        """The next lines that children print; waits for them."""
        return [self._output.readline().strip() for _ in range(lines)]

    def rest(self) -> list[str]:
        """What else they print, to the end of the last of them."""
        return self._output.read().splitlines()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait()

    @property
    def _output(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout


Supervise = Callable[[str], Supervised]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Supervise]:
    """Start a supervisor of these children, given as Python."""
    started: list[Supervised] = []

    def start(children: str) -> Supervised:
        started.append(Supervised(children, tmp_path))
        return started[-1]

    yield start
    for supervised in started:
        with supervised.process as process:
            process.kill()


def wait_until_nobody_holds(lock: Path) -> None:
    """Return once the process that holds the lock has ended, however it did."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)


@pytest.mark.parametrize(
    ("deaths", "seconds"), [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (10_000, 30)]
)
def test_restarts_back_off_to_half_a_minute(deaths: int, seconds: float) -> None:
    assert restart_delay(deaths) == seconds


def test_a_child_that_dies_is_started_again(supervise: Supervise) -> None:
    supervised = supervise("Child('mortal', python('print(1, flush=True)'))")
    assert supervised.heard(3) == ["1", "1", "1"]


def test_a_child_that_cannot_be_started_holds_up_no_other(
    supervise: Supervise,
) -> None:
    supervised = supervise("Child('ghost', ['/no/such/file']), Child('a', polite('a'))")
    assert supervised.heard() == ["a is up"]


def test_a_child_starts_once_the_one_before_it_is_ready(supervise: Supervise) -> None:
    supervised = supervise(
        "Child('a', polite('a', 'open(str(1), chr(119))'), ready=Path('1').exists),"
        "Child('b', python('import os; print(os.path.exists(str(1)), flush=True)'))"
    )
    assert "True" in supervised.heard(2)


def test_a_child_that_dies_before_it_is_ready_is_started_again(
    supervise: Supervise,
) -> None:
    second_time_lucky = "os.path.exists('seen') or sys.exit(open('seen', 'w').close())"
    supervised = supervise(
        f"Child('a', polite('a', {second_time_lucky!r}), ready=Path('seen').exists),"
        "Child('b', polite('b'))"
    )
    assert sorted(supervised.heard(2)) == ["a is up", "b is up"]


def test_a_stop_ends_what_others_lean_on_last(supervise: Supervise) -> None:
    supervised = supervise(
        "Child('a', polite('a'), ready=lambda: True), Child('b', polite('b'), ready=lambda: True)"
    )
    supervised.heard(2)
    assert supervised.stop() == 0
    assert supervised.rest() == ["b got SIGTERM", "a got SIGTERM"]


def test_a_stop_while_children_start_is_heeded(supervise: Supervise) -> None:
    supervised = supervise("Child('a', polite('a'), ready=lambda: False), Child('b', polite('b'))")
    supervised.heard()
    assert supervised.stop() == 0
    assert supervised.rest() == ["a got SIGTERM"]


def test_a_child_is_stopped_by_the_signal_it_asks_for(
    supervise: Supervise,
) -> None:
    supervised = supervise("Child('a', polite('a'), stop_signal=signal.SIGUSR1)")
    supervised.heard()
    supervised.stop()
    assert supervised.rest() == ["a got SIGUSR1"]


def test_ctrl_c_reaches_the_supervisor_alone(supervise: Supervise) -> None:
    supervised = supervise("Child('a', polite('a'))")
    supervised.heard()
    os.killpg(supervised.process.pid, signal.SIGINT)
    assert supervised.rest() == ["a got SIGTERM"]


def test_a_child_that_outstays_its_grace_is_killed(supervise: Supervise) -> None:
    supervised = supervise("Child('a', stubborn(), grace=0.1)")
    supervised.heard()
    assert supervised.stop() == 1


def test_a_second_signal_stops_at_once(supervise: Supervise) -> None:
    supervised = supervise("Child('a', stubborn(), grace=3600), Child('b', polite('b'))")
    supervised.heard(2)
    supervised.process.send_signal(signal.SIGINT)
    supervised.heard()  # b stops: the first signal has been dealt with
    assert supervised.stop(signal.SIGINT) == 130


def test_nothing_that_a_child_started_outlives_the_stop(
    supervise: Supervise, tmp_path: Path
) -> None:
    fork = "if os.fork() == 0: signal.signal(signal.SIGTERM, signal.SIG_IGN); stop = None;"
    supervised = supervise(
        f"Child('a', polite('child', holding('lock') + chr(10) + {fork!r} + ' signal.pause()'))"
    )
    supervised.heard()
    supervised.stop()
    wait_until_nobody_holds(tmp_path / "lock")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of the dead")
def test_children_die_with_a_supervisor_that_is_killed(
    supervise: Supervise, tmp_path: Path
) -> None:
    supervised = supervise("Child('a', stubborn(holding('lock')))")
    supervised.heard()
    supervised.stop(signal.SIGKILL)
    wait_until_nobody_holds(tmp_path / "lock")


def test_the_environment_of_a_child_is_the_supervisors_and_its_own(
    supervise: Supervise,
) -> None:
    shown = "import os; print(os.environ['COLOUR'], 'PATH' in os.environ, flush=True)"
    supervised = supervise(f"Child('a', python({shown!r}), env={{'COLOUR': 'red'}})")
    assert supervised.heard() == ["red True"]
