"""From a form to a draft or an edit: every fault that can be found at once, and recipients by the one reader."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any

from campaigns.adapters.disk.recipients import read_recipients
from campaigns.domain.access.rights import Principal
from campaigns.domain.audience.user_sets import Reading
from campaigns.domain.errors import CampaignsError, InputFault, InvalidInput, UsageError
from campaigns.flow.access.allow import allow_account
from campaigns.flow.campaigns.drafts import Changes, Draft
from campaigns.inputs.drafts import changes_of, draft_of
from campaigns.inputs.fields import Given, gather
from campaigns.inputs.forms import Difference, Typed, values_of
from campaigns.inputs.written import require_changes, require_new
from campaigns.web.desk import Desk
from campaigns.web.kit.sent.uploads import Upload
from campaigns.web.pages.campaigns.form.placed import Faults
from campaigns.web.pages.campaigns.possible import EDITOR

TYPED_RECIPIENTS = "typed recipients"
"""The source of recipients that were typed, and what messages call them."""


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who a form names one by one: a file that was chosen, or what was typed."""

    upload: Upload | None
    typed: str

    @property
    def mention(self) -> str | None:
        """The value of the field of users; None when nobody is named."""
        if self.upload is not None:
            return self.upload.source
        return TYPED_RECIPIENTS if self.typed.strip() else None


def draft_in(desk: Desk, by: Principal, typed: Typed, recipients: Recipients, faults: Faults) -> Draft | None:
    """The draft of a form. What is wrong is added to `faults`; then there may be none."""
    values = values_of(typed) | {"users": recipients.mention}
    given = _gathered(values, faults)
    try:
        given = require_new(given)
    except UsageError as refusal:
        faults.add(refusal)
    account = given.values.get("account_id")
    if account is None or "text" not in given.values:
        return None
    draft = None
    try:
        allow_account(by, EDITOR, account)
    except CampaignsError as refusal:
        faults.add(refusal, about="account_id")
        return None
    try:
        draft = draft_of(desk.store, given, batch_size=desk.parts.settings.batch_size)
    except CampaignsError as refusal:
        faults.add(refusal, about=None if isinstance(refusal, UsageError) else "account_id")
    reading = _read(recipients, given, faults)
    return None if draft is None else replace(draft, audience=reading, audience_source=recipients.mention or "")


def changes_in(
    desk: Desk,
    campaign_id: int,
    difference: Difference,
    recipients: Recipients,
    faults: Faults,
    *,
    drops_users: bool,
    may_be_nothing: bool = False,
) -> Changes | None:
    """The changes of a form. What is wrong is added to `faults`; then there may be none."""
    given = _gathered(difference.values | {"users": recipients.mention}, faults)
    cleared = set(difference.cleared)
    if drops_users and recipients.mention is None:
        cleared.add("users")
    try:
        require_changes(given)
        if not (given.values or cleared or faults or may_be_nothing):
            raise InvalidInput(InputFault("No field was changed, so there is nothing to store"))
        changes = changes_of(desk.store, campaign_id, given, cleared)
    except CampaignsError as refusal:
        faults.add(refusal)
        _read(recipients, given, faults)
        return None
    reading = _read(recipients, given, faults)
    return replace(changes, audience=reading, audience_source=recipients.mention or "")


def _gathered(values: dict[str, Any], faults: Faults) -> Given:
    """The values that can be read; the others are faults."""
    try:
        return gather(values)
    except InvalidInput as refusal:
        faults.add(refusal)
        bad = {fault.field for fault in refusal.faults if fault.field}
        bad |= {"contents"} if any(fault.field is None for fault in refusal.faults) else set()
        return gather({key: value for key, value in values.items() if key not in bad})


def _read(recipients: Recipients, given: Given, faults: Faults) -> Reading | None:
    """The recipients; None for whole lists, and when they cannot be read."""
    upload = recipients.upload
    if upload is not None and recipients.typed.strip():
        faults.add(InvalidInput(InputFault("are given twice: a file is chosen, and IDs are typed; keep one", "users")))
        return None
    if recipients.mention is None:
        return None
    if upload is None:
        upload = Upload(TYPED_RECIPIENTS, io.BytesIO(recipients.typed.encode(errors="replace")))
    try:
        return read_recipients(
            upload.stream,
            name=upload.name,
            skip_bad=bool(given.values.get("skip_bad")),
            sheet=given.values.get("sheet"),
        )
    except UsageError as refusal:
        faults.add(refusal, about="users")
        return None
