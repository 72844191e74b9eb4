"""Names to addresses: with an end to the waiting, and each answer remembered for a moment."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock, Thread
from time import monotonic

Resolver = Callable[[str, int], Sequence[str]]
"""Host and port in, the addresses as text out. Raises OSError when the name does not resolve."""

MOST_REMEMBERED = 1024


def system_resolver(host: str, port: int) -> list[str]:
    """Ask the operating system, as any program would. Raises socket.gaierror."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Names:
    """Resolves names for many threads.

    ``patience`` is how many seconds a caller waits: the system's own limit may be half a minute,
    and whoever runs the name server decides how long that lasts. ``remember`` is how many seconds
    an answer holds.
    """

    def __init__(self, resolver: Resolver, *, patience: float, remember: float) -> None:
        self._resolver = resolver
        self._patience = patience
        self._remember = remember
        self._known: dict[tuple[str, int], tuple[float, Sequence[str]]] = {}
        self._lock = Lock()

    def resolve(self, host: str, port: int) -> Sequence[str]:
        """The addresses, at least one. Raises OSError when there is none, or none came in time."""
        now = monotonic()
        until, answers = self._known.get((host, port), (now, ()))
        if now < until:
            return answers
        answers = self._ask(host, port)
        self._keep(host, port, answers)
        return answers

    def _ask(self, host: str, port: int) -> Sequence[str]:
        future: Future[Sequence[str]] = Future()
        Thread(target=self._answer, args=(future, host, port), daemon=True).start()
        try:
            answers = future.result(self._patience)
        except TimeoutError:
            raise socket.gaierror(socket.EAI_AGAIN, "no answer in time") from None
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        return answers

    def _answer(self, future: Future[Sequence[str]], host: str, port: int) -> None:
        try:
            future.set_result(self._resolver(host, port))
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            future.set_exception(error)

    def _keep(self, host: str, port: int, answers: Sequence[str]) -> None:
        with self._lock:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[host, port] = (monotonic() + self._remember, answers)
