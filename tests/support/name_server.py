"""A name server on loopback, with a few names, one of which it fails at."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.message
import dns.rrset
from dns.rcode import NXDOMAIN, SERVFAIL
from dns.resolver import Resolver

ZONE = {
    ("example.com.", "TXT"): ['"v=spf1 " "-all"', '"other"'],
    ("example.com.", "MX"): ["10 mx.example."],
}


@contextmanager
def name_server() -> Iterator[Resolver]:
    """What asks it."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=_serve, args=(server,), daemon=True)
    thread.start()
    resolver = Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], server.getsockname()[1]
    yield resolver
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.sendto(b"", server.getsockname())
    thread.join()
    server.close()


def _serve(server: socket.socket) -> None:
    while True:
        asked, whom = server.recvfrom(4096)
        if not asked:
            return
        query = dns.message.from_wire(asked)
        (question,) = query.question
        answer = dns.message.make_response(query)
        name, kind = str(question.name), question.rdtype.name
        texts = ZONE.get((name, kind))
        if texts:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *texts))
        elif name == "broken.example.":
            answer.set_rcode(SERVFAIL)
        elif name != "example.com.":
            answer.set_rcode(NXDOMAIN)
        server.sendto(answer.to_wire(), whom)
