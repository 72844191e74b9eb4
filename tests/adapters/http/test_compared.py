"""Ours beside two libraries for the same purpose, on the same hostile URLs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hostile_urls import ATTACKS, urls
from requests_hardened import Config, Manager
from ssrfguard import Policy
from ssrfguard.requests import Session

from orchestrator.adapters.http.guard import Guard
from orchestrator.adapters.http.sender import GuardedSender

HARDENED = Manager(
    Config(
        ip_filter_enable=True,
        ip_filter_allow_loopback_ips=False,
        never_redirect=True,
        default_timeout=(1, 1),
    )
)

SENDERS: dict[str, Callable[[str], Any]] = {
    "ours": lambda url: GuardedSender(Guard()).send(url, b"{}", {}),
    "ssrfguard": lambda url: Session(policy=Policy()).post(url, data=b"{}", timeout=1),
    "requests-hardened": lambda url: HARDENED.send_request("POST", url, data=b"{}"),
}


@contextmanager
def nothing_leaves(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Note every address that is about to be connected to, and let nobody connect.

    Threads that other tests left behind are nobody here: they neither count nor are let through.
    """
    reached: list[Any] = []
    others = set(threading.enumerate()) - {threading.current_thread()}

    def connect(_socket: socket.socket, address: Any) -> None:
        if threading.current_thread() not in others:
            reached.append(address)
        raise ConnectionRefusedError

    def resolve(host: Any, port: Any, family: int = 0, kind: int = 0, *_: Any, **__: Any) -> Any:
        return real(host, port, family, kind, flags=socket.AI_NUMERICHOST)

    real = socket.getaddrinfo
    with monkeypatch.context() as patched:
        patched.setattr(socket.socket, "connect", connect)
        patched.setattr(socket, "getaddrinfo", resolve)
        yield reached


@pytest.fixture(scope="module")
def leaks() -> dict[str, list[str]]:
    """The hostile URLs at which each one would have connected to something."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return {name: _leaks(send, monkeypatch) for name, send in SENDERS.items()}


def _leaks(send: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    leaking = []
    for url in urls(ATTACKS):
        with nothing_leaves(monkeypatch) as reached, suppress(Exception):
            send(url)
        if reached:
            leaking.append(url)
    return leaking


def test_ours_connects_to_nothing_hostile(leaks: dict[str, list[str]]) -> None:
    assert leaks["ours"] == []


@pytest.mark.parametrize("library", ["ssrfguard", "requests-hardened"])
def test_ours_refuses_all_that_others_refuse(leaks: dict[str, list[str]], library: str) -> None:
    assert set(leaks["ours"]) <= set(leaks[library])


@pytest.mark.parametrize("name", SENDERS)
def test_each_would_connect_to_a_public_address(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with nothing_leaves(monkeypatch) as reached, suppress(Exception):
        SENDERS[name]("http://8.8.8.8/")
    assert reached
