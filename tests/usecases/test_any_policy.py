"""Whatever people do under whatever policy: one decision each, by somebody entitled, and an end."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import time_machine
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from policies import ANN, BEN, CAT, DAN, hours, people, recipients_of, reviews_of, rung, says
from world import World, make_world, plan_of

from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.domain.recipient import Recipient, RecipientState
from orchestrator.domain.review import Review, ReviewState
from orchestrator.domain.review_policy import Automatic, ReviewPolicy, Rule
from orchestrator.domain.review_terms import Absence
from orchestrator.errors import AlreadyAnswered, Invalid, NotEntitled, NotFound
from orchestrator.ports import MailIdentity
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.usecases.reviews.absences import begin_absence, end_absence
from orchestrator.usecases.reviews.claim import claim, release
from orchestrator.usecases.reviews.delegate import delegate
from orchestrator.usecases.reviews.locked_review import Act
from orchestrator.usecases.reviews.reassign import reassign
from orchestrator.usecases.reviews.reroute import reroute
from orchestrator.usecases.reviews.respond import respond_with
from orchestrator.usecases.reviews.snooze import snooze
from orchestrator.wire.requests import RespondBody

PEOPLE = (ANN, BEN, CAT, DAN)
REFUSALS = (AlreadyAnswered, Invalid, NotEntitled, NotFound)

who_ = st.sampled_from(PEOPLE)
rules = st.builds(
    Rule,
    ask=st.lists(who_, min_size=1, max_size=3, unique=True).map(lambda found: people(*found)),
    decisions=st.integers(1, 2),
    four_eyes=st.booleans(),
    remind_after=st.none() | st.just(hours(1)),
    ladder=st.sampled_from([(), (rung(2, CAT),), (rung(2, CAT), rung(5, DAN))]),
    automatic=st.none()
    | st.sampled_from(
        [
            Automatic(hours(12), approved=True),
            Automatic(hours(12), approved=False, words="Too late."),
            Automatic(hours(12), outcome="none of these"),
        ]
    ),
)


class AnyPolicy(RuleBasedStateMachine):
    """One execution with two reviews one after the other, and four people who do as they like."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.time = time_machine.travel(datetime.now(UTC), tick=False)
        self.traveller = self.time.start()

    @initialize(rule_=rules, creator=st.none() | who_, requester=st.none() | who_)
    def kick_off(self, rule_: Rule, creator: str | None, requester: str | None) -> None:
        policy = ReviewPolicy((rule_,), creator=creator)
        tasks = plan_of("research?", "write?")
        self.world: World = make_world(
            Path(self.folder.name), self.template, tasks, review_policy=policy, max_rounds=3
        )
        self.world.ports = replace(self.world.ports, mail=MailIdentity("crew@example.com"))
        body: dict[str, Any] = {"requester": requester} if requester else {}
        self.execution_id = self.world.halted(**body)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.finish()
            self.world.ports.store.dispose()
        self.time.stop()
        self.folder.cleanup()

    @property
    def review(self) -> Review | None:
        """The newest review, whether it is open or not."""
        found = reviews_of(self.world, self.execution_id)
        return found[-1] if found else None

    def tries(self, work: Callable[[Review], object]) -> None:
        """Somebody does something, which may be refused."""
        review = self.review
        if review is not None:
            with suppress(*REFUSALS):
                work(review)
        self.world.work()

    @rule(who=who_ | st.none(), approve=st.booleans())
    def answers(self, who: str | None, *, approve: bool) -> None:
        self.tries(lambda review: says(self.world, review, who, is_approve=approve))

    @rule(data=st.data(), approve=st.booleans())
    def replies_with_a_token_from_any_mail(self, data: st.DataObject, *, approve: bool) -> None:
        asked = [each for each in self.everybody() if each.token_hash]
        if not asked:
            return
        recipient = data.draw(st.sampled_from(asked))
        read = self.world.ports.store.read
        token = read(lambda tx: tx.recipients.token(recipient.id))
        if token is not None:
            body = RespondBody(is_approve=approve)
            self.tries(lambda _: respond_with(self.world.ports, token, body, "mail"))

    @rule(who=who_, hours_=st.integers(1, 30))
    def snoozes(self, who: str, hours_: int) -> None:
        until = self.world.ports.clock.now() + timedelta(hours=hours_)
        self.tries(lambda review: snooze(self.world.ports, self.act(review), who, until))

    @rule(who=who_, gives_back=st.booleans())
    def claims(self, who: str, *, gives_back: bool) -> None:
        work = release if gives_back else claim
        self.tries(lambda review: work(self.world.ports, self.act(review), who))

    @rule(who=who_, to=who_)
    def hands_on(self, who: str, to: str) -> None:
        self.tries(lambda review: delegate(self.world.ports, self.act(review), who, to))

    @rule(to=st.lists(who_, min_size=1, max_size=2, unique=True))
    def an_operator_reassigns(self, to: list[str]) -> None:
        self.tries(lambda review: reassign(self.world.ports, self.act(review), to))

    @rule()
    def an_operator_reroutes(self) -> None:
        self.tries(lambda review: reroute(self.world.ports, self.act(review)))

    @rule(who=who_, to=st.none() | who_, back=st.booleans())
    def is_away(self, who: str, to: str | None, *, back: bool) -> None:
        with suppress(*REFUSALS):
            if back:
                end_absence(self.world.ports, who, "tests")
            else:
                until = self.world.ports.clock.now() + timedelta(days=2)
                begin_absence(self.world.ports, Absence(who, until, to), "tests")

    @rule(hours_=st.floats(0.1, 8), sweeps=st.integers(1, 3))
    def time_passes(self, hours_: float, sweeps: int) -> None:
        self.traveller.shift(timedelta(hours=hours_))
        for _ in range(sweeps):
            sweep(self.world.ports)
        self.world.work()

    @invariant()
    def each_review_has_one_decision_by_somebody_entitled(self) -> None:
        if not hasattr(self, "world"):
            return
        entries = self.world.ports.store.read(lambda tx: tx.timeline.of(self.execution_id))
        decisions = Counter(each.subject_id for each in entries if each.event == "review.answer")
        assert set(decisions.values()) <= {1}
        for review in reviews_of(self.world, self.execution_id):
            if review.state is ReviewState.ANSWERED:
                self.is_entitled(review)

    def is_entitled(self, review: Review) -> None:
        terms, asked = review.terms, list(recipients_of(self.world, review).values())
        assert terms is not None
        if review.channel == "automatic":
            assert terms.automatic is not None
            return
        voted = [each for each in asked if each.state is RecipientState.VOTED]
        if review.reviewer is not None:
            assert review.reviewer in {each.address for each in voted} or not asked
        else:
            assert terms.decisions == 1
            assert not terms.four_eyes
        for each in voted:
            assert each.address not in terms.excluded
        agreeing = [each for each in voted if each.approved]
        if review.approved and terms.decisions > 1:
            assert len(agreeing) >= terms.decisions

    @invariant()
    def nobody_is_asked_whom_four_eyes_exclude_nor_twice(self) -> None:
        asked = [each for each in self.everybody() if each.is_asked]
        for each in asked:
            review = next(
                one for one in reviews_of(self.world, self.execution_id) if one.id == each.review_id
            )
            assert review.terms is not None
            assert each.address not in review.terms.excluded
        assert len({(each.review_id, each.address) for each in asked}) == len(asked)

    def everybody(self) -> list[Recipient]:
        if not hasattr(self, "world"):
            return []
        ids = [each.id for each in reviews_of(self.world, self.execution_id)]
        return list(self.world.ports.store.read(lambda tx: tx.recipients.of(ids)))

    def review_of(self, recipient: Recipient) -> Review:
        found = reviews_of(self.world, self.execution_id)
        return next(each for each in found if each.id == recipient.review_id)

    def asked_in(self, review: Review) -> list[Recipient]:
        return [each for each in self.everybody() if each.review_id == review.id and each.is_asked]

    def act(self, review: Review) -> Act:
        return Act(review.id, EVERYWHERE, "tests")

    def finish(self) -> None:
        """Every review ends, or waits for somebody who is named; or says that it is nobody."""
        for _ in range(12):
            state = self.world.snapshot(self.execution_id).execution.state
            if state is not ExecutionState.PENDING_HUMAN_INPUT:
                break
            review = self.review
            assert review is not None
            assert review.is_open
            waiting = [
                each for each in self.everybody() if each.review_id == review.id and each.is_asked
            ]
            if not waiting:
                self.nobody_is_named(review)
                return
            for each in waiting:
                with suppress(AlreadyAnswered, NotEntitled):
                    says(
                        self.world,
                        review,
                        review.holder(self.world.ports.clock.now()) or each.address,
                        is_approve=True,
                    )
            self.traveller.shift(timedelta(hours=5))  # a claim of somebody else lapses
            sweep(self.world.ports)
            self.world.work()
        else:
            self.may_not_agree()

    def nobody_is_named(self, review: Review) -> None:
        entries = self.world.ports.store.read(lambda tx: tx.timeline.of(self.execution_id))
        assert any(
            each.event == "review.too_few" and each.subject_id == review.id for each in entries
        )

    def may_not_agree(self) -> None:
        """Fewer people are asked than have to agree: it waits for an operator, and says so."""
        review = self.review
        assert review is not None
        assert review.terms is not None
        assert len(self.asked_in(review)) < review.terms.decisions


def test_whatever_people_do(template: Path) -> None:
    machine = type("Machine", (AnyPolicy,), {"template": template})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
