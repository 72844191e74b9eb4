"""The journalled calls in SQL."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Integer, Text, bindparam, delete, func, or_, select, update
from sqlalchemy.sql.dml import Delete

from orchestrator.adapters.sql.cipher import Cipher, is_encrypted
from orchestrator.adapters.sql.prepared import Prepared
from orchestrator.adapters.sql.rows import inserting, selecting, values_of
from orchestrator.adapters.sql.schema import calls
from orchestrator.domain.calls import RecordedCall
from orchestrator.domain.canonical import Json
from orchestrator.domain.renaming import Renames
from orchestrator.domain.task_run import TaskRun
from orchestrator.errors import Sealed, Unreadable

_c = calls.c
_of_round = (
    _c.execution_id == bindparam("of_execution"),
    _c.path == bindparam("of_path"),
    _c.round == bindparam("of_round"),
)
_OF = Prepared(selecting(calls, RecordedCall).where(*_of_round).order_by(_c.number))
_newest = select(func.max(_c.round)).where(
    _c.execution_id == bindparam("of_execution"),
    _c.path == bindparam("of_path"),
    _c.round < bindparam("of_round"),
)
_left_before = (*_of_round[:2], _c.round == _newest.scalar_subquery())
_LEFT = Prepared(selecting(calls, RecordedCall).where(*_left_before).order_by(_c.number))
_CHANGES = ("ended", "note", "arguments", "usage", "approval")
_ANSWER = select(_c.answer).where(*_of_round, _c.number == bindparam("of_number"))
_OLDEST_ANSWER = (
    select(_c.answer).where(*_of_round, _c.answer.is_not(None)).order_by(_c.number).limit(1)
)


class SqlCalls:
    """Keeps ``ports.Calls``.

    Arguments and answers are deflated and, where the settings say so of outputs, encrypted.
    """

    def __init__(self, connection: Connection, cipher: Cipher) -> None:
        self._connection = connection
        self._cipher = cipher

    def add(self, run: TaskRun, call: RecordedCall, answer: Json = None) -> None:
        """Insert."""
        row = {
            **values_of(call),
            "id": str(uuid.uuid4()),
            "arguments": self._cipher.pack_json(call.arguments),
            "execution_id": run.execution_id,
            "path": run.path,
            "round": run.round,
            "task_run_id": run.id,
            "answer": self._cipher.pack_json(answer),
        }
        inserting(calls, tuple(row)).run_each(self._connection, [row])

    def save(self, run: TaskRun, call: RecordedCall, answer: Json = None) -> None:
        """Write what became of a call that has a line."""
        became = {name: getattr(call, name) for name in _CHANGES}
        became |= {
            "arguments": self._cipher.pack_json(call.arguments),
            "answer": self._cipher.pack_json(answer),
        }
        statement = update(calls).where(*_of_round, _c.number == call.number)
        statement = statement.values(became)
        self._connection.execute(statement, _key(run))

    def of(self, run: TaskRun) -> tuple[RecordedCall, ...]:
        """All of a task's round, in order. Raises Sealed, and Unreadable for damaged arguments."""
        found = (RecordedCall(*row) for row in _OF.all(self._connection, _key(run)))
        return tuple(self._readable(call) for call in found)

    def left_before(self, run: TaskRun) -> tuple[RecordedCall, ...]:
        """What is left of the newest earlier round that left any. Raises as ``of`` does."""
        found = (RecordedCall(*row) for row in _LEFT.all(self._connection, _key(run)))
        return tuple(self._readable(call) for call in found)

    def take_over(self, run: TaskRun, numbers: Collection[int]) -> None:
        """Have these of what was left before be the round's own, and delete the rest."""
        taken = update(calls).where(*_left_before, _c.number.in_(numbers))
        self._connection.execute(taken.values(round=run.round, task_run_id=run.id), _key(run))
        self._delete(delete(calls).where(*_of_round[:2], _c.round < bindparam("of_round")), run)

    def answer(self, run: TaskRun, number: int) -> Json:
        """The answer of one. Raises Sealed and Unreadable."""
        found = self._connection.execute(_ANSWER, {**_key(run), "of_number": number}).first()
        if found is None:
            raise Unreadable(f"Call {number} is gone from the journal")
        return self._cipher.unpack_json(found[0], f"The answer of call {number}")

    def require_key(self, run: TaskRun) -> None:
        """Raise Sealed where the oldest answer of a task's round cannot be decrypted here."""
        oldest = self._connection.execute(_OLDEST_ANSWER, _key(run)).scalar()
        if oldest and is_encrypted(oldest) and self._cipher.key_of(oldest) is None:
            raise Sealed("The journal")

    def drop(self, run: TaskRun, numbers: Sequence[int]) -> None:
        """Delete some of a task's round."""
        self._delete(delete(calls).where(*_of_round, _c.number.in_(numbers)), run)

    def purge(self, run: TaskRun, step: str | None = None) -> None:
        """Delete all of a task's round, or those of one step and of what is inside it."""
        if step is None:
            _PURGE.run_each(self._connection, [_key(run)])
            return
        inside = f"{step}/"
        bound = {**_key(run), "of_step": step, "inside": inside, "length": len(inside)}
        _PURGE_STEP.run(self._connection, bound)

    def rename(self, execution_id: str, renames: Renames) -> None:
        """Have all of an execution's belong to its tasks and steps under their new names."""
        of_execution = _c.execution_id == execution_id
        for column in (_c.path, _c.step):
            names = select(column).where(of_execution).distinct()
            for old, new in renames.moves(self._connection.execute(names).scalars().all()):
                moving = update(calls).where(of_execution, column == old)
                self._connection.execute(moving.values({column: new}))

    def purge_execution(self, execution_id: str) -> None:
        """Delete all of an execution's."""
        self._connection.execute(delete(calls).where(_c.execution_id == execution_id))

    def _readable(self, call: RecordedCall) -> RecordedCall:
        """It comes with its arguments as they lie there."""
        if not isinstance(call.arguments, bytes):
            return call
        what = f"What call {call.number} is given"
        return replace(call, arguments=self._cipher.unpack_json(call.arguments, what))

    def _delete(self, statement: Delete, run: TaskRun) -> None:
        self._connection.execute(statement, _key(run))


_INSIDE = func.substr(_c.step, 1, bindparam("length", type_=Integer))
_PURGE_STEP = Prepared(
    delete(calls).where(
        *_of_round,
        or_(
            _c.step == bindparam("of_step"),
            bindparam("inside", type_=Text) == _INSIDE,
        ),
    ),
    (),
)
_PURGE = Prepared(delete(calls).where(*_of_round), ())


def _key(run: TaskRun) -> dict[str, Any]:
    return {"of_execution": run.execution_id, "of_path": run.path, "of_round": run.round}
