from __future__ import annotations

from enum import StrEnum

import pytest

from orchestrator.domain.delivery import DELIVERY, DeliveryState
from orchestrator.domain.endpoint import ENDPOINT, EndpointState
from orchestrator.domain.execution import EXECUTION, ExecutionState
from orchestrator.domain.machine import Machine, Transition
from orchestrator.domain.recipient import RECIPIENT, RecipientState
from orchestrator.domain.review import REVIEW, ReviewState
from orchestrator.domain.task_run import TASK_RUN, TaskRunState
from orchestrator.errors import IllegalTransition

EDGES = {
    EXECUTION: """
        QUEUED start RUNNING
        RUNNING halt PENDING_HUMAN_INPUT
        PENDING_HUMAN_INPUT carry_on RUNNING
        RUNNING succeed SUCCEEDED
        QUEUED fail FAILED
        RUNNING fail FAILED
        PENDING_HUMAN_INPUT fail FAILED
        QUEUED stop STOPPED
        RUNNING stop STOPPED
        PENDING_HUMAN_INPUT stop STOPPED
        FAILED retry RUNNING
        RUNNING rewind RUNNING
        PENDING_HUMAN_INPUT rewind RUNNING
        SUCCEEDED rewind RUNNING
        FAILED rewind RUNNING
    """,
    RECIPIENT: """
        ASKED vote VOTED
        VOTED ask_again ASKED
        ASKED delegate DELEGATED
        ASKED relieve RELIEVED
        VOTED relieve RELIEVED
    """,
    TASK_RUN: """
        DUE claim RUNNING
        DUE doubt UNDER_REVIEW
        RUNNING pause UNDER_REVIEW
        UNDER_REVIEW settle DUE
        RUNNING give_back DUE
        RUNNING try_again DUE
        RUNNING ask UNDER_REVIEW
        RUNNING halt HALTED
        RUNNING commit COMMITTED
        UNDER_REVIEW commit COMMITTED
        UNDER_REVIEW reject REJECTED
        RUNNING fail FAILED
        DUE withdraw WITHDRAWN
        RUNNING withdraw WITHDRAWN
        UNDER_REVIEW withdraw WITHDRAWN
        WITHDRAWN ask_again UNDER_REVIEW
        SUPERSEDED ask_again UNDER_REVIEW
        DUE supersede SUPERSEDED
        RUNNING supersede SUPERSEDED
        UNDER_REVIEW supersede SUPERSEDED
        COMMITTED supersede SUPERSEDED
        REJECTED supersede SUPERSEDED
        FAILED supersede SUPERSEDED
        WITHDRAWN supersede SUPERSEDED
    """,
    REVIEW: """
        PENDING answer ANSWERED
        PENDING weigh PENDING
        PENDING undecided PENDING
        PENDING claim PENDING
        PENDING release PENDING
        PENDING remind PENDING
        PENDING escalate PENDING
        PENDING reroute PENDING
        PENDING expire EXPIRED
        PENDING withdraw WITHDRAWN
    """,
    DELIVERY: """
        PENDING deliver DELIVERED
        RETRYING deliver DELIVERED
        PENDING retry RETRYING
        RETRYING retry RETRYING
        PENDING exhaust EXHAUSTED
        RETRYING exhaust EXHAUSTED
        PENDING block BLOCKED
        RETRYING block BLOCKED
        PENDING cancel CANCELLED
        RETRYING cancel CANCELLED
        DELIVERED replay PENDING
        EXHAUSTED replay PENDING
        BLOCKED replay PENDING
        CANCELLED replay PENDING
    """,
    ENDPOINT: """
        ENABLED disable DISABLED
        DISABLED enable ENABLED
    """,
}
STATES: dict[Machine, type[StrEnum]] = {
    EXECUTION: ExecutionState,
    TASK_RUN: TaskRunState,
    RECIPIENT: RecipientState,
    REVIEW: ReviewState,
    DELIVERY: DeliveryState,
    ENDPOINT: EndpointState,
}
FINAL = {
    EXECUTION: {"STOPPED"},
    RECIPIENT: {"DELEGATED", "RELIEVED"},
    TASK_RUN: {"HALTED"},
    REVIEW: {"ANSWERED", "EXPIRED", "WITHDRAWN"},
    DELIVERY: set(),
    ENDPOINT: set(),
}

every_machine = pytest.mark.parametrize("machine", EDGES, ids=lambda machine: machine.noun)


def edges(machine: Machine) -> set[tuple[str, ...]]:
    """What the table allows: every (state, transition, next state)."""
    names = {transition.name for transition in machine.transitions}
    return {
        (str(state), name, str(machine.follow(name, state)))
        for state in STATES[machine]
        for name in names
        if machine.allows(name, state)
    }


@every_machine
def test_a_machine_has_these_edges_and_no_other(machine: Machine) -> None:
    assert edges(machine) == {tuple(line.split()) for line in EDGES[machine].strip().splitlines()}


@every_machine
def test_what_a_machine_does_not_allow_is_refused(machine: Machine) -> None:
    name = machine.transitions[0].name
    for state in STATES[machine]:
        if not machine.allows(name, state):
            with pytest.raises(IllegalTransition, match=f"{machine.noun} in state {state}"):
                machine.follow(name, state)


@every_machine
def test_final_states_are_the_ones_that_nothing_leaves(machine: Machine) -> None:
    assert machine.final_states == FINAL[machine]


@every_machine
def test_every_state_can_be_reached(machine: Machine) -> None:
    reached = {str(machine.initial)} | {target for _, _, target in edges(machine)}

    assert reached == {str(state) for state in STATES[machine]}


def test_the_drawing_has_every_edge_once() -> None:
    machine = Machine(
        "review",
        ReviewState.PENDING,
        (Transition("answer", (ReviewState.PENDING,), ReviewState.ANSWERED, "decided"),),
    )

    assert machine.mermaid().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> PENDING",
        "    PENDING --> ANSWERED: answer",
        "    ANSWERED --> [*]",
    ]
