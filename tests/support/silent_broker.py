"""A door before a broker: it lets everybody in, and says nothing until it is opened."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self


class SilentDoor:
    """Accepts on a port of loopback; what comes is kept until it opens, then the broker has it."""

    def __init__(self, broker: Path) -> None:
        self._broker = broker
        self._opened = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self._threads: list[threading.Thread] = []
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def __enter__(self) -> Self:
        self._threads.append(threading.Thread(target=self._accept))
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.open()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()  # nobody comes in any more, so nobody is forgotten below
        for each in self._sockets[1:]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()
        self._listener.close()

    def open(self) -> None:
        """The broker is back."""
        self._opened.set()

    def close(self) -> None:
        """Whoever comes from now on is not answered, and who is inside is thrown out."""
        self._opened.clear()
        for each in self._sockets[1:]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                self._sockets.append(client)
                self._threads.append(threading.Thread(target=self._serve, args=(client,)))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as broker, suppress(OSError):
            self._opened.wait()
            broker.connect(str(self._broker))
            back = threading.Thread(target=_pump, args=(broker, client), daemon=True)
            back.start()
            _pump(client, broker)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Until the source has ended, however it did: the target is told of a reset as of an end."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
