"""Messages with a wrong task or wrong arguments: each is dropped with one line of the log that repeats none of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from kombu.message import Message

from campaigns.worker import tasks
from campaigns.worker.app import app
from campaigns.worker.broker_guard import Consumer
from campaigns.worker.wake_up import WakeUpRequest

SECRET = "S3cr3t"
OURS = {each.name: each for each in (tasks.tick, tasks.plan, tasks.serve)}


class Dropped(Message):
    """A message that notes whether it was rejected."""

    rejected = 0

    def reject_log_error(self, *_: Any, **__: Any) -> None:
        self.rejected += 1


def message(task: object, args: object = (), named: object = None, content_type: str = "application/json") -> Dropped:
    body = json.dumps([args, {} if named is None else named, {}])
    headers: dict[str, Any] = {"lang": "py", "task": task, "id": "1", "argsrepr": SECRET}
    return Dropped(
        body=body, headers=headers, content_type=content_type, content_encoding="utf-8", accept={"application/json"}
    )


@pytest.fixture
def handle() -> Callable[[Any], None]:
    """What Celery's consumer does with a message, down to the request that it makes of it."""
    consumer = object.__new__(Consumer)
    accepted: list[WakeUpRequest] = []

    def strategy(name: str) -> Callable[..., None]:
        def make(message: Any, body: Any, *_: Any) -> None:
            accepted.append(
                WakeUpRequest(message, app=app, task=OURS[name], body=message.body, headers=message.headers)
            )

        return make

    consumer.__dict__.update(
        strategies={name: strategy(name) for name in OURS},
        on_task_message=None,
        call_soon_ack=None,
        connection_errors=(),
        restart_count=0,
        _maximum_prefetch_restored=True,
        app=app,
        accepted=accepted,
    )
    handler: Any = consumer.create_task_handler()
    handler.accepted = accepted
    return handler  # type: ignore[no-any-return]


WRONG = (
    *(
        message("campaigns.plan", args)
        for args in ([], ["x"], [None], [{"a": SECRET}], [10**30], [-1], [0], [True], [1, 2])
    ),
    *(
        message("campaigns.serve", args)
        for args in ([], [1], [None], [{"a": SECRET}], ["a\0b"], ["x" * 1000], ["a", "b"])
    ),
    *(message("campaigns.tick", args) for args in ([1], [SECRET])),
    *(message(name, named={"evil": SECRET}) for name in OURS),
    *(message(name, {SECRET: 1}) for name in OURS),
    message("os.system", [SECRET]),
    message(None, [SECRET]),
    message("campaigns.plan", SECRET),
    message("campaigns.plan", 5),
    message("campaigns.plan", [1], content_type="application/x-yaml"),
)


def test_a_wrong_message_is_one_line_of_the_log_without_its_content(
    handle: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for each in WRONG:
        caplog.clear()
        handle(each)
        assert handle.accepted == []
        assert each.rejected == 1
        (line,) = caplog.records
        assert line.exc_info is None
        assert "was dropped (" in line.getMessage()
        assert SECRET not in line.getMessage()


def test_our_own_wake_ups_pass(handle: Any) -> None:
    for each in (message("campaigns.tick"), message("campaigns.plan", [7]), message("campaigns.serve", ["acct_one"])):
        handle(each)
    assert [request.name for request in handle.accepted] == list(OURS)
