"""A round: executions of every kind, a fault in their middle, the end, and the count."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

# These fill the table.
import faults_of_processes  # noqa: F401
import faults_of_servers  # noqa: F401
from battle import Battle
from count_battle import Counts, count, settled
from fault_table import FAULTS, Fault
from faults_of_machines import CAN_MOUNT
from hurt_service import HurtService
from random_flows import dice
from receiver import Receiver

OF_DISKS = ("the disk is full", "the data folder is read-only")


@dataclass
class Came:
    """What came of one round."""

    fault: Fault
    database: str
    seed: int
    counts: Counts = field(default_factory=Counts)
    wrong: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        return not self.wrong and self.counts.is_right


def faults_for(database: str, *, short: bool = False, seldom: bool = False) -> list[Fault]:
    """Those of the table that apply here."""
    return [
        fault
        for fault in FAULTS
        if database in fault.databases
        and (fault.short or not short)
        and (seldom or not fault.seldom)
        and (CAN_MOUNT or fault.name not in OF_DISKS)
    ]


def fight(
    service: HurtService, receiver: Receiver, fault: Fault, *, folder: Path, seed: int
) -> Came:
    """One round of a fault, from healthy to healthy."""
    came = Came(fault, "postgres" if service.own_postgres else "sqlite", seed)
    battle = Battle(service, receiver, folder, dice(f"{seed} {fault.name}"))
    try:
        with battle.reviewing():
            _to_its_end(battle, fault)
        came.counts = count(battle, came.wrong)
    except Exception as error:  # noqa: BLE001 - a night goes on, and tells of it in the morning
        came.wrong.append(f"{type(error).__name__}: {error}")
    finally:
        battle.release()
    came.wrong += [f"{type(error).__name__}: {error}" for error in battle.wrong]
    return came


def _to_its_end(battle: Battle, fault: Fault) -> None:
    service, rng = battle.service, battle.rng
    if not service.is_up:
        service.start()
    service.await_ready()
    flows = [name for name in ("plain_flow", "real_flow") if service.serves(name)]
    stays_open = battle.make("crew")
    battle.keep_open(stays_open)
    battle.kick_off(stays_open)
    battle.until(lambda: battle.asks(stays_open))
    battle.held_body = rng.choice(("research", "write", "publish"))
    battle.held.append(battle.begin("crew", hold=battle.held_body))
    battle.held.append(battle.begin(rng.choice(flows), hold="check"))
    with fault.lasting(battle):
        battle.begin_meanwhile([rng.choice(("crew", *flows))])
        battle.release()
    service.await_ready()
    battle.all_begun()
    battle.held_open.clear()
    settled(battle)


def told(came: Came) -> str:
    """A line of what was wrong, for people."""
    with suppress(IndexError):
        return f"{came.fault.name} on {came.database}, seed {came.seed}: {came.wrong[0][:2000]}"
    return f"{came.fault.name} on {came.database}, seed {came.seed}: {came.counts}"
