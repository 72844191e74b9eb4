"""A reply to a mail that asked: who answers which review, with what words, and what they decide."""

from orchestrator.domain.mail_reply.automatic import why_automatic
from orchestrator.domain.mail_reply.decision import Decision, decision_of
from orchestrator.domain.mail_reply.inbound import InboundMail, SenderProof
from orchestrator.domain.mail_reply.reading import (
    Ignored,
    Refused,
    Reply,
    read_reply,
    token_in,
)
from orchestrator.domain.mail_reply.spoken import LONGEST_TEXT, spoken

__all__ = [
    "LONGEST_TEXT",
    "Decision",
    "Ignored",
    "InboundMail",
    "Refused",
    "Reply",
    "SenderProof",
    "decision_of",
    "read_reply",
    "spoken",
    "token_in",
    "why_automatic",
]
