"""A circuit breaker around the broker: one that does not answer costs one caller one wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from orchestrator.jobs import Job

log = structlog.get_logger()

PAUSE = 0.5
"""Seconds between two tries whether the broker answers again."""


class CircuitBreaker:
    """Publishes by ``publish`` as long as that succeeds; keeps ``ports.Jobs``.

    A job that fails opens it: a thread of its own tries this one until it goes out, and meanwhile
    every other one is refused at once. Jobs may come twice, so that this harms nothing, and only
    publishing itself shows that the broker takes jobs. Where nothing is wrong but this job's queue,
    ``look`` shows that the broker takes writes, and the other jobs go on. A forked child has no
    such thread, and so begins with a closed one.
    """

    def __init__(
        self, publish: Callable[[Job], None], look: Callable[[], None], pause: float = PAUSE
    ) -> None:
        self._publish = publish
        self._look = look
        self._pause = pause
        self._opening = threading.Lock()
        self._probe: threading.Thread | None = None

    def is_closed(self) -> bool:
        """Whether jobs go out, for all that is known."""
        return self._probe is None or not self._probe.is_alive()

    def publish(self, job: Job) -> None:
        """Send one job. Raises ConnectionError when that fails, or is not even tried."""
        if not self.is_closed():
            raise ConnectionError("the broker does not answer")
        try:
            self._publish(job)
        except Exception as error:
            self._open(job, error)
            raise ConnectionError(str(error)) from error

    def _open(self, job: Job, error: Exception) -> None:
        if not self._opening.acquire(blocking=False):
            return  # another thread is about to
        try:
            if self.is_closed():
                log.warning("broker does not answer; jobs wait for the sweep", error=str(error))
                probe = threading.Thread(
                    target=self._try_until_it_goes_out,
                    args=(job,),
                    name="broker-probe",
                    daemon=True,
                )
                probe.start()
                self._probe = probe
        finally:
            self._opening.release()

    def _try_until_it_goes_out(self, job: Job) -> None:
        while True:
            time.sleep(self._pause)
            try:
                self._publish(job)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                if not self._takes_writes():
                    continue
                log.error("job cannot be published, others can", job=job.name, error=str(error))  # noqa: TRY400 - it says all
            else:
                log.info("broker answers again")
            return

    def _takes_writes(self) -> bool:
        try:
            self._look()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            log.debug("broker still does not answer", error=str(error))
            return False
        return True
