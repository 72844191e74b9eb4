from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.domain.feedback import APPROVALS

if TYPE_CHECKING:
    from conftest import Service


def test_an_approval_carries_on(service: Service) -> None:
    execution_id = service.halted()
    review_id = service.pending(execution_id)["task_id"]

    answer = service.resume(execution_id, task_id=review_id, human_feedback="ok", is_approve=True)

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "resumed",
        "message": "Feedback taken; the execution goes on.",
        "kickoff_id": execution_id,
        "review_id": review_id,
    }
    assert service.status(execution_id)["status"] == "running"


def test_a_rejection_runs_the_task_again(service: Service) -> None:
    execution_id = service.halted()

    answer = service.resume(execution_id, task_id="write", human_feedback="Hmm", is_approve=False)
    service.work()

    assert answer.json()["status"] == "retrying"
    assert service.pending(execution_id)["round"] == 2
    assert "Hmm" in service.pending(execution_id)["task_output"]


def test_approving_the_last_task_completes(service: Service) -> None:
    execution_id = service.halted("quote")
    answer = service.resume(execution_id, "quote", task_id="decide", is_approve=True)
    assert answer.json()["status"] == "completed"


def test_camel_case_will_do(service: Service) -> None:
    execution_id = service.halted()
    body = {
        "executionId": execution_id,
        "taskId": "write",
        "humanFeedback": "Shorter",
        "isApprove": False,
    }
    assert service.post("/crews/article/resume", body).json()["status"] == "retrying"


def test_the_root_resumes_the_default_deployment(service: Service) -> None:
    body = {"execution_id": service.halted(), "task_id": "write", "is_approve": True}
    assert service.post("/resume", body).json()["status"] == "resumed"


@pytest.mark.parametrize("words", sorted(APPROVALS))
def test_words_that_approve(service: Service, words: str) -> None:
    answer = service.resume(service.halted(), task_id="write", human_feedback=f" {words.upper()}!")
    assert answer.json()["status"] == "resumed"


@pytest.mark.parametrize("words", ["ok, but shorter", "approve?", "not approved", "👍", "no"])
def test_any_other_words_ask_for_changes(service: Service, words: str) -> None:
    answer = service.resume(service.halted(), task_id="write", human_feedback=words)
    assert answer.json()["status"] == "retrying"


def test_null_says_neither_yes_nor_no(service: Service) -> None:
    said = {"human_feedback": "approve", "is_approve": None}
    assert service.resume(service.halted(), task_id="write", **said).json()["status"] == "resumed"


@pytest.mark.parametrize("approve", ["true", 1, 0, "yes", [True]])
def test_is_approve_must_be_a_boolean(service: Service, approve: Any) -> None:
    answer = service.resume(
        service.halted(), task_id="write", human_feedback="ok", is_approve=approve
    )
    assert (answer.status_code, list(answer.json()["details"])) == (422, ["is_approve"])


def test_an_answer_that_says_nothing_is_refused(service: Service) -> None:
    answer = service.resume(service.halted(), task_id="write", human_feedback=" ")
    assert (answer.status_code, list(answer.json()["details"])) == (422, ["is_approve"])


def test_an_answer_must_name_what_it_answers(service: Service) -> None:
    answer = service.resume(service.halted(), is_approve=True)
    assert (answer.status_code, list(answer.json()["details"])) == (422, ["task_id"])


def test_an_answer_must_name_the_execution(service: Service) -> None:
    answer = service.post("/crews/article/resume", {"task_id": "write", "is_approve": True})
    assert (answer.status_code, list(answer.json()["details"])) == (422, ["execution_id"])


def test_an_execution_that_does_not_wait(service: Service) -> None:
    answer = service.resume(service.start(), task_id="write", is_approve=True)

    message = "Execution is not in pending human input state"
    assert answer.status_code == 400
    assert answer.json() == {"error": "Invalid Request", "message": message, "detail": message}


def test_a_task_that_was_answered_names_the_winner(service: Service) -> None:
    execution_id = service.halted()
    service.resume(execution_id, task_id="write", is_approve=True, reviewer="Ada")

    answer = service.resume(execution_id, task_id="write", is_approve=False)

    assert answer.status_code == 400
    assert answer.json()["error"] == "Invalid Request"
    assert answer.json()["winner"]["by"] == "Ada"


@pytest.mark.parametrize("key", ["task_id", "review_id", "reviewId"])
def test_a_round_that_was_answered_names_the_winner(service: Service, key: str) -> None:
    execution_id = service.halted()
    review_id = service.pending(execution_id)["task_id"]
    service.resume(execution_id, task_id="write", is_approve=False, human_feedback="Hmm")
    service.work()

    answer = service.resume(execution_id, is_approve=True, **{key: review_id})

    told = answer.json()
    winner = told["winner"]
    assert (answer.status_code, told["error"]) == (409, "already_responded")
    assert told["message"] == told["detail"]
    assert told["message"] == f"Review answered by token:tests via api at {winner.pop('at')}"
    assert winner == {
        "review_id": review_id,
        "round": 1,
        "state": "ANSWERED",
        "approved": False,
        "feedback": "Hmm",
        "by": "token:tests",
        "via": "api",
    }


def test_a_review_of_a_stopped_execution_is_withdrawn(service: Service) -> None:
    execution_id = service.halted()
    review_id = service.pending(execution_id)["task_id"]
    service.post(f"/crews/article/stop/{execution_id}")

    answer = service.resume(execution_id, task_id=review_id, is_approve=True)

    assert answer.status_code == 409
    assert answer.json()["winner"]["state"] == "WITHDRAWN"


def test_an_unknown_task_is_not_found(service: Service) -> None:
    answer = service.resume(service.halted(), task_id="prin\0t", is_approve=True)
    assert (answer.status_code, answer.json()["error"]) == (404, "Task not found")
    assert "research, write, publish" in answer.json()["message"]


@pytest.mark.parametrize("execution_id", ["x", "\0"])
def test_an_unknown_execution_is_not_found(service: Service, execution_id: str) -> None:
    answer = service.resume(execution_id, task_id="write", is_approve=True)
    assert (answer.status_code, answer.json()["error"]) == (404, "Execution not found")


def test_an_execution_of_another_deployment_is_not_found(service: Service) -> None:
    answer = service.resume(service.halted(), "plain", task_id="write", is_approve=True)
    assert answer.status_code == 404


def test_a_person_may_approve_a_text_of_their_own(service: Service) -> None:
    execution_id = service.halted()
    service.resume(execution_id, task_id="write", edited_output="My text")
    service.work()

    tasks = service.status(execution_id)["tasks"]
    assert tasks[1]["output"] == "My text"
    assert tasks[2]["output"].startswith("Published: My text")


def test_a_text_of_their_own_is_no_rejection(service: Service) -> None:
    answer = service.resume(
        service.halted(), task_id="write", editedOutput="My text", is_approve=False
    )
    assert (answer.status_code, list(answer.json()["details"])) == (422, ["edited_output"])


@pytest.mark.parametrize("text", ["four", "NaN", "[1e999]", "[" * 9000, "[" * 900 + "]" * 900])
def test_a_text_in_place_of_data_must_be_json(service: Service, text: str) -> None:
    execution_id = service.halted("quote")

    refused = service.resume(execution_id, "quote", task_id="decide", edited_output=text)
    taken = service.resume(execution_id, "quote", task_id="decide", edited_output='{"price": 4}')

    assert (refused.status_code, list(refused.json()["details"])) == (422, ["edited_output"])
    assert taken.status_code == 200
    assert service.status(execution_id, "quote")["result_json"] == {"price": 4}


def test_the_output_must_be_the_one_that_was_reviewed(service: Service) -> None:
    execution_id = service.halted()
    seen = service.pending(execution_id)["output_digest"]
    said = {"task_id": "write", "is_approve": True}

    stale = service.resume(execution_id, output_digest="sha256:0", **said)
    fresh = service.resume(execution_id, outputDigest=seen, **said)

    assert (stale.status_code, stale.json()["error"]) == (409, "output_changed")
    assert fresh.status_code == 200


def test_the_round_cap_leaves_approval_only(service: Service) -> None:
    execution_id = service.halted("capped")

    refused = service.resume(execution_id, "capped", task_id="write", is_approve=False)
    taken = service.resume(execution_id, "capped", task_id="write", is_approve=True)

    assert (refused.status_code, list(refused.json()["details"])) == (422, ["is_approve"])
    assert taken.status_code == 200


@pytest.mark.parametrize("words", ["\0", "é" * 100])
def test_words_may_hold_what_a_database_does_not(service: Service, words: str) -> None:
    answer = service.resume(service.halted(), task_id="write", human_feedback=words)
    service.work()
    assert answer.json()["status"] == "retrying"


def test_null_says_as_little_as_a_key_that_is_not_there(service: Service) -> None:
    said = {"human_feedback": None, "reviewer": None, "webhooks": None, "is_approve": True}
    assert service.resume(service.halted(), task_id="write", **said).status_code == 200


def test_null_in_one_casing_does_not_hide_what_the_other_says(service: Service) -> None:
    said = {"is_approve": None, "isApprove": False, "human_feedback": "ok"}
    answer = service.resume(service.halted(), task_id="write", **said)
    assert answer.json()["status"] == "retrying"


def test_an_answer_that_contradicts_itself_is_refused(service: Service) -> None:
    said = {"is_approve": True, "isApprove": False}
    answer = service.resume(service.halted(), task_id="write", **said)
    assert answer.status_code == 422
    assert "is_approve and isApprove contradict each other" in answer.json()["message"]
