"""What the use cases need of the world, as Protocols. Each adapter keeps one of them."""

from __future__ import annotations

from orchestrator.ports.running import (
    Ended,
    Halted,
    Progress,
    Result,
    RunContext,
    Runner,
    Step,
)
from orchestrator.ports.sending import Sender, Signer
from orchestrator.ports.store import Store, Transaction
from orchestrator.ports.surroundings import (
    Figures,
    Intake,
    IntakeMessage,
    IntakeState,
    KeptAnswer,
    Keys,
    Manifests,
    Tokens,
    Workers,
)
from orchestrator.ports.system import Chance, Clock, Ids, Jobs
from orchestrator.ports.webhooks import (
    Deliveries,
    DeliveryFigures,
    DeliveryFilter,
    Drains,
    Endpoints,
    Hosts,
    Outcome,
    Wakeups,
)
from orchestrator.ports.work import (
    EVERY_ENTRY,
    Checkpoints,
    EntryFilter,
    ExecutionFilter,
    Executions,
    Outputs,
    Position,
    Reviews,
    TaskRuns,
    Timeline,
)
from orchestrator.ports.world import Deployments, Ports

__all__ = [
    "EVERY_ENTRY",
    "Chance",
    "Checkpoints",
    "Clock",
    "Deliveries",
    "DeliveryFigures",
    "DeliveryFilter",
    "Deployments",
    "Drains",
    "Ended",
    "Endpoints",
    "EntryFilter",
    "ExecutionFilter",
    "Executions",
    "Figures",
    "Halted",
    "Hosts",
    "Ids",
    "Intake",
    "IntakeMessage",
    "IntakeState",
    "Jobs",
    "KeptAnswer",
    "Keys",
    "Manifests",
    "Outcome",
    "Outputs",
    "Ports",
    "Position",
    "Progress",
    "Result",
    "Reviews",
    "RunContext",
    "Runner",
    "Sender",
    "Signer",
    "Step",
    "Store",
    "TaskRuns",
    "Timeline",
    "Tokens",
    "Transaction",
    "Wakeups",
    "Workers",
]
