"""Which connections are made, and which are used again."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from orchestrator.adapters.http.sender import GuardedSender

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ONLY_SECOND = (ip_network("127.0.0.2/32"),)


def test_a_connection_is_used_again(sender: Callable[..., GuardedSender], kept_alive: Any) -> None:
    one = sender()
    assert [one.send(kept_alive.url, b"{}", {}).status for _ in range(5)] == [200] * 5
    assert kept_alive.accepted == 1


def test_a_connection_sends_without_nagles_delay(
    sender: Callable[..., GuardedSender], kept_alive: Any
) -> None:
    one = sender()
    one.send(kept_alive.url, b"{}", {})
    pool = one._adapter.poolmanager.connection_from_host(
        "127.0.0.1",
        kept_alive.server_port,
        pool_kwargs={"addresses": (ip_address("127.0.0.1"),)},
    )
    with closing(pool.pool.get()) as connection:
        assert connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_connection_that_was_cut_off_is_not_used_again(
    receiver: Callable[..., Any], sender: Callable[..., GuardedSender], behaviours: dict[str, Any]
) -> None:
    hanging_up = receiver(behaviours["answering"](ANSWER))
    one = sender()
    one.send(hanging_up.url, b"{}", {})
    hanging_up.finish()
    assert one.send(hanging_up.url, b"{}", {}).succeeded


def test_many_threads_share_a_sender(sender: Callable[..., GuardedSender], kept_alive: Any) -> None:
    one = sender()
    with ThreadPoolExecutor(8) as threads:
        sent = list(threads.map(lambda _: one.send(kept_alive.url, b"{}", {}), range(100)))
    assert {result.status for result in sent} == {200}
    assert kept_alive.accepted <= 8


def test_a_name_that_is_rebound_after_vetting_reaches_nothing(
    sender: Callable[..., GuardedSender], kept_alive: Any, resolving: Callable[..., Any]
) -> None:
    rebinding = resolving(["93.184.216.34"], ["127.0.0.1"])
    one = sender(allow_networks=(), resolver=rebinding, remember=0)
    url = f"http://rebinding.example:{kept_alive.server_port}/"
    one.vet(url)
    assert one.send(url, b"{}", {}).blocked
    assert kept_alive.accepted == 0


def test_a_name_that_is_rebound_while_remembered_is_reached_where_it_was_vetted(
    sender: Callable[..., GuardedSender], kept_alive: Any, resolving: Callable[..., Any]
) -> None:
    rebinding = resolving(["127.0.0.2"], ["127.0.0.1"])
    one = sender(allow_networks=ONLY_SECOND, resolver=rebinding, remember=60)
    url = f"http://rebinding.example:{kept_alive.server_port}/"
    one.vet(url)
    assert one.send(url, b"{}", {}).error == "connection refused"
    assert kept_alive.accepted == 0


def test_a_name_that_is_rebound_between_tries_is_reached_no_more(
    sender: Callable[..., GuardedSender],
    receiver: Callable[..., Any],
    behaviours: dict[str, Any],
    resolving: Callable[..., Any],
) -> None:
    inner = receiver(behaviours["answering"](ANSWER), "127.0.0.1")
    outer = receiver(behaviours["answering"](ANSWER), "127.0.0.2", inner.port)
    rebinding = resolving(["127.0.0.2"], ["127.0.0.1"])
    one = sender(allow_networks=ONLY_SECOND, resolver=rebinding, remember=0)
    url = f"http://rebinding.example:{inner.port}/"
    assert [one.send(url, b"{}", {}).blocked for _ in range(2)] == [False, True]
    assert (outer.accepted, inner.accepted) == (1, 0)


def test_a_connection_is_left_when_its_name_moves(
    sender: Callable[..., GuardedSender],
    receiver: Callable[..., Any],
    behaviours: dict[str, Any],
    resolving: Callable[..., Any],
) -> None:
    old = receiver(behaviours["holding"](ANSWER), "127.0.0.1")
    new = receiver(behaviours["holding"](ANSWER), "127.0.0.2", old.port)
    one = sender(resolver=resolving(["127.0.0.1"], ["127.0.0.2"]), remember=0)
    for _ in range(2):
        assert one.send(f"http://moving.example:{old.port}/", b"{}", {}).succeeded
    assert (old.accepted, new.accepted) == (1, 1)


@pytest.mark.parametrize("rotated", [["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"]])
def test_a_connection_is_kept_when_a_name_server_rotates_its_answers(
    sender: Callable[..., GuardedSender],
    kept_alive: Any,
    resolving: Callable[..., Any],
    rotated: list[str],
) -> None:
    one = sender(resolver=resolving(rotated, rotated[::-1]), remember=0)
    for _ in range(2):
        assert one.send(f"http://two.example:{kept_alive.server_port}/", b"{}", {}).succeeded
    assert kept_alive.accepted == 1
