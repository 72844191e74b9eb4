"""What the use cases need of the world, as Protocols. Each adapter keeps one of them."""

from __future__ import annotations

from orchestrator.ports.journal import CallJournal, Calls, LiveCall, ServedAnswer
from orchestrator.ports.operations import (
    Audit,
    FailingStep,
    Figures,
    Intake,
    Keys,
    Manifests,
    StoredResponse,
    Sweeps,
    Tokens,
    Workers,
)
from orchestrator.ports.running import (
    Ended,
    Halted,
    Progress,
    Result,
    RunContext,
    Runner,
    Step,
    StepWatch,
)
from orchestrator.ports.sending import Sender, Signer
from orchestrator.ports.store import Store, Transaction
from orchestrator.ports.system import Chance, Clock, Ids, Jobs
from orchestrator.ports.webhooks import (
    Claim,
    Deliveries,
    DeliveryFilter,
    Drains,
    Endpoints,
    Outcome,
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
    "Audit",
    "CallJournal",
    "Calls",
    "Chance",
    "Checkpoints",
    "Claim",
    "Clock",
    "Deliveries",
    "DeliveryFilter",
    "Deployments",
    "Drains",
    "Ended",
    "Endpoints",
    "EntryFilter",
    "ExecutionFilter",
    "Executions",
    "FailingStep",
    "Figures",
    "Halted",
    "Ids",
    "Intake",
    "Jobs",
    "Keys",
    "LiveCall",
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
    "ServedAnswer",
    "Signer",
    "Step",
    "StepWatch",
    "Store",
    "StoredResponse",
    "Sweeps",
    "TaskRuns",
    "Timeline",
    "Tokens",
    "Transaction",
    "Workers",
]
