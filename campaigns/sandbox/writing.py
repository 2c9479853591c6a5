"""The endpoints that change something: send, update, delete."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pyroaring import BitMap64

from campaigns.sandbox.book import item_of, updated_item
from campaigns.sandbox.faults import Effect
from campaigns.sandbox.items import QueueItem, Timing
from campaigns.sandbox.replies import invalid, onlyfans_error
from campaigns.sandbox.validation import (
    Body,
    Draft,
    one_use_media,
    read_content,
    read_lists,
    read_users,
    send_faults,
    update_faults,
)
from campaigns.sandbox.world import Change, Done, Turn, World

DEFAULT_SECONDS = {
    "late_in_list": 30.0,
    "gone_from_list": 10.0,
    "media_not_ready": 30.0,
    "slow_delivery": 60.0,
    "cannot_unsend": 0.0,
}
MOST_DIGITS = 19
SLOW_START_SECONDS = 5.0
FOREIGN_TEXT = "Posted by another tool"
RECENT_LIST = "recent"
NOT_COUNTED_YET = {"isDone": False, "total": -1, "pending": 0}  # however fast delivery is, the reply is faster
UPDATE_FIELDS = (
    "text", "userLists", "userIds", "lockedText", "price", "mediaFiles", "previews", "giphyId", "scheduledDate",
    "blockBannedWords",
)  # fmt: skip


def check_send(turn: Turn) -> None:
    """Check a send. Raises Refused: 422 for what the vendor checks, 400 for what OnlyFans would refuse."""
    world = turn.world
    errors = send_faults(Draft(turn.body, world.setup, turn.now))
    if not errors:
        spent = one_use_media(read_content(turn.body)) & world.book.spent_media
        if spent:
            errors = {"mediaFiles": [f"The media {', '.join(sorted(spent))} was used already."]}
    if errors:
        raise invalid(errors)
    _check_lists(turn, turn.body)
    if world.setup.bad_user_answer == "refuse" and _bad_users(world, turn.body):
        world.book.spend(read_content(turn.body))
        raise onlyfans_error(400, 400, "Some users cannot be messaged", outcome="refused_bad_user")


def send(turn: Turn) -> Done:
    """Accept a mass message; it has passed `check_send`."""
    effects = {effect.fault: effect for effect in turn.chosen.item}
    answer_fault = turn.chosen.answer.fault if turn.chosen.answer else None
    entry = {
        "kind": "accepted",
        "id": turn.world.book.take_id(),
        "account": turn.account,
        "at": turn.now,
        "sha256": turn.request.sha256,
        "fault": turn.chosen.words,
        "has_error": answer_fault == "accepted_with_error_flag",
        "timing": asdict(_timing(turn.world, effects)),
        "expanded": _expanded(turn, turn.body),
        "skipped": _skipped(turn.world, turn.body, effects.get("users_skipped")),
        "request": turn.body,
    }
    item = item_of(entry)
    turn.world.book.spend(item.content)
    data = {**item.short_form(turn.now), **NOT_COUNTED_YET}
    if answer_fault == "accepted_without_id":
        del data["id"]
    changes = [Change(entry, turn.request.body, item)]
    if "foreign_item" in effects:
        changes.append(_foreign(turn.world, item, effects["foreign_item"]))
    return Done({"data": data}, changes, item)


def check_update(turn: Turn) -> None:
    """Raises Refused. An item that has been sent cannot be changed (an assumption)."""
    errors = update_faults(Draft(turn.body, turn.world.setup, turn.now))
    if errors:
        raise invalid(errors)
    _check_lists(turn, updatable(turn.body))
    item = find_item(turn)
    if item.cancelled_at is not None or not (item.saved or turn.now < item.date):
        raise onlyfans_error(400, 400, "The message was sent already", outcome="refused_update")


def update(turn: Turn) -> Done:
    """Change a scheduled or saved item; the reply has the shape of a send's."""
    item, body = find_item(turn), updatable(turn.body)
    entry = {
        "kind": "updated",
        "id": item.id,
        "account": item.account,
        "at": turn.now,
        "expanded": _expanded(turn, body),
        "skipped": _skipped(turn.world, body, None),
        "request": body,
    }
    return Done({"data": updated_item(item, entry).short_form(turn.now)}, [Change(entry)])


def delete(turn: Turn) -> Done:
    """Unsend an item, or delete one that is scheduled or saved. Raises Refused if it does not exist."""
    item = find_item(turn)
    setup = turn.world.setup
    if item.cancelled_at is not None and setup.delete_again == "not_found":
        raise not_there()
    if item.cancelled_at is None and not item.can_unsend(turn.now):
        if setup.late_delete == "refuse":
            raise onlyfans_error(400, 400, "The message cannot be unsent", outcome="refused_unsend")
        return Done({"data": {"success": False, "queue": item.long_form(turn.now, setup.echo)}})
    change = Change({"kind": "cancelled", "id": item.id, "account": item.account, "at": turn.now})
    queue = {**item.long_form(turn.now, setup.echo), "canUnsend": False, "unsendSeconds": 0, "isCanceled": True}
    is_ignored = turn.chosen.answer is not None and turn.chosen.answer.fault == "delete_ignored"
    return Done({"data": {"success": True, "queue": queue}}, [] if is_ignored else [change])


def updatable(body: Body) -> dict[str, Any]:
    """The fields that an update has; others are ignored."""
    return {name: body[name] for name in UPDATE_FIELDS if name in body}


def find_item(turn: Turn) -> QueueItem:
    """The item of a path. Raises Refused (OnlyFans' 404)."""
    named, item = turn.call.of, None
    if named.isascii() and named.isdecimal() and len(named) <= MOST_DIGITS:
        item = turn.world.book.item(turn.account, int(named))
    if item is None:
        raise not_there()
    return item


def not_there() -> Exception:
    """The refusal for an item that OnlyFans does not know. OnlyFans had to be asked, so this costs a credit."""
    return onlyfans_error(404, 404, "Message not found", outcome="not_found")


def _check_lists(turn: Turn, body: Body) -> None:
    for name in (*read_lists(body, "userLists"), *read_lists(body, "excludedLists")):
        if turn.world.setup.list_members(turn.account, name) is None:
            raise onlyfans_error(400, 404, f"List {name} not found", outcome="refused_list")


def _expanded(turn: Turn, body: Body) -> list[int]:
    """Members of the lists without those of excluded lists; a user named by ID is not excluded (an assumption)."""
    names = list(read_lists(body, "userLists"))
    if body.get("subscribedWithinLastDays"):
        names.append(RECENT_LIST)
    users = BitMap64()
    for name in names:
        users.update(turn.world.setup.list_members(turn.account, name) or ())
    for name in read_lists(body, "excludedLists"):
        users.difference_update(BitMap64(turn.world.setup.list_members(turn.account, name) or ()))
    return list(users)


def _bad_users(world: World, body: Body) -> list[int]:
    return list(read_users(body) & BitMap64(world.setup.bad_users)) if world.setup.bad_users else []


def _skipped(world: World, body: Body, effect: Effect | None) -> list[int]:
    """Users whom OnlyFans leaves out silently: bad ones, and with the fault the first `count` of the request."""
    skipped = _bad_users(world, body)
    if effect is not None:
        skipped += list(read_users(body))[: effect.count]
    return skipped


def _timing(world: World, effects: dict[str, Effect]) -> Timing:
    def seconds(fault: str, otherwise: float) -> float:
        effect = effects.get(fault)
        if effect is None:
            return otherwise
        return DEFAULT_SECONDS[fault] if effect.seconds is None else effect.seconds

    setup = world.setup
    start = setup.delivery_start_seconds
    slow = effects.get("slow_delivery")
    if slow is not None:
        start = SLOW_START_SECONDS if slow.start_seconds is None else slow.start_seconds
    gone, late = effects.get("gone_from_list"), effects.get("cannot_unsend")
    return Timing(
        listed_after=seconds("late_in_list", setup.late_in_list_seconds),
        listed_for=setup.gone_from_list_seconds if gone is None else seconds("gone_from_list", 0.0),
        ready_after=seconds("media_not_ready", 0.0),
        start_after=start,
        delivery=seconds("slow_delivery", setup.delivery_seconds),
        unsendable_for=setup.unsendable_seconds if late is None else seconds("cannot_unsend", 0.0),
    )


def _foreign(world: World, beside: QueueItem, effect: Effect) -> Change:
    """An item of another tool beside a send; `text: same` copies the send's text."""
    text = FOREIGN_TEXT if effect.text is None else effect.text
    entry: dict[str, Any] = {
        "kind": "foreign",
        "id": world.book.take_id(),
        "account": beside.account,
        "at": beside.accepted_at,
        "text": beside.content.text if text == "same" else text,
        "price": beside.content.price,
        "users": len(beside.users),
        "timing": {},
    }
    return Change(entry)
