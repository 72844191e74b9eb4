"""Bodies that are no JSON, too large, or strange."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Service

MALFORMED = {
    "nothing": b"",
    "half": b'{"inputs": {',
    "no utf-8": b'{"inputs": {"topic": "\xff"}}',
    "utf-16": '{"inputs": {}}'.encode("utf-16"),
    "nan": b'{"inputs": {"topic": NaN}}',
    "infinity": b'{"inputs": {"topic": -Infinity}}',
    "beyond a double": b'{"inputs": {"topic": 1e999}}',
    "too many digits": b'{"inputs": {"topic": ' + b"9" * 5000 + b"}}",
    "deep": b'{"inputs": ' + b"[" * 150 + b"]" * 150 + b"}",
    "very deep": b"[" * 9000,
    "form": b"inputs=1",
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("path", ["/crews/article/kickoff", "/crews/article/resume", "/kickoff"])
def test_what_is_no_json_is_a_bad_request(service: Service, path: str, content: bytes) -> None:
    answer = service.call("POST", path, content=content)

    assert (answer.status_code, answer.json()["error"]) == (400, "Invalid JSON")
    assert answer.json()["message"].startswith("The body is not valid JSON: ")


@pytest.mark.parametrize("content", [b"[]", b'"inputs"', b"null", b"1"])
def test_a_body_must_be_an_object(service: Service, content: bytes) -> None:
    answer = service.call("POST", "/kickoff", content=content)
    assert answer.status_code == 422
    assert answer.json()["details"] == {"body": "not an object"}


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_the_content_type_does_not_matter(service: Service, media_type: str) -> None:
    headers = {"Content-Type": media_type}
    answer = service.call("POST", "/crews/plain/kickoff", content='{"inputs":{}}', headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b"\n "])
def test_a_byte_order_mark_and_blanks_are_skipped(service: Service, prefix: bytes) -> None:
    content = prefix + b'{"inputs":{},"inputs":{"a":1}}'
    assert service.call("POST", "/crews/plain/kickoff", content=content).status_code == 200


def padded(size: int) -> bytes:
    body = b'{"inputs":{"topic":"' + b"x" * (size - 23) + b'"}}'
    assert len(body) == size
    return body


def in_chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 1000):
        yield body[start : start + 1000]


def test_a_body_may_be_as_large_as_the_limit(service: Service) -> None:
    body = padded(service.limit)
    assert service.call("POST", "/kickoff", content=body).status_code == 200
    assert service.call("POST", "/kickoff", content=in_chunks(body)).status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_larger_body_is_refused(service: Service, *, chunked: bool) -> None:
    body = padded(service.limit + 1)

    answer = service.call("POST", "/kickoff", content=in_chunks(body) if chunked else body)

    assert (answer.status_code, answer.json()["error"]) == (413, "Payload Too Large")
    assert not service.jobs


def test_a_declared_length_is_refused_before_anything_is_read(service: Service) -> None:
    headers = {"Content-Length": str(service.limit + 1)}
    answer = service.call("POST", "/kickoff", content=b"{}", headers=headers)
    assert answer.status_code == 413


def test_half_a_character_may_stand_in_a_key(service: Service) -> None:
    content = b'{"inputs": {"\\ud800": 1}}'
    answer = service.call("POST", "/crews/plain/kickoff", content=content)
    record = service.get(f"/v1/executions/{answer.json()['kickoff_id']}").json()
    assert record["inputs"] == {"\ud800": 1}


def test_half_a_character_in_a_text_of_ours_is_refused(service: Service) -> None:
    content = b'{"execution_id": "x", "task_id": "\\ud800", "is_approve": true}'
    assert service.call("POST", "/resume", content=content).status_code == 422
