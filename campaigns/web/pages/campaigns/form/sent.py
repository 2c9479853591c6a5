"""What a form sends beside the fields: recipients, the revision that it was made from, and its key."""

from __future__ import annotations

from starlette.datastructures import FormData

from campaigns.web.kit.acts import KEY
from campaigns.web.kit.sent.uploads import file_of
from campaigns.web.pages.campaigns.form.drafting import Recipients

FILE = "file"
DROP_USERS = "drop_users"
MORE = "more"
"""The button that adds an empty content to the form."""


def recipients_of(form: FormData) -> Recipients:
    """The file that was chosen, or what was typed."""
    typed = form.get("users")
    return Recipients(file_of(form, FILE), typed if isinstance(typed, str) else "")


def revision_of(form: FormData) -> int:
    """The revision that the form was made from; 0 when it does not name one."""
    text = form.get("revision")
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10 else 0


def identity_of(form: FormData) -> dict[str, str]:
    """What makes two forms the same: their texts, and the name and size of the file."""
    texts = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    files = {
        f"{name} (file)": f"{value.filename} {value.size}"
        for name, value in form.multi_items()
        if not isinstance(value, str)
    }
    return {KEY: "", **texts, **files}
