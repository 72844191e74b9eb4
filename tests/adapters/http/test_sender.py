from __future__ import annotations

import socket
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
import time_machine
from pytest_httpserver import HTTPServer

from orchestrator.adapters.http.guard import Guard
from orchestrator.adapters.http.sender import GuardedSender
from orchestrator.domain.delivery import Authentication, SendResult
from orchestrator.ports import Sender


def answered(status: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.fixture
def result_of(
    receiver: Callable[..., Any], sender: Callable[..., GuardedSender], behaviours: dict[str, Any]
) -> Callable[..., SendResult]:
    """Send to a receiver that answers with these bytes."""

    def send(*parts: bytes) -> SendResult:
        return sender().send(receiver(behaviours["answering"](*parts)).url, b"{}", {})

    return send


def test_it_is_a_sender() -> None:
    sender: Sender = GuardedSender()
    sender.vet("http://93.184.216.34/")


def test_the_exact_bytes_arrive(sender: Callable[..., GuardedSender], kept_alive: Any) -> None:
    sender().send(kept_alive.url, b'{"a": "\xc3\xa4" }', {})
    assert kept_alive.received[0][2] == b'{"a": "\xc3\xa4" }'


def test_headers_arrive_with_the_type_of_the_body(
    sender: Callable[..., GuardedSender], kept_alive: Any
) -> None:
    sender().send(kept_alive.url, b"{}", {"webhook-id": "1"})
    _, headers, _ = kept_alive.received[0]
    assert (headers["webhook-id"], headers["Content-Type"]) == ("1", "application/json")


def test_the_path_and_the_query_arrive(
    sender: Callable[..., GuardedSender], httpserver: HTTPServer
) -> None:
    httpserver.expect_oneshot_request("/a b", "POST", query_string="t=1").respond_with_data("ok")
    assert sender().send(httpserver.url_for("/a%20b?t=1#part"), b"{}", {}).succeeded


def test_the_host_is_told_by_its_name(
    sender: Callable[..., GuardedSender], kept_alive: Any
) -> None:
    named = f"http://hooks.example:{kept_alive.server_port}/"
    sender(resolver=lambda *_: ["127.0.0.1"]).send(named, b"{}", {})
    assert kept_alive.received[0][1]["Host"] == f"hooks.example:{kept_alive.server_port}"


def test_a_bearer_token_is_sent(sender: Callable[..., GuardedSender], kept_alive: Any) -> None:
    sender().send(kept_alive.url, b"{}", {}, Authentication("bearer", token="abc"))
    assert kept_alive.received[0][1]["Authorization"] == "Bearer abc"


def test_basic_credentials_are_sent_as_utf_8(
    sender: Callable[..., GuardedSender], kept_alive: Any
) -> None:
    sender().send(
        kept_alive.url, b"{}", {}, Authentication("basic", username="ann", password="\u00fc:")
    )
    expected = b64encode("ann:\u00fc:".encode()).decode()
    assert kept_alive.received[0][1]["Authorization"] == f"Basic {expected}"


@pytest.mark.parametrize(
    "authentication",
    [
        Authentication("bearer", token="a\r\nX-Evil: 1"),
        Authentication("bearer", token=""),
        Authentication("basic", username="a:b"),
        Authentication("digest"),
    ],
)
def test_credentials_that_cannot_be_sent_block_the_try(
    sender: Callable[..., GuardedSender], kept_alive: Any, authentication: Authentication
) -> None:
    assert sender().send(kept_alive.url, b"{}", {}, authentication).blocked
    assert kept_alive.accepted == 0


def test_a_header_with_a_line_break_blocks_the_try(
    sender: Callable[..., GuardedSender], kept_alive: Any
) -> None:
    result = sender().send(kept_alive.url, b"{}", {"X-Note": "a\nX-Evil: 1"})
    assert (result.blocked, kept_alive.accepted) == (True, 0)


def test_a_forbidden_address_blocks_the_try(kept_alive: Any) -> None:
    result = GuardedSender().send(kept_alive.url, b"{}", {})
    assert (result.blocked, result.status, kept_alive.accepted) == (True, None, 0)


def test_an_answer_is_told(result_of: Callable[..., SendResult]) -> None:
    result = result_of(answered(500, body=b"broken"))
    assert (result.status, result.response, result.error) == (500, "broken", None)


def test_an_answer_in_chunks_is_told(result_of: Callable[..., SendResult]) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert result_of(head, b"3\r\nyes\r\n", b"1\r\n!\r\n0\r\n\r\n").response == "yes!"


def test_an_answer_without_a_length_is_told(result_of: Callable[..., SendResult]) -> None:
    assert result_of(b"HTTP/1.0 200 OK\r\n\r\n", b"to the ", b"end").response == "to the end"


def test_an_answer_keeps_no_control_characters(result_of: Callable[..., SendResult]) -> None:
    assert result_of(answered(200, body=b"a\x00b\x1b[31m\n\xff")).response == "ab[31m\n\ufffd"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    result_of: Callable[..., SendResult], kept_alive: Any, status: int
) -> None:
    result = result_of(answered(status, f"Location: {kept_alive.url}"))
    assert result.error == f"redirect to {kept_alive.url} not followed"
    assert (result.status, kept_alive.accepted) == (status, 0)


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://ann:word@login.example:8443/in?token=t#part", "https://login.example:8443/in?…"),
        ("/in?token=t", "/in?…"),
        ("?token=t", "?…"),
        ("/in#token", "/in"),
        ("http://[", "(not a URL)"),
        ("", "nowhere"),
    ],
)
def test_where_a_redirect_leads_is_told_without_what_may_be_secret(
    result_of: Callable[..., SendResult], location: str, told: str
) -> None:
    result = result_of(answered(302, f"Location: {location}"))
    assert result.error == f"redirect to {told} not followed"


@pytest.mark.parametrize("location", ["http://[", "http://\u20ac:x/", "//", "\x01", "x" * 5000])
def test_a_redirect_to_nonsense_is_an_answer_like_any_other(
    result_of: Callable[..., SendResult], location: str
) -> None:
    assert result_of(answered(302, f"Location: {location}")).status == 302


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Thu, 01 Jan 2026 00:01:30 GMT", 90.0),
        ("Thu, 01 Jan 2026 00:01:30 -0000", 90.0),
        ("Wed, 31 Dec 2025 23:00:00 GMT", 0.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("\u0661", None),
        ("9" * 400, None),
        ("Thu, 99 Foo 2026 99:99:99 GMT", None),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_told_in_seconds_from_now(
    result_of: Callable[..., SendResult], value: str, seconds: float | None
) -> None:
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC), tick=False):
        assert result_of(answered(503, f"Retry-After: {value}")).retry_after == seconds


def test_a_refused_connection_is_told(sender: Callable[..., GuardedSender]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    result = sender().send(f"http://127.0.0.1:{port}/", b"{}", {})
    assert (result.status, result.error, result.blocked) == (None, "connection refused", False)


def test_a_name_that_does_not_resolve_can_be_tried_again(
    sender: Callable[..., GuardedSender],
) -> None:
    result = sender().send("http://nobody.invalid/", b"{}", {})
    assert (result.error, result.blocked) == ("name does not resolve", False)


def test_the_second_address_is_tried_when_the_first_refuses(
    sender: Callable[..., GuardedSender], kept_alive: Any
) -> None:
    two = sender(resolver=lambda *_: ["127.0.0.9", "127.0.0.1"])
    assert two.send(f"http://two.example:{kept_alive.server_port}/", b"{}", {}).succeeded


def test_the_environments_proxies_are_not_used(
    sender: Callable[..., GuardedSender],
    receiver: Callable[..., Any],
    behaviours: dict[str, Any],
    kept_alive: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = receiver(behaviours["answering"](answered(200)))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    assert sender().send(kept_alive.url, b"{}", {}).response == "fine"
    assert proxy.accepted == 0


def test_netrc_is_not_read(
    sender: Callable[..., GuardedSender],
    kept_alive: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login operator password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    sender().send(kept_alive.url, b"{}", {})
    assert "Authorization" not in kept_alive.received[0][1]


def test_cookies_are_not_kept(sender: Callable[..., GuardedSender], httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("", headers={"Set-Cookie": "a=b; Path=/"})
    one = sender()
    one.send(httpserver.url_for("/"), b"{}", {})
    one.send(httpserver.url_for("/"), b"{}", {})
    assert "Cookie" not in httpserver.log[1][0].headers


def test_a_fault_of_ours_is_a_failure_which_the_log_has(
    sender: Callable[..., GuardedSender],
) -> None:
    def broken(*_: object) -> list[str]:
        raise RuntimeError("no answer of the network")

    with structlog.testing.capture_logs() as logs:
        result = sender(resolver=broken).send("http://hooks.example/", b"{}", {})

    told = "a fault of ours (RuntimeError), which the log has"
    assert (result.status, result.error, result.blocked) == (None, told, False)
    assert [(line["log_level"], line["exc_info"]) for line in logs] == [("error", True)]


def test_a_guard_of_its_own_is_used_for_vetting() -> None:
    strict = GuardedSender(Guard(https_only=True))
    assert strict.send("http://93.184.216.34/", b"{}", {}).blocked


def test_a_short_text_is_fetched_whole(
    sender: Callable[..., GuardedSender], httpserver: HTTPServer
) -> None:
    text = "line\n" * 1000
    httpserver.expect_oneshot_request("/cert.pem", "GET").respond_with_data(text)
    found = sender().get(httpserver.url_for("/cert.pem"))
    assert (found.status, found.response) == (200, text)


def test_what_is_fetched_is_guarded_too() -> None:
    assert GuardedSender().get("http://127.0.0.1/cert.pem").blocked
