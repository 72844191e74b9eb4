"""The queue where commits and drains really run side by side."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from post import MoodyReceiver, Post

from orchestrator.errors import NotReplayable
from orchestrator.ports import DeliveryFilter
from orchestrator.usecases.webhooks.batch import DrainWork
from orchestrator.usecases.webhooks.deliver import drain
from orchestrator.usecases.webhooks.deliver_batch import next_batch
from orchestrator.usecases.webhooks.deliveries import replay_deliveries, replay_delivery

pytestmark = pytest.mark.postgres


def test_commits_and_drains_side_by_side_lose_nothing(postgres_post: Post, tmp_path: Path) -> None:
    post = postgres_post

    def commit(number: int) -> list[str]:
        return [*post.commit(receiver.url, 3), *post.commit(f"{receiver.url}{number % 2}", 2)]

    with MoodyReceiver() as receiver, ThreadPoolExecutor(6) as threads:
        committing = [threads.submit(commit, number) for number in range(30)]
        while not all(each.done() for each in committing) or post.jobs:
            if post.jobs:
                threads.submit(drain, post.ports, post.jobs.pop(0).arguments["endpoint_id"], "w")
        threads.shutdown(wait=True)
        post.work()

        sent = [delivery_id for each in committing for delivery_id in each.result()]
        assert post.states() == {"DELIVERED": len(sent)}
        assert sorted(receiver.ids) == sorted(sent)


def test_drains_that_race_try_no_more_unproven_receivers_than_the_limit(
    postgres_post: Post,
) -> None:
    ports, begins = postgres_post.ports, threading.Barrier(8)
    for number in range(8):
        postgres_post.commit(f"http://127.0.0.{number + 1}/")

    def is_admitted(endpoint_id: str) -> bool:
        begins.wait()
        work = DrainWork(ports.ids.new(), endpoint_id, "w")
        return next_batch(ports, work, None, (), 20) is not None

    with ThreadPoolExecutor(8) as threads:
        ids = [job.arguments["endpoint_id"] for job in postgres_post.jobs]
        assert sum(threads.map(is_admitted, ids)) == ports.send_limits.unproven


def test_of_replays_that_race_one_is_told_that_it_was(postgres_post: Post) -> None:
    (sent,) = postgres_post.commit("nonsense")
    postgres_post.work()
    begins = threading.Barrier(8)

    def is_told(number: int) -> bool:
        begins.wait()
        try:
            replay_delivery(postgres_post.ports, sent, f"cli:{number}")
        except NotReplayable:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(is_told, range(8))) == 1


def test_replays_of_many_that_race_count_each_once(postgres_post: Post) -> None:
    postgres_post.commit("nonsense", 20)
    postgres_post.work()
    begins = threading.Barrier(8)

    def count(number: int) -> int:
        begins.wait()
        return replay_deliveries(postgres_post.ports, DeliveryFilter(), f"cli:{number}")

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(count, range(8))) == 20
