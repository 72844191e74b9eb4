from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.delivery import Delivery, DeliveryState, SendResult
from orchestrator.domain.delivery_policy import (
    COME_AGAIN,
    LONGEST_RETRY_AFTER,
    NOTICE_DELAYS,
    NOTICES_COME_AGAIN,
    Admission,
    DeliveryRules,
    OtherDrains,
    SendLimits,
    Verdict,
    admit,
    host_after,
    judge,
    stops_batch,
)
from orchestrator.domain.endpoint import Endpoint, Health
from orchestrator.domain.endpoint_host import BREAKS_AFTER, LONGEST_BREAK, Host
from orchestrator.domain.retry import DELIVERY_DELAYS

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RULES = DeliveryRules()
LIMITS = SendLimits()
SECOND = timedelta(seconds=1)

ENDPOINT = Endpoint("e", "news", "https://hooks.example/", None, NOW)
DELIVERY = Delivery(
    id="d",
    execution_id="x",
    deployment="news",
    endpoint_id="e",
    kind="task",
    sequence=1,
    state=DeliveryState.PENDING,
    version=1,
    body=b"{}",
    created_at=NOW,
    due_at=NOW,
    published_at=NOW,
    wake_at=NOW,
)


def answer(status: int | None, **more: Any) -> SendResult:
    return SendResult(status, 0.1, **more)


NO_ANSWER = answer(None, error="connection refused")
TIMED_OUT = answer(None, error="timed out after 15 s", timed_out=True)
BLOCKED = answer(None, error="private address", blocked=True)


def judged(result: SendResult, **more: Any) -> Verdict:
    usual: dict[str, Any] = {
        "delivery": DELIVERY,
        "endpoint": ENDPOINT,
        "rules": RULES,
        "now": NOW,
        "jitter": 0.0,
    }
    return judge(result, **{**usual, **more})


@pytest.mark.parametrize(
    ("result", "state"),
    [
        (answer(200), "DELIVERED"),
        (answer(204), "DELIVERED"),
        (answer(299), "DELIVERED"),
        (answer(301), "RETRYING"),
        (answer(304), "RETRYING"),
        (answer(400), "RETRYING"),
        (answer(404), "RETRYING"),
        (answer(408), "RETRYING"),
        (answer(429), "RETRYING"),
        (answer(500), "RETRYING"),
        (answer(503), "RETRYING"),
        (NO_ANSWER, "RETRYING"),
        (TIMED_OUT, "RETRYING"),
        (answer(410), "CANCELLED"),
        (BLOCKED, "BLOCKED"),
    ],
)
def test_a_first_try_leads_to(result: SendResult, state: str) -> None:
    after = judged(result).delivery

    assert (after.state, after.attempts, after.claimed_by) == (state, 1, None)


@pytest.mark.parametrize(
    ("result", "transition"),
    [
        (answer(200), "deliver"),
        (answer(500), "retry"),
        (answer(404), "cancel"),
        (answer(410), "cancel"),
        (BLOCKED, "block"),
    ],
)
def test_a_verdict_names_what_became_of_the_delivery(result: SendResult, transition: str) -> None:
    verdict = judged(result, rules=replace(RULES, stop_on_4xx=True))

    assert verdict.transition == transition


@pytest.mark.parametrize("result", [answer(404), NO_ANSWER, BLOCKED, answer(410)])
def test_what_did_not_arrive_has_a_reason(result: SendResult) -> None:
    assert judged(result).delivery.reason


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (400, "CANCELLED"),
        (404, "CANCELLED"),
        (408, "RETRYING"),
        (425, "RETRYING"),
        (429, "RETRYING"),
        (500, "RETRYING"),
        (302, "RETRYING"),
    ],
)
def test_stop_on_4xx_ends_what_another_try_would_not_mend(status: int, state: str) -> None:
    stops = judged(answer(status), rules=replace(RULES, stop_on_4xx=True))
    its_own = judged(answer(status), endpoint=replace(ENDPOINT, stop_on_4xx=True))

    assert stops.delivery.state == its_own.delivery.state == state


def test_an_endpoint_may_refuse_its_deployments_stop_on_4xx() -> None:
    endpoint = replace(ENDPOINT, stop_on_4xx=False)
    rules = replace(RULES, stop_on_4xx=True)

    assert judged(answer(404), endpoint=endpoint, rules=rules).transition == "retry"


@pytest.mark.parametrize("attempts", range(9))
def test_retries_follow_the_schedule(attempts: int) -> None:
    verdict = judged(answer(500), delivery=replace(DELIVERY, attempts=attempts))

    assert verdict.delivery.due_at == NOW + DELIVERY_DELAYS[attempts + 1]


def test_the_tenth_failure_exhausts() -> None:
    verdict = judged(answer(500), delivery=replace(DELIVERY, attempts=9))

    assert (verdict.transition, verdict.delivery.finished_at) == ("exhaust", NOW)


def test_notices_are_tried_every_ten_minutes_for_as_long() -> None:
    assert [delay.total_seconds() for delay in NOTICE_DELAYS[:6]] == [0, 5, 30, 120, 600, 600]
    missing = sum(DELIVERY_DELAYS, timedelta()) - sum(NOTICE_DELAYS, timedelta())
    assert timedelta() <= missing < timedelta(minutes=10)


def test_a_notice_has_a_schedule_of_its_own() -> None:
    notice = replace(DELIVERY, kind="human_input", attempts=3)

    assert judged(answer(500), delivery=notice).delivery.due_at == NOW + timedelta(minutes=10)


def test_a_deployment_may_have_delays_of_its_own() -> None:
    rules = DeliveryRules(delays=(timedelta(), 7 * SECOND))

    assert judged(answer(500), rules=rules).delivery.due_at == NOW + 7 * SECOND
    last = replace(DELIVERY, attempts=1)
    assert judged(answer(500), rules=rules, delivery=last).transition == "exhaust"


@pytest.mark.parametrize(
    ("asked", "waits"),
    [(1, 5 * SECOND), (90, 90 * SECOND), (1e9, LONGEST_RETRY_AFTER)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured_up_to_a_cap(status: int, asked: float, waits: timedelta) -> None:
    verdict = judged(answer(status, retry_after=asked))

    assert verdict.delivery.due_at == NOW + waits
    assert verdict.endpoint.health.quiet_until >= NOW + min(waits, asked * SECOND)


@given(jitter=st.floats(-1, 1), asked=st.floats(0, 10**6))
def test_jitter_never_cuts_what_the_receiver_asked_for(jitter: float, asked: float) -> None:
    due_at = judged(answer(429, retry_after=asked), jitter=jitter).delivery.due_at

    assert due_at >= NOW + min(asked * SECOND, LONGEST_RETRY_AFTER)


@pytest.mark.parametrize("result", [answer(429), answer(502), answer(504), TIMED_OUT])
def test_a_receiver_that_is_asked_too_much_is_slowed_down(result: SendResult) -> None:
    first = judged(result).endpoint
    second = judged(result, endpoint=first).endpoint

    assert first.health.quiet_until == NOW + 10 * SECOND
    assert second.health.quiet_until == NOW + 20 * SECOND


@pytest.mark.parametrize(("jitter", "seconds"), [(-1, 8), (0, 10), (1, 12)])
def test_jitter_moves_a_pause_by_up_to_a_fifth(jitter: float, seconds: int) -> None:
    health = judged(answer(429), jitter=jitter).endpoint.health

    assert health.quiet_until == NOW + seconds * SECOND


@pytest.mark.parametrize("result", [answer(500), answer(404), NO_ANSWER, BLOCKED])
def test_other_failures_slow_nothing_down(result: SendResult) -> None:
    health = judged(result).endpoint.health

    assert (health.slowness, health.quiet_until) == (0, None)


def test_slowness_fades_with_each_success() -> None:
    slow = replace(ENDPOINT, health=Health(slowness=5, failing_since=NOW))

    health = judged(answer(200), endpoint=slow).endpoint.health
    assert (health.slowness, health.failing_since, health.quiet_until) == (2, None, None)


@pytest.mark.parametrize(("seconds", "goes_on"), [(-1, False), (0, False), (1, True)])
def test_a_success_ends_no_pause_that_is_still_to_come(seconds: int, *, goes_on: bool) -> None:
    until = NOW + seconds * SECOND
    paused = replace(ENDPOINT, health=Health(quiet_until=until))

    health = judged(answer(200), endpoint=paused).endpoint.health
    assert (health.quiet_until, health.last_success_at) == (until if goes_on else None, NOW)


@pytest.mark.parametrize(
    "trouble",
    [
        {"slowness": 1},
        {"quiet_until": NOW},
        {"failing_since": NOW},
        {"last_error": "500"},
        {"last_success_at": NOW - COME_AGAIN},
        {"last_status": 204},
    ],
)
def test_the_first_success_of_a_batch_says_all_of_it_unless_something_came_between(
    trouble: dict[str, Any],
) -> None:
    well = Health(last_success_at=NOW, last_status=200)
    assert well.succeeded(NOW, answer(200)) is well
    assert replace(well, **trouble).succeeded(NOW, answer(200)) == well


def test_410_disables_the_endpoint() -> None:
    endpoint = judged(answer(410)).endpoint

    assert (endpoint.state, endpoint.disabled_at) == ("DISABLED", NOW)
    assert "410" in endpoint.reason


@pytest.mark.parametrize(("failing", "state"), [(4.99, "ENABLED"), (5, "DISABLED")])
def test_five_days_of_only_failures_disable_it(failing: float, state: str) -> None:
    health = Health(failing_since=NOW - timedelta(days=failing))

    assert judged(answer(500), endpoint=replace(ENDPOINT, health=health)).endpoint.state == state


def test_a_try_under_way_when_it_was_disabled_is_judged_all_the_same() -> None:
    off = ENDPOINT.disable(NOW, "a person said so")

    assert judged(answer(410), endpoint=off).endpoint.reason == "a person said so"
    assert judged(answer(200), endpoint=off).transition == "deliver"


def failed_host(times: int, jitter: float = 0.0) -> Host:
    host = Host("h")
    for _ in range(times):
        host = host_after(host, NO_ANSWER, NOW, jitter)
    return host


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(BREAKS_AFTER - 1, None), (BREAKS_AFTER, 30), (BREAKS_AFTER + 1, 60), (BREAKS_AFTER + 9, 600)],
)
def test_a_host_without_answers_is_left_alone(failures: int, seconds: int | None) -> None:
    until = None if seconds is None else NOW + seconds * SECOND

    assert failed_host(failures).open_until == until


@pytest.mark.parametrize("result", [answer(200), answer(404), answer(500), answer(502)])
def test_any_answer_shows_that_a_host_is_there(result: SendResult) -> None:
    assert host_after(failed_host(9), result, NOW, 0) == Host("h", has_answered=True)


def test_a_blocked_address_says_nothing_of_its_host() -> None:
    assert host_after(failed_host(2), BLOCKED, NOW, 0) == failed_host(2)


@given(failures=st.integers(BREAKS_AFTER, 100), jitter=st.floats(-1, 1))
def test_no_break_is_longer_than_the_longest(failures: int, jitter: float) -> None:
    assert failed_host(failures, jitter).open_until <= NOW + LONGEST_BREAK * 1.2


WELL = replace(ENDPOINT, health=Health(last_success_at=NOW))
SLOW = replace(WELL, health=replace(WELL.health, slowness=1))
FAILING = replace(WELL, health=replace(WELL.health, failing_since=NOW))
QUIET = replace(WELL, health=replace(WELL.health, quiet_until=NOW + SECOND))
HOST = Host("h")
OPEN = Host("h", failures=BREAKS_AFTER, open_until=NOW + SECOND)
LATER = Admission(0, waits_until=NOW + COME_AGAIN)
ONE = Admission(1, unproven=True)
ONE_LATER = Admission(0, waits_until=NOW + COME_AGAIN, unproven=True)


@pytest.mark.parametrize(
    ("endpoint", "host", "others", "expected"),
    [
        (WELL, HOST, (0, 0, 0), Admission(20)),
        (WELL, HOST, (3, 3, 9), Admission(20)),
        (WELL, HOST, (4, 4, 0), LATER),
        (WELL, HOST, (0, 8, 0), LATER),
        (replace(WELL, most_sends=1), HOST, (1, 1, 0), LATER),
        (ENDPOINT, HOST, (0, 0, 0), ONE),
        (ENDPOINT, Host("h", has_answered=True), (0, 0, 0), Admission(20)),
        (SLOW, HOST, (0, 0, 0), ONE),
        (SLOW, HOST, (1, 1, 1), ONE_LATER),
        (SLOW, HOST, (0, 1, 0), ONE),
        (SLOW, HOST, (0, 0, 5), ONE_LATER),
        (FAILING, HOST, (0, 0, 0), ONE),
        (WELL, Host("h", failures=1), (0, 0, 0), ONE),
        (WELL, Host("h", failures=1), (0, 1, 0), ONE_LATER),
        (WELL, Host("h", failures=5), (0, 0, 0), Admission(1, probes=True, unproven=True)),
        (QUIET, HOST, (0, 0, 0), Admission(0, quiet_until=NOW + SECOND)),
        (WELL, OPEN, (0, 0, 0), Admission(0, quiet_until=NOW + SECOND)),
        (WELL, HOST, (0, 7, 0, 1), LATER),
        (WELL, HOST, (0, 6, 0, 1), Admission(20)),
    ],
)
def test_a_drain_may_claim(
    endpoint: Endpoint, host: Host, others: tuple[int, ...], expected: Admission
) -> None:
    assert admit(endpoint, host, OtherDrains(*others), LIMITS, NOW, 20) == expected


@pytest.mark.parametrize(
    ("endpoint", "others", "expected"),
    [
        (WELL, (0, 7, 0, 1), Admission(20)),
        (WELL, (0, 8, 0, 0), Admission(0, waits_until=NOW + NOTICES_COME_AGAIN)),
        (SLOW, (0, 0, 5, 0), ONE),
    ],
)
def test_a_notice_goes_first(
    endpoint: Endpoint, others: tuple[int, ...], expected: Admission
) -> None:
    found = admit(endpoint, HOST, OtherDrains(*others), LIMITS, NOW, 20, has_notice=True)
    assert found == expected


@given(
    endpoint=st.sampled_from([WELL, SLOW, FAILING, QUIET, ENDPOINT]),
    host=st.sampled_from([HOST, OPEN, Host("h", failures=1), Host("h", has_answered=True)]),
    others=st.tuples(*[st.integers(0, 9)] * 4),
    has_notice=st.booleans(),
)
def test_every_refusal_says_when_to_come_again(
    endpoint: Endpoint, host: Host, others: tuple[int, ...], *, has_notice: bool
) -> None:
    found = admit(endpoint, host, OtherDrains(*others), LIMITS, NOW, 20, has_notice=has_notice)
    assert found.limit or (found.quiet_until or found.waits_until) > NOW


@pytest.mark.parametrize(
    ("result", "ill"),
    [
        (answer(200), False),
        (answer(404), False),
        (answer(500), False),
        (answer(429), True),
        (answer(410), True),
        (NO_ANSWER, True),
        (answer(503, retry_after=1), True),
    ],
)
def test_after_some_results_the_rest_of_a_batch_waits(result: SendResult, *, ill: bool) -> None:
    assert stops_batch(result, ENDPOINT) is ill


MAIL = replace(ENDPOINT, url="mailto:ann@example.com")


@pytest.mark.parametrize(
    ("status", "transition"),
    [
        (250, "deliver"),
        *((code, "retry") for code in (410, 421, 450, 452, None)),
        *((code, "exhaust") for code in (502, 550, 554)),
    ],
)
def test_what_a_mail_server_answers_has_a_meaning_of_its_own(
    status: int | None, transition: str
) -> None:
    verdict = judged(answer(status), endpoint=MAIL, rules=DeliveryRules(stop_on_4xx=True))
    assert (verdict.transition, verdict.endpoint.is_enabled) == (transition, True)


def test_a_mail_is_tried_by_the_schedule_of_notices_whatever_its_kind() -> None:
    tried = replace(DELIVERY, attempts=3)
    due_at = judged(answer(450), endpoint=MAIL, delivery=tried).delivery.due_at
    assert due_at == NOW + timedelta(minutes=10)


def test_an_address_is_not_disabled_for_what_a_mail_server_says() -> None:
    failing = replace(MAIL, health=Health(failing_since=NOW - timedelta(days=30)))
    assert judged(answer(450), endpoint=failing).endpoint.is_enabled


@pytest.mark.parametrize(("status", "ill"), [(421, True), (None, True), (450, False), (550, False)])
def test_after_some_answers_the_mails_of_an_address_wait(status: int | None, *, ill: bool) -> None:
    assert stops_batch(answer(status), MAIL) is ill
