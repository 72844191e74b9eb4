"""A receiver of webhooks: as little HTTP as the bench needs, so that it is never what is measured.

It writes its port to its output. What is sent to ``/hang/…`` is answered only after ``/let-go``.
The bench asks ``/expect?N`` before N deliveries come, and ``/last`` is answered when they have.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"


@dataclass
class Seen:
    """What has come so far."""

    left: int = 0
    last: float = 0.0
    arrived: dict[str, float] = field(default_factory=dict)
    held: list[asyncio.Transport] = field(default_factory=list)
    asking: list[asyncio.Transport] = field(default_factory=list)
    hangs: bool = True

    def tell(self) -> None:
        """Answer who asked for the last one, once it is there."""
        if self.left <= 0:
            for each in self.asking:
                answer(each, json.dumps(self.last).encode())
            self.asking.clear()


seen = Seen()


class Receiver(asyncio.Protocol):
    """One connection, kept alive."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request as soon as all of it is there."""
        self.buffer += data
        head, end, rest = self.buffer.partition(b"\r\n\r\n")
        if not end or len(rest) < int(header(head, b"content-length") or 0):
            return
        self.buffer = b""
        path = head.split(b" ", 2)[1].decode()
        if path.startswith("/hang") and seen.hangs:
            seen.held.append(self.transport)
        elif path == "/last":
            seen.asking.append(self.transport)
            seen.tell()
        else:
            answer(self.transport, self.body(path, head))

    def body(self, path: str, head: bytes) -> bytes:
        """What is asked for; a delivery is noted."""
        if path.startswith("/expect?"):
            seen.left = int(path.partition("?")[2])
            seen.arrived.clear()
        elif path == "/arrivals":
            return json.dumps(seen.arrived).encode()
        elif path in ("/let-go", "/hold"):
            seen.hangs = path == "/hold"
            for each in seen.held:
                answer(each, b"")
            seen.held.clear()
        elif path.startswith("/fast"):
            seen.last = time.time()
            seen.arrived.setdefault(header(head, b"webhook-id").decode(), seen.last)
            seen.left -= 1
            seen.tell()
        return b""


def answer(transport: asyncio.Transport, body: bytes) -> None:
    """Say that it is well."""
    transport.write(OK % (len(body), body))


def header(head: bytes, name: bytes) -> bytes:
    """The value of a header, empty where it is absent."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return b""


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
