"""The faults of the short form: those whose end is noticed, on both databases, always the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_table import BOTH, Fault
from fight import faults_for, fight, told
from hurt_service import HurtService
from receiver import Receiver

pytestmark = [
    pytest.mark.processes,
    pytest.mark.xdist_group("faults"),
    pytest.mark.timeout(600),
]

SEED = 1
ROUNDS = [
    pytest.param(
        database,
        fault,
        id=f"{database}: {fault.name}",
        marks=[pytest.mark.postgres] if database == "postgres" else [],
    )
    for database in BOTH
    for fault in faults_for(database, short=True)
]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, HurtService]]:
    """One for each database, begun when it is first asked for."""
    begun: dict[str, HurtService] = {}
    yield begun
    for service in begun.values():
        service.__exit__()


@pytest.mark.parametrize(("database", "fault"), ROUNDS)
def test_what_was_promised_holds_under_a_fault(
    services: dict[str, HurtService],
    receiver: Receiver,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    database: str,
    fault: Fault,
) -> None:
    if database not in services:
        made = HurtService(
            tmp_path_factory.mktemp(database), postgres=database == "postgres", real_flows=False
        )
        services[database] = made.__enter__()
    came = fight(services[database], receiver, fault, folder=tmp_path, seed=SEED)
    assert came.is_right, told(came)
    assert came.counts.kickoffs >= 4
    assert came.counts.answers >= 2
