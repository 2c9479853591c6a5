"""Limit what a message of the broker can do: start one of our tasks now, with the arguments that it carries.

Whoever can write to the broker can put any message there. A message that asks for a later time would stop the whole
worker until then, because Celery gives it a place in the small window of messages that it fetches. A message can also
name tasks to be run afterwards. Our wake-ups use none of that, so none of it is read.
"""

from __future__ import annotations

from typing import Any, get_type_hints

from celery import Celery, Task
from celery.exceptions import InvalidTaskError
from celery.worker.control import Panel
from celery.worker.request import Request

HEADERS = ("id", "task", "lang", "expires", "argsrepr", "kwargsrepr", "root_id", "parent_id", "origin")
"""The headers that are read of a message; `expires` can only drop it."""

BUILT_IN = "celery."
"""The prefix of Celery's own tasks, which run other tasks; we do not need them."""

LARGEST_ID = 2**63 - 1
LONGEST_ID = 100
"""The maximum length of an ID that is text, in characters."""

PING = "ping"
"""The only remote command that a worker accepts, for health checks."""


class WakeUpRequest(Request):
    """A request that runs at once: time, retries, limits, callbacks, chains and groups of its message are dropped."""

    def __init__(self, message: Any, **options: Any) -> None:
        """Raises InvalidTaskError for a message that is not a call of a task; the worker drops it."""
        headers, content = options.pop("headers", None), options.pop("body", None)
        if not options.pop("decoded", False):
            content = message.payload
        try:
            headers = dict(headers or message.headers)
            arguments, named, _ = content
            body: tuple[list[Any], dict[str, Any], dict[str, Any]] = (list(arguments), dict(named), {})
        except (TypeError, ValueError, LookupError, AttributeError) as fault:
            raise InvalidTaskError(f"the message is not a call of a task: {fault}") from fault
        read = {name: headers[name] for name in HEADERS if name in headers}
        if named or type(arguments) is not list or not _fit(options["task"], arguments):
            raise InvalidTaskError("its arguments are not those of the task")
        super().__init__(message, headers=read, body=body, decoded=True, **options)


def _fit(task: Any, arguments: list[Any]) -> bool:
    """Whether the arguments are those that the task declares: IDs, which are whole numbers or short texts."""
    kinds = [kind for name, kind in get_type_hints(task.run).items() if name != "return"]
    if [type(argument) for argument in arguments] != kinds:
        return False
    return all(
        0 < argument <= LARGEST_ID
        if isinstance(argument, int)
        else len(argument) <= LONGEST_ID and argument.isascii() and argument.isprintable()
        for argument in arguments
    )


class WakeUp(Task):  # type: ignore[type-arg]
    """The base of our tasks."""

    Request = f"{WakeUpRequest.__module__}:{WakeUpRequest.__name__}"


def forget_built_in_tasks(app: Celery) -> None:
    """Remove Celery's own tasks from a complete application; a message that names one is refused."""
    for name in [name for name in app.tasks if name.startswith(BUILT_IN)]:
        app.tasks.pop(name)


def forget_remote_commands() -> None:
    """Remove the remote commands of a worker, except `ping`: others can end it, or stop it from taking ticks."""
    for name in [name for name in Panel.data if name != PING]:
        del Panel.data[name]
