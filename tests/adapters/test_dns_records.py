"""DNS, asked of a real server on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import dns.message
import dns.rrset
import pytest
from dns.rcode import NXDOMAIN, SERVFAIL
from dns.resolver import Resolver

from orchestrator.adapters.dns_records import DnsRecords
from orchestrator.errors import CannotLookUp

ZONE = {
    ("example.com.", "TXT"): ['"v=spf1 " "-all"', '"other"'],
    ("example.com.", "MX"): ["10 mx.example."],
}


@pytest.fixture
def records() -> Iterator[DnsRecords]:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=_serve, args=(server,), daemon=True)
    thread.start()
    resolver = Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], server.getsockname()[1]
    yield DnsRecords(resolver)
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


def test_a_name_has_its_records(records: DnsRecords) -> None:
    assert sorted(records.look_up("example.com", "TXT")) == ["other", "v=spf1 -all"]
    assert records.look_up("example.com", "MX") == ("10 mx.example.",)


@pytest.mark.parametrize(("name", "kind"), [("example.com", "A"), ("nowhere.example", "MX")])
def test_what_is_not_there_is_nothing(records: DnsRecords, name: str, kind: str) -> None:
    assert records.look_up(name, kind) == ()


def test_a_server_that_fails_says_nothing_of_the_name(records: DnsRecords) -> None:
    with pytest.raises(CannotLookUp, match="TXT records broken"):
        records.look_up("broken.example", "TXT")
