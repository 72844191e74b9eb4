"""What the digest of a line of the audit log covers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from orchestrator.domain.audit import AuditEntry

IN_KOLKATA = datetime(2026, 11, 22, 17, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def test_a_line_of_the_audit_log_says_who_did_what_to_what_and_when() -> None:
    entry = AuditEntry(
        *(IN_KOLKATA, "token:web", "token.revoke", "t-1", "newsroom", {"name": "desk"}),
        number=4,
        place=3,
        digest="sha256:0",
    )

    assert entry.says() == {
        "stream": "administration",
        "at": "2026-11-22T12:00:00.000000+00:00",
        "actor": "token:web",
        "event": "token.revoke",
        "subject_id": "t-1",
        "deployment": "newsroom",
        "details": {"name": "desk"},
    }


def test_what_is_said_of_no_deployment_and_without_details_says_so() -> None:
    says = AuditEntry(datetime(2026, 11, 22, tzinfo=UTC), "operator", "audit.export", "-").says()

    assert (says["deployment"], says["details"]) == (None, {})
