"""The manifests and plans in SQL."""

from __future__ import annotations

from sqlalchemy import Connection, select

from orchestrator.adapters.sql.rows import insert_new, upsert
from orchestrator.adapters.sql.schema import manifests, plans
from orchestrator.domain.deployment import Manifest
from orchestrator.domain.plan import Plan


class SqlManifests:
    """Keeps ``ports.Manifests``. Plans never change: each is read once and then known."""

    def __init__(self, connection: Connection, known_plans: dict[str, Plan]) -> None:
        self._connection = connection
        self._known_plans = known_plans

    def put(self, manifest: Manifest) -> None:
        """Replace the deployment's manifest; keep its plan for ever."""
        if manifest.plan:
            plan = {"digest": manifest.plan.digest, "body": manifest.plan.to_json()}
            insert_new(self._connection, plans, plan, ["digest"])
        row = {
            "deployment": manifest.deployment,
            "plan_digest": manifest.plan.digest if manifest.plan else None,
            "error": manifest.error,
            "written_at": manifest.written_at,
            "worker": manifest.worker,
        }
        upsert(self._connection, manifests, row, ["deployment"])

    def get(self, deployment: str) -> Manifest | None:
        """The newest one."""
        query = (
            select(manifests, plans.c.body)
            .outerjoin(plans, plans.c.digest == manifests.c.plan_digest)
            .where(manifests.c.deployment == deployment)
        )
        row = self._connection.execute(query).first()
        if row is None:
            return None
        plan = Plan.from_json(row.body) if row.body else None
        return Manifest(row.deployment, plan, row.error, row.written_at, row.worker)

    def plan(self, digest: str) -> Plan | None:
        """The plan with that digest, as some manifest once had it."""
        if digest not in self._known_plans:
            query = select(plans.c.body).where(plans.c.digest == digest)
            body = self._connection.execute(query).scalar()
            if body is None:
                return None
            self._known_plans[digest] = Plan.from_json(body)
        return self._known_plans[digest]
