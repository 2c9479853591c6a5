"""Recipient files in the API: read by the reader of the command line, bounded, and nothing of them kept."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest

from campaigns.domain.access.rights import Principal, Right
from campaigns.store.database.engine import Store
from campaigns.web.kit.sent import uploads
from tests.web.served import VIEWER, served
from tests.workbooks import workbook

CHECK = "/api/v1/audiences/check"
LARGEST = str(2**63 - 1)


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ("user_id;name\n7;Ann\n7;Ann\n8;Jos\xe9\n".encode("cp1252"), ("CSV", "Windows-1252", "semicolon")),
        (b'{"user_id": 7}\n{"user_id": "8"}\n{"user_id": 7}\n', ("JSON Lines", "UTF-8", None)),
        (b"7\n8\n7\n", ("one ID a line", "UTF-8", None)),
        (workbook({"Fans": [["name", "User ID"], ["Ann", 7], ["Bob", 8], ["Ann", 7]]}), ("workbook", None, None)),
    ],
)
def test_a_file_of_each_kind_is_understood(
    desk: httpx.Client, content: bytes, form: tuple[str, str | None, str | None]
) -> None:
    raw = desk.post(CHECK, content=content, headers={"Content-Type": "application/octet-stream"})
    part = desk.post(CHECK, files={"users": ("fans", content)})

    assert (raw.status_code, part.status_code) == (200, 200), raw.text
    assert raw.json() == part.json()
    file = raw.json()["file"]
    assert (file["kind"], file["encoding"], file["separator"]) == form
    assert (raw.json()["size"], file["ids"], file["duplicates"]) == (2, 2, 1)
    assert (raw.json()["first_user"], raw.json()["last_user"]) == ("7", "8")


def test_bad_lines_are_named_or_left_out(desk: httpx.Client) -> None:
    content = f"1\nx\n{LARGEST}\n".encode()
    refused = desk.post(CHECK, content=content)
    read = desk.post(CHECK, content=content, params={"skip_bad": True}).json()

    assert (refused.status_code, "line 2" in refused.json()["detail"]) == (400, True)
    assert refused.json()["remedies"][0]["do"]
    assert (read["size"], read["bad"], read["last_user"]) == (2, ["line 2: x"], LARGEST)


def test_a_file_without_users_and_a_body_without_the_file_are_refused(desk: httpx.Client) -> None:
    assert "names no user" in desk.post(CHECK, content=b"").json()["detail"]
    assert desk.post(CHECK, files={"fans": ("fans.csv", b"1\n")}).status_code == 400
    assert desk.post(CHECK, content=b"--x", headers={"Content-Type": "multipart/form-data"}).status_code == 400


def test_a_body_that_is_too_large_is_one_problem(desk: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LARGEST_UPLOAD", 1000)

    def without_a_length() -> Iterator[bytes]:
        yield from (b"1234\n" for _ in range(1000))

    told = desk.post(CHECK, content=b"1234\n" * 1000)
    untold = desk.post(CHECK, content=without_a_length())
    part = desk.post(CHECK, files={"users": ("fans.csv", b"1234\n" * 1000)})

    for refusal in (told, untold, part):
        assert (refusal.status_code, refusal.json()["code"]) == (413, "too_large")


def test_a_body_that_comes_too_slowly_is_one_problem(desk: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PATIENCE_SECONDS", 0.0)
    address = (desk.base_url.host, int(desk.base_url.port or 0))
    with socket.create_connection(address, timeout=60) as slow:
        lines = (f"POST {CHECK} HTTP/1.1", "Host: 127.0.0.1", "Sec-Fetch-Site: none", "Content-Length: 100", "", "1\n")
        slow.sendall("\r\n".join(lines).encode())
        reply = slow.makefile("rb").read().decode()

    assert reply.startswith("HTTP/1.1 408")
    assert '"too_slow"' in reply


def test_whoever_may_only_look_reads_no_file(store: Store) -> None:
    with served(store, VIEWER) as desk:
        assert desk.post(CHECK, content=b"1\n").status_code == 403
    with served(store, Principal("erik", frozenset({Right.EDITOR}))) as desk:
        assert desk.post(CHECK, content=b"1\n").status_code == 200
