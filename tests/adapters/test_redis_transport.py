"""The broker is published to over one client, and a wait for jobs is long, but for who ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Consumer, Queue
from kombu.asynchronous import Hub
from loopback_proxy import LoopbackProxy

from orchestrator.adapters.celery import application, make_celery, redis_transport
from orchestrator.adapters.valkey import EmbeddedBroker
from orchestrator.settings import embedded_socket


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


@pytest.fixture
def waiting(channel: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A channel that waits for jobs, as long as one does not come."""
    monkeypatch.setattr(redis_transport, "LONGEST_WAIT", 0)  # no end
    return channel


def begin_to_wait(channel: Any) -> list[object]:
    """Wait for jobs, and go away while the wait goes on; returns where they will be."""
    came: list[object] = []
    queue = Queue("q", routing_key="q")
    Consumer(channel, [queue], callbacks=[lambda body, _: came.append(body)]).consume()
    with pytest.raises(TimeoutError):
        channel.connection.client.drain_events(timeout=0.01)
    return came


def waits(client: Any) -> list[dict[str, str]]:
    """The connections on which something waits for jobs."""
    return [each for each in client.client_list() if each["cmd"] == "brpop"]


def test_who_waits_for_jobs_is_woken_to_close(waiting: Any) -> None:
    begin_to_wait(waiting)
    assert len(waits(client_of(waiting))) == 1

    waiting.close()


def test_a_job_that_comes_meanwhile_is_not_lost(waiting: Any) -> None:
    came = begin_to_wait(waiting)
    app = make_celery(waiting.connection.client.as_uri(include_password=True))
    app.send_task("a.job", queue=Queue("q", routing_key="q"))

    waiting.close()

    assert len(came) == 1


def test_a_job_is_delivered_where_redis_has_no_memory_to_note_that(channel: Any) -> None:
    came: list[object] = []
    queue = Queue("q", routing_key="q")
    app = make_celery(channel.connection.client.as_uri(include_password=True))
    app.send_task("a.job", queue=queue)
    client_of(channel).config_set("maxmemory", "1")

    Consumer(channel, [queue], callbacks=[lambda body, _: came.append(body)]).consume()
    channel.connection.client.drain_events(timeout=5)

    assert len(came) == 1


def test_where_no_id_is_told_the_wait_is_kombus_own(waiting: Any) -> None:
    client_of(waiting).execute_command("ACL", "SETUSER", "default", "-client|id")
    begin_to_wait(waiting)

    waiting.close()  # after a second


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[LoopbackProxy]:
    with EmbeddedBroker(tmp_path), LoopbackProxy(str(embedded_socket(tmp_path))) as proxy:
        yield proxy


@pytest.fixture
def behind(proxy: LoopbackProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A worker's connection through the proxy, of little patience."""
    monkeypatch.setattr(redis_transport, "LONGEST_WAIT", 1)
    monkeypatch.setattr(redis_transport, "OVERDUE", 1.5)
    monkeypatch.setattr(application, "SILENCE", 3.0)
    with make_celery(f"redis://127.0.0.1:{proxy.port}/0").connection() as connection:
        yield connection


@pytest.fixture
def hub(behind: Any) -> Iterator[Hub]:
    """A loop that waits for jobs there, as a worker's does."""
    hub = Hub()
    hub.propagate_errors = behind.connection_errors
    Consumer(behind.default_channel, [Queue("q", routing_key="q")]).consume()
    behind.register_with_event_loop(hub)
    hub.run_once()
    yield hub
    hub.close()


@pytest.mark.timeout(20)
def test_a_wait_that_a_silent_broker_does_not_end_is_an_error_of_the_connection(
    behind: Any, hub: Hub, proxy: LoopbackProxy
) -> None:
    proxy.fall_silent()
    with pytest.raises(behind.connection_errors):
        hub.run_forever()


@pytest.mark.timeout(20)
def test_a_wait_that_ends_is_none(behind: Any, hub: Hub) -> None:
    channel = behind.default_channel
    began = channel._hears_by
    while channel._hears_by == began:
        hub.run_once()


@pytest.mark.timeout(20)
def test_a_command_that_a_silent_broker_does_not_answer_ends(
    behind: Any, proxy: LoopbackProxy
) -> None:
    client = client_of(behind.default_channel)
    proxy.fall_silent()
    with pytest.raises(behind.connection_errors):
        client.ping()


@pytest.mark.timeout(20)
@pytest.mark.usefixtures("hub")
def test_what_waits_behind_a_silent_broker_closes(behind: Any, proxy: LoopbackProxy) -> None:
    client_of(behind.default_channel)  # another connection that falls silent
    proxy.fall_silent()
    behind.default_channel.close()
