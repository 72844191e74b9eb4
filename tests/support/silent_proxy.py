"""A TCP proxy before a PostgreSQL, which can fall silent without closing anything."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import parse_qs, urlsplit

LOOK = 0.05


class SilentProxy:
    """Passes everything on to the server that listens in a folder, until it falls silent.

    Connections that were open when it fell silent stay open, and silent for ever; as those to the
    old server do after a failover behind an address.
    """

    def __init__(self, server: str) -> None:
        """``server`` is the URL of a database on a server with a unix socket."""
        url = urlsplit(server)
        self._socket = f"{parse_qs(url.query)['host'][0]}/.s.PGSQL.5432"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._silenced: threading.Event = threading.Event()
        self._silent = False
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        port = self._listener.getsockname()[1]
        self.url = f"postgresql+psycopg://{url.username}@127.0.0.1:{port}{url.path}"

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def fall_silent(self) -> None:
        """Nothing is passed on any more, and nothing is closed."""
        self._silent = True
        self._silenced.set()

    def speak(self) -> None:
        """New connections reach the server again."""
        self._silenced, self._silent = threading.Event(), False

    def _begin(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            if select.select([self._listener], [], [], LOOK)[0]:
                self._begin(self._pass_on, self._listener.accept()[0], self._silenced)

    def _pass_on(self, client: socket.socket, silenced: threading.Event) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._socket)
            while not self._over.is_set():
                if silenced.is_set():
                    self._over.wait(LOOK)
                    continue
                readable = select.select([client, server], [], [], LOOK)[0]
                for end in readable if not silenced.is_set() else ():
                    with suppress(OSError):
                        data = end.recv(65_536)
                        if not data:
                            return
                        (server if end is client else client).sendall(data)
