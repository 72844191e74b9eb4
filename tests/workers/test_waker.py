"""An event loop that would wait for an hour goes round when it has to."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from select import select

import pytest
from kombu.asynchronous import Hub

from workers.waker import Waker

pytestmark = pytest.mark.timeout(20)


class SlowHub(Hub):  # type: ignore[misc]  # kombu has no types
    def fire_timers(self, **_: object) -> float:
        return 3600.0


@pytest.fixture
def hub() -> Iterator[SlowHub]:
    hub = SlowHub()
    hub.call_later(3600.0, print)
    yield hub
    signal.set_wakeup_fd(-1)
    hub.close()


@pytest.fixture
def waker(hub: SlowHub) -> Waker:
    waker = Waker()
    waker.register(hub)
    return waker


def test_another_thread_wakes_it(hub: SlowHub, waker: Waker) -> None:
    threading.Thread(target=waker.wake).start()
    next(hub.loop)


@pytest.mark.usefixtures("waker")
def test_a_signal_wakes_it(hub: SlowHub) -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    os.kill(os.getpid(), signal.SIGUSR1)
    next(hub.loop)
    signal.signal(signal.SIGUSR1, before)


def test_it_does_not_wake_itself(waker: Waker) -> None:
    waker.wake()
    assert select([waker._read], [], [], 0)[0] == []
