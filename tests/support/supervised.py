"""A supervisor in a process of its own, whose children print what happens to them."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

PRELUDE = """
import signal, sys
from dataclasses import replace
from pathlib import Path
import structlog
from orchestrator.adapters.supervisor import Child, Supervisor, Template, supervisor

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
supervisor.FIRST_RESTART = 0.01

def python(code):
    return (sys.executable, "-m", "told", code)

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


SPAWNED = "sys.exit(Supervisor(children).run())"

FORKED = """
with Template(["shared"], {"OF_THE_TEMPLATE": "1"}) as template:
    children[0] = replace(children[0], waits_for=template.is_settled)
    sys.exit(Supervisor(children, start=template.start).run())
"""


class Supervised:
    """A running supervisor of children that run the code which they are told."""

    def __init__(self, children: str, folder: Path, run: str = SPAWNED) -> None:
        self._log = folder / "log"
        (folder / "told.py").write_text("import sys; exec(sys.argv[1], globals())")
        (folder / "shared.py").touch()
        code = f"{PRELUDE}\nchildren = [{children}]\n{run}"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=log,
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
    def log(self) -> str:
        """What it and its children said of errors."""
        return self._log.read_text()

    @property
    def _output(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout


Supervise = Callable[..., Supervised]


def wait_until_nobody_holds(lock: Path) -> None:
    """Return once the process that holds the lock has ended, however it did."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
