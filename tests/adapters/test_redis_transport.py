"""The broker is published to over one client, which is made anew when its connections are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.celery import make_celery
from orchestrator.adapters.valkey import EmbeddedBroker


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Any]:
    with EmbeddedBroker(tmp_path) as broker, make_celery(broker.url).connection() as connection:
        yield connection.default_channel


def client_of(channel: Any) -> Any:
    with channel.conn_or_acquire() as client:
        client.ping()
        return client


def test_commands_share_one_client(channel: Any) -> None:
    assert client_of(channel) is client_of(channel)


def test_what_consumes_has_its_own(channel: Any) -> None:
    assert channel.client is not client_of(channel)


def test_broken_connections_take_their_client_along(channel: Any) -> None:
    before = client_of(channel)
    channel._disconnect_pools()

    assert client_of(channel) is not before
