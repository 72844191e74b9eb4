"""Each test runs a supervisor in a process of its own and reads what its children print."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from supervised import FORKED, SPAWNED, Supervise, Supervised, wait_until_nobody_holds

from orchestrator.adapters.supervisor.supervisor import restart_delay


@pytest.fixture(params=[pytest.param(SPAWNED, id="spawned"), pytest.param(FORKED, id="forked")])
def supervise(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Supervise]:
    """Start a supervisor of these children, given as Python."""
    started: list[Supervised] = []

    def start(children: str) -> Supervised:
        started.append(Supervised(children, tmp_path, request.param))
        return started[-1]

    yield start
    for supervised in started:
        with supervised.process as process:
            process.kill()


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
