"""What the use cases need of the world, as Protocols. Each adapter keeps one of them."""

from __future__ import annotations

from orchestrator.ports.running import Progress, Runner, Step, TaskResult
from orchestrator.ports.sending import Sender, Signer
from orchestrator.ports.store import Store, Transaction
from orchestrator.ports.surroundings import (
    Figures,
    Heartbeat,
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
    Checkpoints,
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
    "Chance",
    "Checkpoints",
    "Clock",
    "Deliveries",
    "DeliveryFigures",
    "DeliveryFilter",
    "Deployments",
    "Drains",
    "Endpoints",
    "ExecutionFilter",
    "Executions",
    "Figures",
    "Heartbeat",
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
    "Reviews",
    "Runner",
    "Sender",
    "Signer",
    "Step",
    "Store",
    "TaskResult",
    "TaskRuns",
    "Timeline",
    "Tokens",
    "Transaction",
    "Wakeups",
    "Workers",
]
