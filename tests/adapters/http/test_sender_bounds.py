"""Receivers that drip, flood, hang up and talk nonsense: each costs a bounded try, no exception."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.adapters.http.sender import GuardedSender, Limits

SHORT = Limits(connect=0.2, total=0.3, read=2_000, kept=100)
LONGER = Limits(connect=1, total=1, read=2_000, kept=100)
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def result_of(
    receiver: Callable[..., Any], sender: Callable[..., GuardedSender], behaviours: dict[str, Any]
) -> Callable[..., Any]:
    """Send, within short limits, to a receiver that behaves so."""

    def send(behaviour: str, *parts: bytes, limits: Limits = SHORT) -> Any:
        return sender(limits).send(receiver(behaviours[behaviour](*parts)).url, b"{}", {})

    return send


@pytest.mark.parametrize(
    "first",
    [b"", b"HTTP/1.1 ", OK, OK + b"X-Long: ", OK + b"X-One: 1\r\n"],
    ids=["nothing", "status line", "headers", "one header", "next header"],
)
def test_dripped_headers_end_at_the_deadline(result_of: Callable[..., Any], first: bytes) -> None:
    result = result_of("dripping", first, b"a")
    assert (result.status, result.error) == (None, "timed out after 0.3 s")


def test_silence_ends_at_the_deadline(result_of: Callable[..., Any]) -> None:
    result = result_of("silent")
    assert (result.status, result.error) == (None, "timed out after 0.3 s")


def test_endless_promises_of_an_answer_end(result_of: Callable[..., Any]) -> None:
    result = result_of("flooding", b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
    assert (result.status, result.error) == (None, "answer too long")


def test_a_dripped_body_leaves_the_status_that_came(result_of: Callable[..., Any]) -> None:
    result = result_of("dripping", OK + b"Content-Length: 1000\r\n\r\n", b"a", limits=LONGER)
    assert result.succeeded
    assert result.error == "answer cut short: timed out after 1 s"


def test_dripped_chunks_leave_the_status_that_came(result_of: Callable[..., Any]) -> None:
    head = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    assert result_of("dripping", head, b"1\r\na\r\n", limits=LONGER).status == 200


def test_a_dripped_chunk_size_ends_at_the_deadline(result_of: Callable[..., Any]) -> None:
    head = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    result = result_of("dripping", head, b"0", limits=LONGER)
    assert result.error == "answer cut short: timed out after 1 s"


def test_an_endless_body_is_read_only_so_far(result_of: Callable[..., Any]) -> None:
    result = result_of("flooding", OK + b"\r\n", b"a" * 65536, limits=Limits(kept=100))
    assert (result.status, result.response) == (200, "a" * 100)


def test_endless_chunks_are_read_only_so_far(result_of: Callable[..., Any]) -> None:
    head = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    result = result_of("flooding", head, b"5\r\nabcde\r\n" * 1000, limits=Limits(kept=10))
    assert (result.status, result.response) == (200, "abcdeabcde")


def test_endless_headers_are_not_read_to_their_end(result_of: Callable[..., Any]) -> None:
    result = result_of("flooding", OK, b"X-More: 1\r\n" * 1000, limits=Limits())
    assert (result.status, result.error) == (None, "answer is not HTTP")


def test_large_headers_are_not_read_to_their_end(result_of: Callable[..., Any]) -> None:
    result = result_of("flooding", OK, b"X-More: " + b"a" * 60000 + b"\r\n", limits=Limits())
    assert (result.status, result.error) == (None, "answer too long")


@pytest.mark.parametrize("status", [b"200 OK", b"302 Found\r\nLocation: /"], ids=["200", "302"])
def test_a_compressed_answer_is_not_unpacked(result_of: Callable[..., Any], status: bytes) -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    head = b"HTTP/1.1 " + status + b"\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    result = result_of("answering", head % len(bomb) + bomb, limits=Limits())
    assert (result.status, result.response) == (int(status[:3]), "")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", "connection closed without an answer"),
        (b"HTTP/1.1 200 OK", None),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "answer is not HTTP"),
        (b"HTTP/1.1 twohundred OK\r\n\r\n", "answer is not HTTP"),
        (b"HTTP/9.9 200 OK\r\n\r\n", "answer is not HTTP"),
        (b"\0" * 100, "answer is not HTTP"),
        (b"+PONG\r\n", "answer is not HTTP"),
    ],
)
def test_what_is_no_answer_is_told_as_such(
    result_of: Callable[..., Any], said: bytes, error: str | None
) -> None:
    assert result_of("answering", said).error == error


def test_a_body_that_ends_early_leaves_the_status_that_came(
    result_of: Callable[..., Any],
) -> None:
    result = result_of("answering", OK + b"Content-Length: 10\r\n\r\nhalf")
    assert (result.status, result.response) == (200, "half")


def test_a_receiver_that_takes_no_body_ends_at_the_deadline(
    receiver: Callable[..., Any], sender: Callable[..., GuardedSender], behaviours: dict[str, Any]
) -> None:
    deaf = receiver(behaviours["deaf"]())
    result = sender(SHORT).send(deaf.url, b"a" * 30_000_000, {})
    assert (result.status, result.error) == (None, "timed out after 0.3 s")


def test_a_queue_that_is_full_is_no_connection(
    full_backlog: str, sender: Callable[..., GuardedSender]
) -> None:
    result = sender(SHORT).send(full_backlog, b"{}", {})
    assert (result.status, result.error) == (None, "no connection within 0.2 s")


_heads = st.sampled_from([b"", b"HTTP/1.1 ", OK, OK + b"\r\n", OK + b"Content-Length: 5\r\n"])
_chunked = st.just(OK + b"Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n")
_location = st.just(b"HTTP/1.1 302 Found\r\nLocation: ")


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(head=st.one_of(_heads, _chunked, _location), rest=st.binary(max_size=200))
def test_no_answer_whatever_raises(
    receiver: Callable[..., Any],
    sender: Callable[..., GuardedSender],
    behaviours: dict[str, Any],
    head: bytes,
    rest: bytes,
) -> None:
    url = receiver(behaviours["answering"](head + rest)).url
    assert sender(SHORT).send(url, b"{}", {}).blocked is False
