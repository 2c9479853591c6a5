"""The form of a campaign: a control for each field of the field table, in groups, the rare ones folded away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.datastructures import FormData

from campaigns.domain.messages.contents import OF_A_CONTENT
from campaigns.inputs.field_table import BY_KEY, FIELDS, Field
from campaigns.inputs.forms import NO, YES, Typed

MOST_CONTENTS = 100

CONTENT = "content-{number}-{key}"
"""The name of a control of a content."""


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that belong together: those that are always open, and the rare ones."""

    title: str
    keys: tuple[str, ...]
    rare: tuple[str, ...] = ()


GROUPS = (
    Group("What", ("account_id", "name", "text"), ("html", "as_written", "mark")),
    Group(
        "Who",
        ("users", "user_lists", "excluded_lists"),
        ("skip_bad", "sheet", "subscribed_within_last_days", "accept_suppressed"),
    ),
    Group(
        "Price and media",
        ("price", "media_files", "previews"),
        ("giphy_id", "locked_text", "rf_tag", "rf_partner", "rf_guest", "block_banned_words", "save_for_later"),
    ),
    Group(
        "When",
        ("at", "cron", "zone"),
        (
            *("every", "starting", "begins", "until", "max_runs", "often", "jitter_seconds", "misfire"),
            *("grace_seconds", "overlap", "hours", "over_seconds", "expires_seconds", "handoff"),
        ),
    ),
    Group("Contents in rotation", (), ("rotate", "contents")),
    Group("Sending", (), ("batch_size", "on_unknown")),
)
"""Every field is in one of them; a test compares them with the table."""

LONG = frozenset({"text"})

WORDS = {
    "html": {NO: "plain text", YES: "HTML, sent as written", "": "as written, as in earlier releases"},
    "mark": {"": "as the account's probe says", YES: "yes", NO: "no"},
    "often": {NO: "no", YES: "yes, it is meant"},
}
"""What the choices say."""

USUAL = {
    "on_unknown": "hold",
    "rotate": "turn",
    "misfire": "once",
    "overlap": "skip",
}


@dataclass(frozen=True, slots=True)
class Control:
    """One control, as a template draws it."""

    kind: str  # line, lines, area, number, tick, choice, recipients
    name: str
    key: str
    label: str
    help: str
    value: str
    options: Sequence[tuple[str, str]] = ()
    faults: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One group of controls."""

    title: str
    open: Sequence[Control]
    rare: Sequence[Control]
    is_unfolded: bool  # a rare control has a value or a fault


def label_of(key: str) -> str:
    """What the form calls a field."""
    words = BY_KEY[key].name.replace("-", " ")
    own = {"list": "Lists", "exclude list": "Lists to leave out", "users": "Recipients", "preview": "Media previews"}
    return own.get(words, words.capitalize())


def parts(
    typed: Typed, faults: Mapping[str, Sequence[str]], *, accounts: Sequence[tuple[str, str]], is_new: bool
) -> list[Part]:
    """The groups of the form, without the contents, which have their own place."""
    made = []
    for group in GROUPS:
        shown, rare = (
            [
                _control(BY_KEY[key], key, typed.of(key), faults.get(key, ()), accounts=accounts, is_new=is_new)
                for key in keys
                if key != "contents" and (is_new or key != "account_id")
            ]
            for keys in (group.keys, group.rare)
        )
        unfolded = any(control.faults or _differs(control, is_new=is_new) for control in rare)
        made.append(Part(group.title, shown, rare, unfolded))
    return made


def content_controls(typed: Typed, number: int) -> list[Control]:
    """The controls of one content; those that have no value are empty."""
    texts = typed.contents[number - 1] if number <= len(typed.contents) else {}
    return [
        _control(BY_KEY[key], CONTENT.format(number=number, key=key), texts.get(key, ""), (), accounts=(), is_new=True)
        for key in OF_A_CONTENT
    ]


def typed_of(form: FormData) -> Typed:
    """What a form holds; line ends are those of text, not of forms."""
    fields = {each.key: text for each in FIELDS if (text := _typed(form, each.key))}
    contents = []
    for number in range(1, MOST_CONTENTS + 2):
        texts = {key: text for key in OF_A_CONTENT if (text := _typed(form, CONTENT.format(number=number, key=key)))}
        contents += [texts] if any(text.strip() for text in texts.values()) else []
    return Typed(fields, tuple(contents))


def _typed(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else ""


def _control(
    field: Field,
    name: str,
    value: str,
    faults: Sequence[str],
    *,
    accounts: Sequence[tuple[str, str]],
    is_new: bool,
) -> Control:
    options = accounts if field.key == "account_id" else _options(field, value, is_new=is_new)
    return Control(_kind(field, options), name, field.key, label_of(field.key), field.help, value, options, faults)


def _kind(field: Field, options: Sequence[tuple[str, str]]) -> str:
    if options:
        return "choice"
    if field.key in LONG:
        return "area"
    kinds = {"texts": "lines", "flag": "tick", "whole": "number", "users": "recipients"}
    return kinds.get(field.kind, "line")


def _options(field: Field, value: str, *, is_new: bool) -> list[tuple[str, str]]:
    """The choices of a field; those of an edit have no empty one, since a revision has a value."""
    if field.key in WORDS:
        words = WORDS[field.key]
        return [(key, text) for key, text in words.items() if key or (is_new and field.key == "mark") or not value]
    if field.key in USUAL and field.metavar is not None:
        return [(each, each) for each in field.metavar.split("|")]
    return []


def _differs(control: Control, *, is_new: bool) -> bool:
    usual = {**USUAL, "html": NO, "often": NO, "mark": "" if is_new else control.value, "batch_size": control.value}
    return control.value not in {"", usual.get(control.key, "")}
