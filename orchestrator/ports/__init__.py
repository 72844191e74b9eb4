"""What the use cases need of the world, as Protocols. Each adapter keeps one of them."""

from __future__ import annotations

from orchestrator.ports.access import Keys, Sessions, SignInLinks, StoredResponse, Tokens
from orchestrator.ports.analytics import Analytics
from orchestrator.ports.journal import CallJournal, Calls, HeldCall, LiveCall, ServedAnswer
from orchestrator.ports.mail import (
    MailFilter,
    Mails,
    ReadMailbox,
    Replies,
    SenderCheck,
    SenderProver,
)
from orchestrator.ports.operations import (
    Audit,
    Due,
    FailingStep,
    Figures,
    Intake,
    Manifests,
    Sweeps,
    Workers,
)
from orchestrator.ports.record import Mark, Page, Record, StreamKind
from orchestrator.ports.reviews import Absences, Recipients, Reviews
from orchestrator.ports.running import (
    WHOLE_FLOW,
    AgentStep,
    Ended,
    Halted,
    Progress,
    Result,
    RunContext,
    Runner,
    StepWatch,
)
from orchestrator.ports.secrets import Rewrite, Secrets, StoredSecrets
from orchestrator.ports.sending import DomainRecords, Sender, Signer
from orchestrator.ports.sign_on import Attempt, SignOn
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
    Deferred,
    EntryFilter,
    ExecutionFilter,
    Executions,
    Outputs,
    Position,
    TaskRuns,
    Timeline,
)
from orchestrator.ports.world import Deployments, MailIdentity, Ports

__all__ = [
    "EVERY_ENTRY",
    "WHOLE_FLOW",
    "Absences",
    "AgentStep",
    "Analytics",
    "Attempt",
    "Audit",
    "CallJournal",
    "Calls",
    "Chance",
    "Checkpoints",
    "Claim",
    "Clock",
    "Deferred",
    "Deliveries",
    "DeliveryFilter",
    "Deployments",
    "DomainRecords",
    "Drains",
    "Due",
    "Ended",
    "Endpoints",
    "EntryFilter",
    "ExecutionFilter",
    "Executions",
    "FailingStep",
    "Figures",
    "Halted",
    "HeldCall",
    "Ids",
    "Intake",
    "Jobs",
    "Keys",
    "LiveCall",
    "MailFilter",
    "MailIdentity",
    "Mails",
    "Manifests",
    "Mark",
    "Outcome",
    "Outputs",
    "Page",
    "Ports",
    "Position",
    "Progress",
    "ReadMailbox",
    "Recipients",
    "Record",
    "Replies",
    "Result",
    "Reviews",
    "Rewrite",
    "RunContext",
    "Runner",
    "Secrets",
    "Sender",
    "SenderCheck",
    "SenderProver",
    "ServedAnswer",
    "Sessions",
    "SignInLinks",
    "SignOn",
    "Signer",
    "StepWatch",
    "Store",
    "StoredResponse",
    "StoredSecrets",
    "StreamKind",
    "Sweeps",
    "TaskRuns",
    "Timeline",
    "Tokens",
    "Transaction",
    "Workers",
]
