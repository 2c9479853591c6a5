"""What a person does to an account: add, rename, set its hours, remove it, and let it go on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from campaigns.domain.access.rights import Principal, Right
from campaigns.domain.errors import InvalidInput, UsageError
from campaigns.domain.schedules.sending_hours import Hours
from campaigns.flow.access.allow import allow_account
from campaigns.flow.accounts.accounts import add_account, refuse_bad_id, set_account, set_name
from campaigns.flow.accounts.release import Released, ReleasePreview, preview_release, release_account
from campaigns.flow.accounts.remove import remove_account
from campaigns.inputs.times import parse_zone
from campaigns.store.database.engine import Store
from campaigns.store.views.pages.account_now import AccountNow, account_now
from campaigns.web.desk import Admin, Desk, Here, Sender
from campaigns.web.kit.acts import Question, act_once, ask
from campaigns.web.kit.pages import page
from campaigns.web.kit.seen import require_seen, seen

routes = APIRouter(prefix="/accounts")

ADMIN = frozenset({Right.ADMIN})
SEND = frozenset({Right.SENDER})

FIELDS = ("account", "name", "hours", "zone")

LISTED = 10
"""At most this many runs are named one by one in a question."""

Text = Annotated[str, Form(max_length=500)]


@routes.get("/new")
def show_new(request: Request, by: Admin, account: str = "") -> Response:
    """The form for a new account."""
    return page(request, "accounts/new.html", by=by, typed=dict.fromkeys(FIELDS, "") | {"account": account}, faults={})


@routes.post("/new")
def add(
    request: Request,
    desk: Here,
    by: Admin,
    *,
    account: Text,
    name: Text = "",
    hours: Text = "",
    zone: Text = "",
    key: Text = "",
) -> Response:
    """Ask whether campaigns may send from an account; with the key of that question, add it."""
    account = account.strip()
    allow_account(by, ADMIN, account)
    typed = {"account": account, "name": name.strip(), "hours": hours.strip(), "zone": zone.strip()}
    faults = _faults(typed, zone_before=None)
    if faults:
        return page(request, "accounts/new.html", by=by, typed=typed, faults=faults, status_code=422)
    if not key:
        sentence = (
            f"Campaigns may send from account {account} of {desk.parts.upstream_name}, {_when(hours, zone)}. The key "
            "is not asked whether it sees the account: the first send shows it. An account that was removed comes "
            "back as it was."
        )
        question = Question(f"Add account {account}", sentence, "Add", "/accounts", needs_reason=False, fields=typed)
        return ask(request, by, question)
    return act_once(
        request,
        desk.store,
        by,
        typed | {"key": key},
        lambda store: add_account(
            store,
            account,
            upstream=desk.parts.upstream_name,
            team=None,
            name=typed["name"] or None,
            zone=typed["zone"] or None,
            hours=typed["hours"] or None,
            actor=by.actor,
        ),
        to=f"/accounts/{account}",
        sentence=f"Account {account} is added.",
    )


@routes.get("/{account_id}/rename")
def show_rename(request: Request, desk: Here, by: Admin, account_id: str) -> Response:
    """The form for the name of an account."""
    account = _account(desk, by, account_id)
    return page(request, "accounts/rename.html", by=by, account=account)


@routes.post("/{account_id}/rename")
def rename(request: Request, desk: Here, by: Admin, account_id: str, *, name: Text = "", key: Text = "") -> Response:
    """Ask whether people call an account so; with the key of that question, rename it."""
    account = _account(desk, by, account_id)
    now = f"is called {name.strip()}" if name.strip() else "has no name"
    if not key:
        before = f", and no longer {account.name}" if account.name else ""
        sentence = f"Account {account_id} {now}{before}. Nothing else changes."
        back, fields = f"/accounts/{account_id}", {"name": name}
        title = f"Rename account {account_id}"
        return ask(request, by, Question(title, sentence, "Rename", back, needs_reason=False, fields=fields))
    return act_once(
        request,
        desk.store,
        by,
        {"name": name, "key": key},
        lambda store: set_name(store, account_id, name, actor=by.actor),
        to=f"/accounts/{account_id}",
        sentence=f"Account {account_id} {now}.",
    )


@routes.get("/{account_id}/hours")
def show_hours(request: Request, desk: Here, by: Admin, account_id: str) -> Response:
    """The form for the hours and the zone of an account."""
    account = _account(desk, by, account_id)
    typed = {"hours": account.hours or "", "zone": account.zone or ""}
    return page(request, "accounts/hours.html", by=by, account=account, typed=typed, faults={})


@routes.post("/{account_id}/hours")
def set_hours(
    request: Request, desk: Here, by: Admin, account_id: str, *, hours: Text = "", zone: Text = "", key: Text = ""
) -> Response:
    """Ask whether an account sends at these hours; with the key of that question, set them."""
    account = _account(desk, by, account_id)
    typed = {"hours": hours.strip(), "zone": zone.strip()}
    faults = _faults(typed, zone_before=account.zone)
    if faults:
        return page(request, "accounts/hours.html", by=by, account=account, typed=typed, faults=faults, status_code=422)
    when = _when(typed["hours"], typed["zone"] or account.zone or "")
    if not key:
        runs = _runs(len(account.runs))
        sentence = f"Account {account_id} sends {when}. Its open runs follow from their next send on: {runs}."
        back, title = f"/accounts/{account_id}", f"Set the hours of account {account_id}"
        return ask(request, by, Question(title, sentence, "Set", back, needs_reason=False, fields=typed))
    return act_once(
        request,
        desk.store,
        by,
        typed | {"key": key},
        lambda store: set_account(
            store,
            account_id,
            hours=typed["hours"] or None,
            zone=typed["zone"] or None,
            clear_hours=not typed["hours"],
            actor=by.actor,
        ),
        to=f"/accounts/{account_id}",
        sentence=f"Account {account_id} sends {when}.",
    )


@routes.get("/{account_id}/remove")
def ask_to_remove(request: Request, desk: Here, by: Admin, account_id: str) -> Response:
    """Ask whether an account is to be hidden."""
    _account(desk, by, account_id)
    sentence = (
        f"Account {account_id} is hidden, and nothing new is opened on it. No row of it is deleted, and it comes back "
        "as it was when it is added again. While a run of it is open, an outcome is unknown or a campaign is armed, "
        "this is refused."
    )
    return ask(request, by, Question(f"Remove account {account_id}", sentence, "Remove", f"/accounts/{account_id}"))


@routes.post("/{account_id}/remove")
def remove(request: Request, desk: Here, by: Admin, account_id: str, *, reason: Text, key: Text) -> Response:
    """Hide an account."""
    _account(desk, by, account_id)
    return act_once(
        request,
        desk.store,
        by,
        {"reason": reason, "key": key},
        lambda store: remove_account(store, account_id, reason=reason, actor=by.actor),
        to="/accounts",
        sentence=f"Account {account_id} is removed. To add it again brings it back.",
    )


@routes.get("/{account_id}/release")
def ask_to_release(request: Request, desk: Here, by: Sender, account_id: str) -> Response:
    """Ask whether an account, or its whole team, is to send again: with the runs that go on."""
    allow_account(by, SEND, account_id)
    preview = preview_release(desk.store, account_id)
    if preview.accounts:
        by.require_every_account()
    fields = {"seen": seen(preview)}
    question = Question(
        f"Let account {account_id} send again",
        _what_follows(account_id, preview, desk.parts.upstream_name),
        "Let it send",
        f"/accounts/{account_id}",
        is_grave=True,
        fields=fields,
    )
    return ask(request, by, question)


@routes.post("/{account_id}/release")
def release(
    request: Request, desk: Here, by: Sender, account_id: str, *, reason: Text, key: Text, seen: Text = ""
) -> Response:
    """Lift the holds on an account, and those on its team: all that the question has shown, or nothing."""
    allow_account(by, SEND, account_id)

    def verb(store: Store) -> Released:
        shown = preview_release(store, account_id)
        if shown.accounts:
            by.require_every_account()
        require_seen(shown, seen, now=shown.in_numbers)
        return release_account(store, account_id, reason=reason, actor=by.actor, shown=shown)

    return act_once(
        request,
        desk.store,
        by,
        {"reason": reason, "key": key, "seen": seen},
        verb,
        to=f"/accounts/{account_id}",
        sentence=f"Account {account_id} is released.",
    )


def _what_follows(account_id: str, preview: ReleasePreview, upstream: str) -> str:
    holds = "; ".join(f"{hold.kind}: {hold.reason.rstrip('.')}" for hold in preview.holds)
    many = len(preview.accounts)
    what = (
        f"the whole team of account {account_id} at {upstream}, {many:,} accounts," if many else f"account {account_id}"
    )
    people = sum(run.waiting or 0 for run in preview.runs if not run.whole_list)
    lists = sum(run.waiting or 0 for run in preview.runs if run.whole_list)
    named = ", ".join(f"r{run.run_id} ({run.campaign}, {run.account})" for run in preview.runs[:LISTED])
    more = f" and {len(preview.runs) - LISTED:,} more" if len(preview.runs) > LISTED else ""
    left = f"{people:,} recipients" + (f" and {lists:,} whole lists" if lists else "")
    runs = f"{_runs(len(preview.runs))} with {left} not sent yet: {named}{more}" if preview.runs else "no run"
    return f"This lifts the holds on {what} ({holds}). What goes on at once: {runs}."


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number:,} runs"


def _account(desk: Desk, by: Principal, account_id: str) -> AccountNow:
    allow_account(by, ADMIN, account_id)
    with desk.store.read() as connection:
        return account_now(connection, account_id)


def _when(hours: str, zone: str) -> str:
    return f"within {hours} {zone} only" if hours else "at any time"


def _faults(typed: dict[str, str], *, zone_before: str | None) -> dict[str, str]:
    """What is wrong with the fields, each by its name."""
    faults = {}
    if "account" in typed:
        try:
            refuse_bad_id(typed["account"])
        except UsageError as refusal:
            faults["account"] = str(refusal)
    if typed["zone"]:
        try:
            parse_zone(typed["zone"])
        except InvalidInput as refusal:
            faults["zone"] = refusal.faults[0].text
    if typed["hours"]:
        try:
            Hours.parse(typed["hours"])
        except ValueError as fault:
            faults["hours"] = str(fault)
        if not (typed["zone"] or zone_before):
            faults.setdefault("zone", "Hours need a zone, such as Europe/Berlin")
    return faults
