from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.webhooks import Stream, Subscriptions, WebhookKind

STREAM = Stream("e-stream", ("task_started",), realtime=True)
ALL = Subscriptions("e-task", "e-step", "e-crew", "e-human", STREAM)
NONE = Subscriptions()

IDS = st.none() | st.sampled_from(["e-1", "e-2"])
SUBSCRIPTIONS = st.builds(
    Subscriptions, IDS, IDS, IDS, IDS, st.none() | st.just(STREAM) | st.just(Stream("e-2"))
)


@pytest.mark.parametrize(
    ("before", "named", "carry", "after"),
    [
        (ALL, NONE, False, Subscriptions(human_input="e-human", stream=STREAM)),
        (ALL, NONE, True, ALL),
        (NONE, ALL, False, ALL),
        (Subscriptions(task="old"), Subscriptions(task="new"), False, Subscriptions(task="new")),
        (Subscriptions(task="old"), Subscriptions(crew="c"), False, Subscriptions(crew="c")),
        (Subscriptions(task="t"), Subscriptions(crew="c"), True, Subscriptions("t", crew="c")),
        (
            Subscriptions(human_input="old"),
            Subscriptions(human_input="new"),
            False,
            Subscriptions(human_input="new"),
        ),
    ],
)
def test_what_counts_after_a_resume(
    before: Subscriptions, named: Subscriptions, *, carry: bool, after: Subscriptions
) -> None:
    assert before.at_resume(named, carry=carry) == after


@given(before=SUBSCRIPTIONS, named=SUBSCRIPTIONS, carry=st.booleans())
def test_whatever_a_resume_names_counts(
    before: Subscriptions, named: Subscriptions, *, carry: bool
) -> None:
    after = before.at_resume(named, carry=carry)

    assert all(after.endpoint(k) == named.endpoint(k) for k in WebhookKind if named.endpoint(k))


@given(before=SUBSCRIPTIONS, named=SUBSCRIPTIONS)
def test_nothing_is_dropped_where_webhooks_are_carried(
    before: Subscriptions, named: Subscriptions
) -> None:
    assert before.dropped(before.at_resume(named, carry=True)) == ()


def test_what_a_resume_drops_is_named() -> None:
    after = ALL.at_resume(Subscriptions(step="e-step"), carry=False)

    assert ALL.dropped(after) == (WebhookKind.TASK, WebhookKind.CREW)


def test_every_kind_has_an_endpoint_of_its_own() -> None:
    endpoints = ["e-task", "e-step", "e-crew", "e-human", "e-stream"]
    assert [ALL.endpoint(kind) for kind in WebhookKind] == endpoints
    assert not any(NONE.endpoint(kind) for kind in WebhookKind)


@pytest.mark.parametrize(
    ("stream", "wants"),
    [
        (STREAM, {"task_started"}),
        (Stream("e", ("task_started", "flow_started")), {"task_started", "flow_started"}),
        (Stream("e"), {"task_started", "flow_started", "flow_failed"}),
    ],
)
def test_a_stream_is_told_the_types_it_names_or_all(stream: Stream, wants: set[str]) -> None:
    events = ["task_started", "flow_started", "flow_failed"]
    assert {event for event in events if stream.wants(event)} == wants


@given(subscriptions=SUBSCRIPTIONS)
def test_subscriptions_are_the_same_after_they_were_stored(subscriptions: Subscriptions) -> None:
    stored = subscriptions.to_json()

    assert Subscriptions.from_json(stored) == subscriptions
    assert None not in stored.values()
