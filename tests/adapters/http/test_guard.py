from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_network
from threading import Event

import pytest
from hostile_urls import ATTACKS, table

from orchestrator.adapters.http.guard import Guard
from orchestrator.errors import BlockedAddress

PUBLIC = "93.184.216.34"


def public(host: str, port: int) -> Sequence[str]:
    """Answers with a public address, so that only the URL's own text can get it refused."""
    return [PUBLIC]


@pytest.mark.parametrize("url", table(ATTACKS))
def test_a_hostile_url_is_refused(url: str) -> None:
    with pytest.raises(BlockedAddress):
        Guard(resolver=public).vet(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://",
        " http://example.org/",
        "http://example.org/\r\nHost: inner",
        "http://exam\tple.org/",
        "http://example.org/a b",
        "http://127.0.0.1\n.example.org/",
        f"http://{'a' * 64}.example.org/",
        f"http://{'a.' * 130}org/",
    ],
)
def test_a_url_that_parsers_may_read_differently_is_refused(url: str) -> None:
    with pytest.raises(BlockedAddress):
        Guard(resolver=public).vet(url)


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["fe80::1%1"],
        ["169.254.169.254"],
        [PUBLIC, "127.0.0.1"],
        ["192.168.0.1", PUBLIC],
        [PUBLIC, "2606:2800:220:1::1", "fd00:ec2::254"],
        ["not an address"],
    ],
)
def test_a_name_is_refused_when_one_answer_is_not_public(answers: list[str]) -> None:
    with pytest.raises(BlockedAddress):
        Guard(resolver=lambda *_: answers).vet("https://example.org/")


def test_a_refusal_is_none_of_the_errors_that_http_libraries_retry() -> None:
    assert not issubclass(BlockedAddress, OSError)


def test_the_machines_own_name_is_refused() -> None:
    with pytest.raises(BlockedAddress, match="loopback"):
        Guard().vet("http://localhost:6379/")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "https://example.org/hook?token=1#part",
        "HTTPS://EXAMPLE.org:8443/",
        "https://example.org./",
        "https://m\u00fcnchen.example/",
        "http://under_score.example.org/",
        "http://93.184.216.34:8080/",
        "http://134744072/",
        "http://[2606:2800:220:1:248:1893:25c8:1946]/",
        "https://example.org/user@example.org",
    ],
)
def test_a_public_url_passes(url: str) -> None:
    Guard(resolver=public).vet(url)


def test_a_name_that_does_not_resolve_just_now_passes() -> None:
    def failing(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    Guard(resolver=failing).vet("https://example.org/")


def test_a_name_server_that_never_answers_holds_nobody_up() -> None:
    forever = Event()

    def hanging(host: str, port: int) -> Sequence[str]:
        forever.wait()
        return [PUBLIC]

    Guard(resolver=hanging, patience=0.05).vet("https://example.org/")
    forever.set()


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3"])
def test_an_allowed_network_may_be_reached_in_every_notation(address: str) -> None:
    allowed = Guard(allow_networks=(ip_network("10.1.0.0/16"),), resolver=lambda *_: [address])
    allowed.vet("http://inner.example/")


@pytest.mark.parametrize("address", ["10.2.0.1", "127.0.0.1", "::1", "::ffff:10.2.0.1"])
def test_an_allowed_network_allows_nothing_beside_it(address: str) -> None:
    allowed = Guard(allow_networks=(ip_network("10.1.0.0/16"),), resolver=lambda *_: [address])
    with pytest.raises(BlockedAddress):
        allowed.vet("http://inner.example/")


def test_the_loopback_of_ipv6_can_be_allowed() -> None:
    Guard(allow_networks=(ip_network("::1/128"),)).vet("http://[::1]:8000/")


def test_https_only_refuses_http() -> None:
    with pytest.raises(BlockedAddress, match="https://"):
        Guard(https_only=True, resolver=public).vet("http://example.org/")


def test_a_port_that_is_not_named_is_refused() -> None:
    with pytest.raises(BlockedAddress, match="Port 8080"):
        Guard(ports=frozenset({80, 443}), resolver=public).vet("http://example.org:8080/")


def test_a_named_port_passes_also_where_the_url_leaves_it_out() -> None:
    Guard(ports=frozenset({443}), resolver=public).vet("https://example.org/")


def test_a_name_is_asked_for_once_while_its_answer_holds() -> None:
    asked: list[str] = []

    def counting(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return [PUBLIC]

    guard = Guard(resolver=counting, remember=60)
    guard.vet("https://example.org/")
    guard.vet("https://example.org/other")
    assert asked == ["example.org"]
