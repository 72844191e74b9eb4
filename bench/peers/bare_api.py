"""The floor: FastAPI, one durable row in SQLite or PostgreSQL, one bare Celery job; our versions.

``uvicorn bare_api:app``, with ``BENCH_DATABASE`` and ``BENCH_BROKER``.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import uuid
from typing import Any

import psycopg
from celery import Celery
from fastapi import FastAPI

URL = os.environ["BENCH_DATABASE"]
own = threading.local()
jobs = Celery("bare", broker=os.environ["BENCH_BROKER"])
jobs.conf.update(task_ignore_result=True, task_default_queue="bare-api")
app = FastAPI()


def connection() -> Any:
    """One of this thread, with what makes a commit safe."""
    if not hasattr(own, "connection"):
        if URL.startswith("sqlite"):
            own.connection = sqlite3.connect(URL.removeprefix("sqlite:///"), timeout=30)
            own.connection.execute("PRAGMA synchronous = FULL")
        else:
            own.connection = psycopg.connect(URL)
    return own.connection


if URL.startswith("sqlite"):
    connection().execute("PRAGMA journal_mode = WAL")
connection().execute("CREATE TABLE bare (id text primary key, body text)")
connection().commit()


@app.post("/kickoff")
def kickoff(body: dict[str, Any]) -> dict[str, str]:
    """Write it down, publish, answer."""
    made = str(uuid.uuid4())
    mark = "?" if URL.startswith("sqlite") else "%s"
    connection().execute(f"INSERT INTO bare VALUES ({mark}, {mark})", (made, json.dumps(body)))
    connection().commit()
    jobs.send_task("step", kwargs={"id": made})
    return {"kickoff_id": made}
