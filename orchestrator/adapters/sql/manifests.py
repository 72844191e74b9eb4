"""The manifests and plans in SQL."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Connection, Text, bindparam, select, type_coerce, update

from orchestrator.adapters.sql.database_clock import Moment, Timed
from orchestrator.adapters.sql.known import Known
from orchestrator.adapters.sql.rows import insert_new, upsert
from orchestrator.adapters.sql.schema import declared_settings, manifests, plans
from orchestrator.domain.canonical import JsonObject, decode
from orchestrator.domain.deployment import Manifest
from orchestrator.domain.plan import FORMAT, Plan
from orchestrator.errors import Unreadable, WrittenByNewer, cause

_c, _d = manifests.c, declared_settings.c
_BODY = type_coerce(plans.c.body, Text).label("body")

_NEWEST = Timed(
    select(_c.error, _c.written_at, _c.worker, _c.settings, _BODY)
    .outerjoin(plans, plans.c.digest == _c.plan_digest)
    .where(_c.deployment == bindparam("of_deployment"))
)


class SqlManifests:
    """Keeps ``ports.Manifests``. Plans never change: each is read once and then known."""

    def __init__(self, connection: Connection, known: Known, moment: Moment) -> None:
        self._connection = connection
        self._moment = moment
        self._known_plans = known.plans

    def put(self, manifest: Manifest) -> None:
        """Replace the deployment's manifest; keep its plan for ever."""
        if manifest.plan:
            plan = {"digest": manifest.plan.digest, "body": manifest.plan.to_json()}
            upsert(self._connection, plans, plan, ["digest"])  # it may say more than it did
        row = {
            "deployment": manifest.deployment,
            "plan_digest": manifest.plan.digest if manifest.plan else None,
            "error": manifest.error,
            "written_at": manifest.written_at,
            "worker": manifest.worker,
            "settings": manifest.settings,
        }
        upsert(self._connection, manifests, row, ["deployment"])

    def get(self, deployment: str) -> Manifest | None:
        """The newest one."""
        row = _NEWEST.defer(self._connection, self._moment, {"of_deployment": deployment})()
        if row is None:
            return None
        error, written_at, worker, settings, body = row
        try:
            plan = _plan(body) if body else None
        except Unreadable as unreadable:
            plan, error = None, unreadable.message
        return Manifest(deployment, plan, error, written_at, worker, settings)

    def lock(self, deployment: str) -> None:
        """Hold its row; on SQLite the whole transaction holds the database already."""
        query = select(manifests.c.deployment).where(manifests.c.deployment == deployment)
        self._connection.execute(query.with_for_update(key_share=True))

    def settings(self, deployment: str) -> JsonObject | None:
        """The settings that its file had when a worker last loaded it."""
        query = select(manifests.c.settings).where(manifests.c.deployment == deployment)
        return self._connection.execute(query).scalar()

    def declared(self) -> dict[str, JsonObject]:
        """What the file said of each deployment when a process last started with it."""
        rows = self._connection.execute(select(_d.deployment, _d.settings))
        return {row.deployment: row.settings for row in rows}

    def declare(self, deployment: str, settings: JsonObject) -> JsonObject | None:
        """Keep what the file says of a deployment now; returns what it said before, if anything."""
        row = {"deployment": deployment, "settings": settings}
        if insert_new(self._connection, declared_settings, row, ["deployment"]):
            return None
        held = select(_d.settings).where(_d.deployment == deployment).with_for_update()
        before: JsonObject = self._connection.execute(held).scalar_one()
        its = update(declared_settings).where(_d.deployment == deployment)
        self._connection.execute(its.values(settings=settings))
        return before

    def plan(self, digest: str) -> Plan | None:
        """The plan with that digest. Raises Unreadable and WrittenByNewer."""
        if digest not in self._known_plans:
            query = select(_BODY).where(plans.c.digest == digest)
            body = self._connection.execute(query).scalar()
            if body is None:
                return None
            self._known_plans[digest] = _plan(body)
        return self._known_plans[digest]


@lru_cache(maxsize=64)
def _plan(body: str) -> Plan:
    """The plan that a body says. By the body, since a digest may come to say more than it did."""
    stored: Any = None
    try:
        stored = cast("Any", decode(body))
        return Plan.from_json(stored)
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
        version = stored.get("v") if isinstance(stored, dict) else None
        if isinstance(version, int) and version > FORMAT:
            raise WrittenByNewer("The plan", version, FORMAT) from error
        raise Unreadable(f"The plan is damaged: {cause(error)}") from error
