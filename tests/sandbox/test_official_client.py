"""The vendor's own Python client, unchanged, against the sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import onlyfansapi
import pytest

from tests.sandbox.conftest import Listening, Start


@pytest.fixture
def sandbox(start: Start) -> Listening:
    return start(delivery_start_seconds=0, delivery_seconds=0)


@pytest.fixture
def client(sandbox: Listening) -> Iterator[onlyfansapi.OnlyFansAPI]:
    with onlyfansapi.OnlyFansAPI(api_key="key", base_url=sandbox.url) as opened:
        yield opened


def test_it_sends_lists_reads_and_deletes(client: onlyfansapi.OnlyFansAPI, sandbox: Listening) -> None:
    sent = client.mass_messaging.send(
        "acct_a",
        text="Hi",
        user_ids=["1", "2", "3"],
        price=6.97,
        media_files=["77"],
        previews=["77"],
        locked_text=False,
        block_banned_words="risky",
    )
    assert sent.data is not None
    assert sent.data.id is not None
    assert sent.data.total == -1
    listed = client.mass_messaging.list("acct_a").data
    assert listed is not None
    assert [row.id for row in listed] == [sent.data.id]
    read = client.mass_messaging.retrieve(str(sent.data.id), account="acct_a").data
    assert read is not None
    assert read.queue is not None
    assert (read.queue.text, read.queue.sent_count, read.queue.is_free) == ("Hi", 3, False)
    deleted = client.mass_messaging.delete(str(sent.data.id), account="acct_a").data
    assert deleted is not None
    assert deleted.queue is not None
    assert deleted.queue.is_canceled is True
    assert sandbox.accepted()[0]["user_ids"] == ["1", "2", "3"]


def test_it_updates_a_scheduled_message(client: onlyfansapi.OnlyFansAPI) -> None:
    sent = client.mass_messaging.send(
        "acct_a", text="Hi", user_lists=["fans"], scheduled_date="2099-01-01T00:00:00.000Z"
    )
    assert sent.data is not None
    item = str(sent.data.id)
    updated = client.mass_messaging.update(
        item, account="acct_a", text="New", user_ids=["5"], scheduled_date="2099-01-02T00:00:00.000Z"
    )
    assert updated.data is not None
    assert updated.data.date == "2099-01-02T00:00:00+00:00"
    read = client.mass_messaging.retrieve(item, account="acct_a").data
    assert read is not None
    assert read.queue is not None
    assert read.queue.text == "New"


def test_it_reads_the_overview(client: onlyfansapi.OnlyFansAPI) -> None:
    for number in range(3):
        client.mass_messaging.send("acct_a", text=f"Number {number}", user_ids=["1"])
    page = client.mass_messaging.retrieve_overview(
        "acct_a", limit=2, query="number", start_date="2020-01-01 00:00:00", end_date="2099-01-01 00:00:00"
    ).data
    assert page is not None
    assert page.items is not None
    assert page.has_more is True
    assert [item.text for item in page.items] == ["<p>Number 2</p>", "<p>Number 1</p>"]


def test_it_knows_itself_its_accounts_and_their_lists(client: onlyfansapi.OnlyFansAPI) -> None:
    me = client.whoami.retrieve()
    assert me.team is not None
    assert me.team.slug == "sandbox"
    lists = client.user_lists.list("acct_a", limit=10, view="queue").data
    assert lists is not None
    assert lists[0].id == "fans"
    users = client.user_lists.users.list("fans", account="acct_a", limit="5").data
    assert users is not None
    assert users.list is not None
    assert (len(users.list), users.has_more, users.next_offset) == (5, True, 5)
    assert [(account.id, account.is_authenticated) for account in client.accounts.list()] == [("acct_a", True)]


def test_it_raises_its_own_errors(sandbox: Listening) -> None:
    client = onlyfansapi.OnlyFansAPI(api_key="key", base_url=sandbox.url, max_retries=0)
    with pytest.raises(onlyfansapi.UnprocessableEntityError):
        client.mass_messaging.send("acct_a", text="Hi", user_ids=[])
    with pytest.raises(onlyfansapi.NotFoundError):
        client.mass_messaging.retrieve("1", account="acct_a")
    client.close()


@pytest.mark.parametrize("fault", ["lost_answer", "answer_502_after_accepting", "html_502_after_accepting"])
def test_its_retries_message_the_same_fans_twice_when_an_answer_is_lost(start: Start, fault: str) -> None:
    """The reason for this product: nothing told the caller that two messages went out."""
    sandbox = start(script=[{"fault": fault}])
    with onlyfansapi.OnlyFansAPI(api_key="key", base_url=sandbox.url) as client:
        sent = client.mass_messaging.send("acct_a", text="Hi", user_ids=["1", "2"])
    assert sent.data is not None
    assert [row["user_ids"] for row in sandbox.accepted()] == [["1", "2"], ["1", "2"]]
    summary = sandbox.summary()
    assert summary["repeated"] == 2
    assert summary["repeated_users"] == [
        {"account": "acct_a", "user_id": "1", "times": 2},
        {"account": "acct_a", "user_id": "2", "times": 2},
    ]
    assert [request["retry_count"] for request in sandbox.requests()] == [0, 1]
