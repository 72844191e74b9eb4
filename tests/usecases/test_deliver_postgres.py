"""The queue where commits and drains really run side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from post import MoodyReceiver, Post

from orchestrator.usecases.webhooks.deliver import drain

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
