"""Bodies of every kind that a client may send: JSON, forms, and files beside the fields."""

from __future__ import annotations

import httpx
import pytest

from campaigns.sandbox.bodies import read_fields
from tests.sandbox.conftest import MASS, Start, bench

FIELDS = {"text": "Hi & <b>you</b>", "userIds[]": ["1", "2"], "lockedText": "true", "price": "6.97"}
READ = {"text": "Hi & <b>you</b>", "userIds": ["1", "2"], "lockedText": True, "price": 6.97}


def test_a_form_is_read_with_the_types_of_its_fields(start: Start) -> None:
    sandbox = start()
    assert sandbox.client.post(MASS, data={**FIELDS, "mediaFiles[]": "77"}).status_code == 200
    (sent,) = sandbox.accepted()
    assert (sent["text"], sent["user_ids"], sent["price"]) == (READ["text"], ["1", "2"], 6.97)


def test_a_form_with_files_is_read_and_its_files_are_media(start: Start) -> None:
    sandbox = start()
    photo = {"mediaFiles[]": ("photo.jpg", b"\xff\xd8\x00\r\n--\xff" * 5000, "image/jpeg")}
    answer = sandbox.client.post(MASS, data={**FIELDS, "previews[]": "0"}, files=photo)
    assert answer.status_code == 200
    assert sandbox.accepted()[0]["user_ids"] == ["1", "2"]
    (medium,) = sandbox.sandbox.vendor.world.book.accepted()[0].content.media_files
    assert medium.startswith("file:")
    assert medium.endswith(":photo.jpg")
    beyond = sandbox.client.post(MASS, data={**FIELDS, "previews[]": "1"}, files=photo)
    assert "previews" in beyond.json()["errors"]


def test_no_name_in_json_is_taken_for_a_file() -> None:
    assert "mediaFiles" in bench().errors(text="Hi", userIds=["1"], mediaFiles=["file:0123456789abcdef:photo.jpg"])


def test_what_a_form_says_wrongly_is_refused_by_the_same_checks(start: Start) -> None:
    sandbox = start()
    wrong = {**FIELDS, "lockedText": "perhaps", "price": "much", "subscribedWithinLastDays": "1.5", "other": "1"}
    errors = sandbox.client.post(MASS, data=wrong).json()["errors"]
    assert set(errors) == {"lockedText", "price", "subscribedWithinLastDays", "other"}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x\r\n\r\n--x--"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"no part at all"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nHi\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\n" * 5000),
        ("multipart/form-data; boundary=\xff", bytes(range(256))),
        ("application/x-www-form-urlencoded", b"\xff=&&=%"),
        ("application/json", b"[" * 100_000),
        ("application/json", b"9" * 5000),
        ("application/json", b"\xff\xfe"),
        ("nothing", b""),
    ],
)
def test_a_body_that_cannot_be_read_lacks_its_text(content_type: str, body: bytes) -> None:
    reply = bench().ask("POST", MASS, body, {"authorization": "Bearer key", "content-type": content_type})
    assert (reply.status, b"The text field is required" in reply.body) == (422, True)


def test_repeated_and_numbered_names_are_one_array() -> None:
    form = "application/x-www-form-urlencoded"
    assert read_fields(form, b"userIds[0]=1&userIds[1]=2")["userIds"] == ["1", "2"]
    assert read_fields(form, b"userIds=1&userIds=2")["userIds"] == ["1", "2"]
    assert read_fields(form, b"text=a&text=b&text[]=c")["text"] == "b"


def test_a_request_made_of_files_alone_names_no_recipients(start: Start) -> None:
    answer: httpx.Response = start().client.post(MASS, files={"text": ("hi.txt", b"Hi"), "userIds[]": ("1", b"1")})
    assert set(answer.json()["errors"]) == {"text", "userIds"}
