"""Bare Celery: jobs that do nothing, set up as its documentation says; run in our environment."""

from __future__ import annotations

import os
import threading

import ends
import requests
from celery import Celery

app = Celery("bare", broker=os.environ["BENCH_BROKER"])
app.conf.update(
    task_ignore_result=True,
    task_default_queue="bare",
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
)


@app.task(name="step")
def step() -> str:
    """Do nothing."""
    return "1"


@app.task(name="last")
def last() -> str:
    """Do nothing, and have the end told."""
    ends.one_ended()
    return "1"


@app.task(name="timed")
def timed() -> str:
    """Say when it began."""
    ends.started()
    return "1"


_own = threading.local()


@app.task(name="post")
def post(url: str, body: str) -> None:
    """Send one webhook, over a connection that its thread keeps."""
    if not hasattr(_own, "session"):
        _own.session = requests.Session()
    headers = {"Content-Type": "application/json"}
    _own.session.post(url, data=body, headers=headers, timeout=15)
