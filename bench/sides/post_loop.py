"""A bare loop that POSTs: a ``requests.Session`` for each thread, and the same signatures."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import requests
from harness.child import Run, serve

from orchestrator.adapters.http.signing import StandardSigner


def make(arguments: dict[str, Any]) -> Run:
    """So many threads at one URL."""
    threads, url = arguments["threads"], arguments["url"]
    body = arguments["body"].encode()
    signer = StandardSigner((arguments["secret"],))

    def loop(count: int) -> None:
        with requests.Session() as session:
            for _ in range(count):
                signed = signer.headers((), str(uuid4()), datetime.now(UTC), body)
                headers = {"Content-Type": "application/json", **signed}
                session.post(url, data=body, headers=headers, timeout=15)

    def run(count: int) -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(loop, [count // threads] * threads))

    return run


if __name__ == "__main__":
    serve(make)
