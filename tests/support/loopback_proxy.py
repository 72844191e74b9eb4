"""A TCP proxy of the tests, before a broker or a database: it can be slow, silent, or gone."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Self

CHUNK = 65_536

Address = tuple[str, int] | str
"""A host and port, or the path of a unix socket."""


class LoopbackProxy:
    """Passes everything on between a port of loopback and a server, until it is told not to."""

    def __init__(self, server: Address) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._passes = threading.Event()
        self._passes.set()
        self._refuses = False
        self._delay = 0.0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._passes.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End every connection there is; new ones are passed on."""
        with self._lock:
            cut, self._open = self._open, set()
        for each in cut:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def refuse(self) -> None:
        """End every connection there is, and every one that comes."""
        self._refuses = True
        self.cut()

    def fall_silent(self) -> None:
        """Connections stay open, and nothing comes through any more."""
        self._passes.clear()

    def slow_down(self, seconds: float) -> None:
        """What is passed on waits for so long, each time."""
        self._delay = seconds

    def heal(self) -> None:
        """Pass everything on again; what was held in silence is lost with its connection."""
        self._refuses, self._delay = False, 0.0
        if not self._passes.is_set():
            self.cut()
            self._passes.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        family = socket.AF_UNIX if isinstance(self._server, str) else socket.AF_INET
        server = socket.socket(family)
        with self._lock:
            self._open |= {client, server}
        try:
            if self._refuses:
                return
            server.connect(self._server)
            back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
            back.start()
            self._pump(client, server)
            back.join()
        except OSError:
            pass
        finally:
            with self._lock:
                self._open -= {client, server}
            client.close()
            server.close()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                self._passes.wait()
                if self._delay:
                    time.sleep(self._delay)
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
