"""HTTPS by address: the certificate has to be the name's, and the name is what SNI says."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from certificates import make_certificates

from orchestrator.adapters.http.sender import GuardedSender, Limits


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two files: the authority's certificate, and one for hooks.example with its key."""
    return make_certificates(tmp_path_factory.mktemp("authority"), "hooks.example")


@pytest.fixture
def secure(kept_alive: Any, authority: tuple[Path, Path]) -> Any:
    """The well-behaved server under TLS; ``asked_for`` are the names that SNI told it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority[1])
    kept_alive.asked_for = []
    context.sni_callback = lambda _socket, name, _context: kept_alive.asked_for.append(name)
    kept_alive.socket = context.wrap_socket(kept_alive.socket, server_side=True)
    kept_alive.handle_error = lambda *_: None
    return kept_alive


def _local(*_: object) -> list[str]:
    return ["127.0.0.1"]


def test_the_name_is_verified_though_the_address_is_connected_to(
    sender: Callable[..., GuardedSender], secure: Any, authority: tuple[Path, Path]
) -> None:
    one = sender(resolver=_local, ca_bundle=authority[0])
    assert one.send(f"https://hooks.example:{secure.server_port}/", b"{}", {}).response == "fine"
    assert secure.asked_for == ["hooks.example"]


def test_a_certificate_for_another_name_is_not_accepted(
    sender: Callable[..., GuardedSender], secure: Any, authority: tuple[Path, Path]
) -> None:
    one = sender(resolver=_local, ca_bundle=authority[0])
    result = one.send(f"https://other.example:{secure.server_port}/", b"{}", {})
    assert "certificate is not valid for 'other.example'" in str(result.error)
    assert secure.received == []


def test_a_certificate_for_a_name_is_not_accepted_for_its_address(
    sender: Callable[..., GuardedSender], secure: Any, authority: tuple[Path, Path]
) -> None:
    one = sender(ca_bundle=authority[0])
    result = one.send(f"https://127.0.0.1:{secure.server_port}/", b"{}", {})
    assert str(result.error).startswith("certificate not accepted: IP address mismatch")


def test_an_unknown_authority_is_not_accepted(
    sender: Callable[..., GuardedSender], secure: Any
) -> None:
    result = sender(resolver=_local).send(f"https://hooks.example:{secure.server_port}/", b"{}", {})
    assert str(result.error).startswith("certificate not accepted: unable to get local issuer")


def test_a_connection_under_tls_is_used_again(
    sender: Callable[..., GuardedSender], secure: Any, authority: tuple[Path, Path]
) -> None:
    one = sender(resolver=_local, ca_bundle=authority[0])
    url = f"https://hooks.example:{secure.server_port}/"
    assert [one.send(url, b"{}", {}).status for _ in range(5)] == [200] * 5
    assert secure.accepted == 1


def test_https_to_a_plain_server_is_told(
    sender: Callable[..., GuardedSender], kept_alive: Any
) -> None:
    result = sender().send(f"https://127.0.0.1:{kept_alive.server_port}/", b"{}", {})
    assert result.error == "TLS failed"


def test_a_handshake_that_never_ends_is_no_connection(
    receiver: Callable[..., Any], sender: Callable[..., GuardedSender], behaviours: dict[str, Any]
) -> None:
    mute = receiver(behaviours["silent"]())
    result = sender(Limits(connect=0.2, total=5)).send(f"https://127.0.0.1:{mute.port}/", b"", {})
    assert result.error == "no connection within 0.2 s"


def test_headers_dripped_under_tls_end_at_the_deadline(
    receiver: Callable[..., Any],
    sender: Callable[..., GuardedSender],
    behaviours: dict[str, Any],
    authority: tuple[Path, Path],
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority[1])

    def under_tls(connection: Any, stopping: Any) -> None:
        with context.wrap_socket(connection.dup(), server_side=True) as wrapped:
            behaviours["dripping"](b"HTTP/1.1 200 OK\r\n", b"a")(wrapped, stopping)

    one = sender(Limits(connect=2, total=2), resolver=_local, ca_bundle=authority[0])
    result = one.send(f"https://hooks.example:{receiver(under_tls).port}/", b"{}", {})
    assert result.error == "timed out after 2 s"
