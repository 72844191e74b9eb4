"""What ``@persist`` writes to, where its author names nothing.

The journal holds the state of the flow that runs, so that one is not written a second time. Other
flows (one inside a method, kicked off with an id of its own) are kept where CrewAI would keep them,
in the deployment's folder.
"""

from __future__ import annotations

import threading
from typing import Any

from crewai.flow.persistence.base import FlowPersistence
from crewai.flow.persistence.sqlite import SQLiteFlowPersistence
from pydantic import BaseModel, PrivateAttr

_running: dict[str, Any] = {}
"""The latest state that was persisted of each execution that runs in this process."""


class FlowStates(FlowPersistence):
    """The states of flows, by their ids."""

    persistence_type: str = "orchestrator"
    _others: SQLiteFlowPersistence | None = PrivateAttr(default=None)
    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    def init_db(self) -> None:
        """Nothing: the file is made when the first state is written to it."""

    def save_state(
        self, flow_uuid: str, method_name: str, state_data: dict[str, Any] | BaseModel
    ) -> None:
        """Keep a state."""
        if flow_uuid in _running:
            if isinstance(state_data, BaseModel):
                state_data = state_data.model_dump()
            _running[flow_uuid] = dict(state_data)
        else:
            self._file().save_state(flow_uuid, method_name, state_data)

    def load_state(self, flow_uuid: str) -> dict[str, Any] | None:
        """The latest state that was kept, None where there is none."""
        if flow_uuid in _running:
            state: dict[str, Any] | None = _running[flow_uuid]
            return state
        return self._file().load_state(flow_uuid)

    def _file(self) -> SQLiteFlowPersistence:
        with self._lock:
            if self._others is None:
                self._others = SQLiteFlowPersistence()
            return self._others


def begin(execution_id: str) -> None:
    """Keep the states of this execution in the journal alone."""
    _running[execution_id] = None


def end(execution_id: str) -> None:
    """Forget what was kept of it here."""
    _running.pop(execution_id, None)
