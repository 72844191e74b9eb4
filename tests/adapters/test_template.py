"""Each test runs a supervisor whose children are forked, and reads what they print."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from processes import SECONDS_TO_DIE, came_true
from supervised import FORKED, Supervised, wait_until_nobody_holds

from orchestrator.cli.template import SHARED

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks only on Linux")

TELLS = """
import json, os, random, sys, __main__, psutil, uuid_utils
told = json.dumps({
    "pid": os.getpid(), "parent": os.getppid(), "group": os.getpgid(0),
    "shared": "shared" in sys.modules, "argv": sys.argv[1:], "main": __main__.__file__,
    "env": dict(os.environ), "files": [n for n in range(64) if os.path.exists(f"/dev/fd/{n}")],
    "random": [random.random(), str(uuid_utils.uuid7())],
    "shown": psutil.Process().cmdline(), "input": sys.stdin.read(),
})
os.write(1, f"{told}\\n".encode())  # at once: another child writes to the same pipe
"""
AND_WAITS = TELLS + "import signal; signal.pause()"
A_THREAD = "from threading import *; Thread(target=Event().wait, daemon=True).start()"
LOCKED = "import fcntl; lock = open('lock', 'a'); fcntl.flock(lock, fcntl.LOCK_EX)\n"

Start = Callable[..., Supervised]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a supervisor of children that run this code."""
    started: list[Supervised] = []

    def begin(*code: str, shared: str = "", env: str = "{}", patience: float = 60) -> Supervised:
        (tmp_path / "shared.py").write_text(shared)
        children = [f"Child('{n}', python({text!r}), env={env})" for n, text in enumerate(code)]
        run = f"from orchestrator.adapters.supervisor import template as t; t.PATIENCE = {patience}"
        started.append(Supervised(", ".join(children), tmp_path, run + FORKED))
        return started[-1]

    yield begin
    for supervised in started:
        with supervised.process as process:
            process.kill()


def told(supervised: Supervised) -> dict[str, Any]:
    """What the next child tells of itself."""
    said: dict[str, Any] = json.loads(supervised.heard()[0])
    return said


def template_of(supervised: Supervised) -> psutil.Process:
    children = psutil.Process(supervised.process.pid).children()
    return next(each for each in children if "template_process" in " ".join(each.cmdline()))


def test_what_is_shared_is_imported_once(start: Start, tmp_path: Path) -> None:
    supervised = start(AND_WAITS, AND_WAITS, shared="print('imported', flush=True)")
    assert supervised.heard() == ["imported"]
    assert told(supervised)["shared"]
    assert told(supervised)["shared"]


def test_a_forked_child_is_what_a_spawned_one_would_be(start: Start, tmp_path: Path) -> None:
    supervised = start(AND_WAITS, env="{'COLOUR': 'r\\udcffd'}")
    child = told(supervised)
    assert child["parent"] == supervised.process.pid
    assert child["group"] == child["pid"]
    assert child["argv"] == [AND_WAITS]
    assert child["main"] == str(tmp_path / "told.py")
    assert child["env"]["COLOUR"] == "r\udcffd"
    assert child["env"].keys() >= {"PATH"}
    assert child["env"].keys().isdisjoint({"OF_THE_TEMPLATE"})
    assert child["files"] == [0, 1, 2]
    assert child["input"] == ""


def test_lists_of_processes_show_its_command(start: Start) -> None:
    short = "import psutil as p; print(*p.Process().cmdline())"
    assert start(short).heard() == [f"{sys.executable} -m told {short}"]


def test_a_long_command_is_shown_as_far_as_there_is_room(start: Start) -> None:
    shown = told(start(AND_WAITS))["shown"]
    assert shown[:3] == [sys.executable, "-m", "told"]
    assert AND_WAITS.startswith(shown[3])


def test_where_the_kernel_does_not_say_where_arguments_are_they_stay(start: Start) -> None:
    hidden = "from orchestrator.adapters.supervisor import kernel; kernel._ARGUMENTS_END = 999"
    child = told(start(AND_WAITS, shared=hidden))
    assert child["shared"]
    assert child["shown"][-1] == "shared"


def test_chance_differs_from_child_to_child(start: Start) -> None:
    supervised = start(AND_WAITS, AND_WAITS)
    first, second = told(supervised)["random"], told(supervised)["random"]
    assert not {*first} & {*second}


def test_how_a_child_ended_is_known(start: Start) -> None:
    supervised = start(
        "import atexit, sys; atexit.register(print, 'over', flush=True); sys.exit(3)"
    )
    assert supervised.heard(2) == ["over", "over"]
    assert "code=3" in supervised.log


def test_a_child_that_fails_shows_where(start: Start) -> None:
    supervised = start("1 / 0")
    assert came_true(lambda: "code=1" in supervised.log, SECONDS_TO_DIE)
    assert "ZeroDivisionError" in supervised.log


def test_the_signal_that_killed_a_child_is_known(start: Start) -> None:
    supervised = start(AND_WAITS)
    psutil.Process(told(supervised)["pid"]).kill()
    again = told(supervised)
    assert again["shared"]
    assert "code=-9" in supervised.log


def test_children_live_on_without_the_template_and_are_started_again(start: Start) -> None:
    supervised = start(AND_WAITS)
    child = told(supervised)
    template = template_of(supervised)
    template.kill()
    assert came_true(lambda: template.status() == psutil.STATUS_ZOMBIE, SECONDS_TO_DIE)
    psutil.Process(child["pid"]).kill()
    again = told(supervised)
    assert not again["shared"]
    assert again["parent"] == supervised.process.pid
    assert supervised.log.count("without a template") == 1


def test_a_template_that_does_not_answer_holds_up_nobody_for_long(start: Start) -> None:
    supervised = start(AND_WAITS, patience=0.1)
    child = told(supervised)
    template = template_of(supervised)
    template.suspend()
    psutil.Process(child["pid"]).kill()
    assert not told(supervised)["shared"]
    assert not template.is_running()


@pytest.mark.parametrize(
    "shared",
    [
        pytest.param("import no_such_module", id="does not import"),
        pytest.param(A_THREAD, id="a thread"),
    ],
)
def test_children_are_spawned_where_nothing_can_be_shared(start: Start, shared: str) -> None:
    supervised = start(AND_WAITS, shared=shared)
    assert not told(supervised)["shared"]
    assert "without a template" in supervised.log


def test_nothing_outlives_a_supervisor_that_is_killed(start: Start, tmp_path: Path) -> None:
    held = "import fcntl; lock = open('template', 'a'); fcntl.flock(lock, fcntl.LOCK_EX)"
    supervised = start(LOCKED + AND_WAITS, shared=held)
    told(supervised)
    supervised.stop(signal.SIGKILL)
    wait_until_nobody_holds(tmp_path / "lock")
    wait_until_nobody_holds(tmp_path / "template")


def test_nothing_outlives_a_supervisor_that_stops(start: Start, tmp_path: Path) -> None:
    supervised = start(AND_WAITS)
    child, template = psutil.Process(told(supervised)["pid"]), template_of(supervised)
    supervised.stop()
    assert not psutil.wait_procs([child, template], SECONDS_TO_DIE)[1]


def test_what_processes_of_the_service_share_opens_nothing_and_is_nobodys_code() -> None:
    code = f"""
import gc, importlib, json, psutil, random, sys
before = psutil.Process().num_fds()
for module in {SHARED}: importlib.import_module(module)
process = psutil.Process()
made = [each for each in gc.get_objects() if type(each) is random.Random]
print(json.dumps({{
    "threads": process.num_threads(), "opened": process.num_fds() - before,
    "generators": len(made), "modules": [*sys.modules],
}}))
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    found = json.loads(shown.stdout)
    assert (found["threads"], found["opened"]) == (1, 0)
    assert found["generators"] <= 1, "only that of `random` itself is seeded anew in a child"
    assert not {"crewai", "workers.app", "orchestrator.__main__"} & {*found["modules"]}
