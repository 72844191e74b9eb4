"""The template's process: ``python -m … DESCRIPTOR MODULE…`` imports the modules, then forks.

It has one thread, and no descriptor but that of its supervisor, so that whoever is forked shares
nothing that could be in use.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from orchestrator.adapters.supervisor.kernel import die_with, show_arguments


def main() -> None:
    """Fork for as long as the supervisor lives; in a child, be what it is to be."""
    line = socket.socket(fileno=int(sys.argv[1]))
    gc.disable()
    for module in sys.argv[2:]:
        importlib.import_module(module)
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        sys.exit("A module that processes share has started a thread: they are not forked.")
    gc.collect()
    gc.freeze()  # a collection in a child would copy each page that it looks at
    line.send(b"!")
    argv = _fork_on(line, os.getppid())
    if argv is not None:
        module, *arguments = argv[2:]
        sys.argv = ["-m", *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)


def _fork_on(line: socket.socket, supervisor: int) -> Sequence[str] | None:
    """In each child, its command; in the template None, when the supervisor has let go of it.

    A process in between ends at once, so that the supervisor becomes the child's parent.
    """
    while descriptors := socket.recv_fds(line, 1, 3)[1]:
        adopted, adopting = os.pipe()
        between = os.fork()
        if between == 0:
            if os.fork():
                os._exit(0)
            line.close()
            os.close(adopting)
            os.read(adopted, 1)  # the end of the file
            os.close(adopted)
            return _be_born(descriptors, supervisor)
        os.waitpid(between, 0)
        for descriptor in (adopting, adopted, *descriptors):
            os.close(descriptor)
    return None


def _be_born(descriptors: Sequence[int], supervisor: int) -> Sequence[str]:
    """Become what `spawn` would have made; returns the command."""
    os.setpgid(0, 0)
    die_with(supervisor)
    own, *outputs = descriptors
    with socket.socket(fileno=own) as line:
        line.sendall(f"{os.getpid()}\n".encode())
        with line.makefile() as written:
            order = json.load(written)  # nothing, where the supervisor no longer waits
    for number, descriptor in enumerate(outputs, 1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdout.reconfigure(line_buffering=os.isatty(1))  # type: ignore[union-attr]  # a TextIOWrapper
    os.environ.clear()
    os.environ.update(order["env"])
    argv: list[str] = order["argv"]
    show_arguments(argv)
    gc.enable()
    return argv


if __name__ == "__main__":
    main()
