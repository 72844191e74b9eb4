from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from orchestrator.adapters.sql import SqlStore
from orchestrator.domain.deployment import Manifest
from orchestrator.domain.plan import Plan, PlannedTask, TaskKind

BEFORE = PlannedTask("look_up", TaskKind.BEFORE_KICKOFF)
PLAN = Plan((BEFORE, PlannedTask("write", human_input=True)), ("topic",))


def manifest(now: datetime) -> Manifest:
    return Manifest("newsroom", PLAN, None, now, "worker-1")


def test_a_manifest_is_read_as_it_was_written(store: SqlStore, now: datetime) -> None:
    store.transact(lambda tx: tx.manifests.put(manifest(now)))

    assert store.read(lambda tx: tx.manifests.get("newsroom")) == manifest(now)
    assert store.read(lambda tx: tx.manifests.get("other")) is None


def test_a_newer_manifest_replaces_the_older_one(store: SqlStore, now: datetime) -> None:
    broken = replace(manifest(now), plan=None, error="No module named 'crew'")

    store.transact(lambda tx: tx.manifests.put(manifest(now)))
    store.transact(lambda tx: tx.manifests.put(broken))

    assert store.read(lambda tx: tx.manifests.get("newsroom")) == broken


def test_plans_outlive_the_manifests_that_had_them(store: SqlStore, now: datetime) -> None:
    changed = Plan((*PLAN.tasks, PlannedTask("print")))
    store.transact(lambda tx: tx.manifests.put(manifest(now)))
    store.transact(lambda tx: tx.manifests.put(replace(manifest(now), plan=changed)))

    assert store.read(lambda tx: tx.manifests.plan(PLAN.digest)) == PLAN
    assert store.read(lambda tx: tx.manifests.plan(changed.digest)) == changed
    assert store.read(lambda tx: tx.manifests.plan("sha256:0")) is None
