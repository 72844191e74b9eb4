"""Have an open review follow the policy as it is in the deployment's file now."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.domain.review import Review
from orchestrator.ports import Ports
from orchestrator.usecases.executions.migrate import migrate_to_deployed
from orchestrator.usecases.reviews.ask import ask
from orchestrator.usecases.reviews.locked_review import Act, LockedReview, with_open_review
from orchestrator.usecases.reviews.notices import output_of
from orchestrator.usecases.reviews.reassign import relieve
from orchestrator.usecases.reviews.route import route
from orchestrator.usecases.reviews.weigh import weigh_no_more


def reroute(ports: Ports, act: Act) -> Review:
    """Ask whom the policy says now, on its terms. Times are still counted from the opening.

    Who is asked before and after keeps their place, their mail and the reminder that a snooze
    promises; a vote of theirs is void. The policy is asked by the name that the code has now.
    """

    def work(asked: LockedReview) -> None:
        locked = asked.locked
        migrate_to_deployed(locked)
        review = next(each for each in locked.reviews if each.id == asked.review.id)
        asked = replace(asked, review=review)
        question = replace(review.question, path=review.path, name=review.task_name)
        routing = route(locked, question, review.round)
        wanted = {each.address for each in routing.asked}
        staying = [e for e in asked.recipients if e.is_asked and e.address in wanted]
        stay = {each.address for each in staying}
        relieve(asked, (each for each in asked.recipients if each.address not in stay))
        fresh = replace(review, rung=0)
        rerouted = fresh.reroute(routing.terms, routing.deadlines(review.created_at))
        for each in staying:
            if each.snoozed_until is not None and each.is_snoozed(locked.now):
                rerouted = rerouted.remind_by(each.snoozed_until)
        saved = locked.save_review("reroute", review, rerouted, to=sorted(wanted))
        new = [each for each in routing.asked if each.address not in stay]
        ask(locked, saved, output_of(locked, review), new)
        weigh_no_more(locked, saved)

    return with_open_review(ports, act, work)
