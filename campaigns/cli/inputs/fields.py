"""Reads what a campaign is told, by the options of `create` and `edit` and by a campaign file.

A campaign file is YAML whose names are those of the options (`exclude-list` or `exclude_list`). Options win over it.
Its scalars are read as text, never guessed: `0123` would otherwise be another user, and `no` no name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from campaigns.cli.inputs.field_table import BY_KEY, BY_NAME, FIELDS, Field
from campaigns.cli.inputs.times import parse_duration
from campaigns.cli.kit.recipient_files import text_of
from campaigns.domain.errors import UsageError
from campaigns.domain.messages.contents import OF_A_CONTENT

LONGEST_NUMBER = 9
"""Digits; more is a slip of the finger, and no column holds it."""

FREE = frozenset({"text", "name", "users", "sheet"})
"""Fields whose values may well hold ` #`, where YAML begins a comment: `Win #1 now` would be sent as `Win`."""

YES = {"true", "yes", "on", "1"}
NO = {"false", "no", "off", "0"}


@dataclass(frozen=True, slots=True)
class Given:
    """What was told, by key; a key that is absent was not mentioned."""

    values: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = Path()  # what a relative path to recipients starts from
    file: str | None = None

    @property
    def message(self) -> dict[str, Any]:
        """The part that the message is made of."""
        return {each.key: self.values[each.key] for each in FIELDS if each.of_message and each.key in self.values}

    @property
    def times(self) -> dict[str, Any]:
        """The part that says when."""
        return {each.key: self.values[each.key] for each in FIELDS if each.of_time and each.key in self.values}


def field_options(*, without: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command one option for each field, but for the one named."""

    def give(command: Callable[..., Any]) -> Callable[..., Any]:
        for each in reversed(FIELDS):
            command = command if each.option == without else _option(each)(command)
        return command

    return give


def _option(each: Field) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    name = f"--{each.option}"
    if each.kind == "choice":
        return click.option(f"{name}/--no-{each.option}", each.key, is_flag=True, default=None, help=each.help)
    if each.kind == "flag":
        return click.option(name, each.key, is_flag=True, default=None, help=each.help)
    return click.option(
        name, each.key, metavar=each.metavar or "TEXT", help=each.help, multiple=each.kind in {"texts", "contents"}
    )


def gather(options: Mapping[str, Any], file: str | None) -> Given:
    """Everything told by a campaign file and by options, which win. Raises UsageError with every fault at once."""
    faults: list[str] = []
    told: dict[str, Any] = {}
    folder = Path()
    if file is not None:
        told = _from_file(file, faults)
        folder = Path(file).parent if file != "-" else Path()
        if "users" in options and options["users"] is not None:
            folder = Path()
    if file == "-" and options.get("users") == "-":
        faults.append("standard input cannot be both the campaign file and the recipients")
    values = {key: _valued(BY_KEY[key], value, faults) for key, value in told.items()}
    for key, value in options.items():
        if value is not None and value != ():
            values[key] = _valued(BY_KEY[key], value, faults)
    if faults:
        raise UsageError(f"{'; '.join(faults)}. Nothing was stored.")
    return Given(values, folder, file)


def in_options(sentence: str) -> str:
    """The sentence with the names of fields as people typed them: `--media` for `media_files`."""
    return re.sub(r"\b[a-z]+(?:_[a-z]+)*\b", lambda word: _as_option(word[0]), sentence)


def _as_option(word: str) -> str:
    each = BY_KEY.get(word)
    return f"--{each.option}" if each is not None and "_" in word else word


def _from_file(file: str, faults: list[str]) -> dict[str, Any]:
    found = _parsed(text_of(file, option="FILE"), "standard input" if file == "-" else f"'{file}'")
    told: dict[str, Any] = {}
    for name, value in found.items():
        known = BY_NAME.get(str(name))
        if known is None:
            near = difflib.get_close_matches(str(name), BY_NAME, n=1)
            faults.append(
                f"{file}: '{name}' is no field of a campaign" + (f" (did you mean '{near[0]}'?)" if near else "")
            )
        elif known.key in told:
            faults.append(f"{file}: {known.option} is given twice")
        elif value is not None:
            told[known.key] = value
    return told


def _quotes_hint(text: str, mark: Any) -> str:
    """The way out when the line of a fault holds a value that YAML takes for more: `*/15 * * * *`, `{date}: now`."""
    lines = text.splitlines()
    line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
    if begins := re.search(r":\s+([*{\[&%@`!])", line):
        return f"; put a value that begins with {begins[1]} in quotes"
    return "; put a value that holds `: ` in quotes" if re.search(r":\s.*:\s", line) else ""


def _cut(node: Any, text: str) -> Iterator[tuple[int, str]]:
    """The line and the name of each free text, not in quotes, that a comment ends."""
    for key, value in node.value if node.id == "mapping" else ():
        known = BY_NAME.get(str(key.value))
        if known is not None and known.kind == "contents" and value.id == "sequence":
            for content in value.value:
                yield from _cut(content, text)
        if known is None or known.key not in FREE or getattr(value, "style", "") is not None:
            continue
        if re.match(r"[ \t]*#", text[value.end_mark.index :]):
            yield value.end_mark.line + 1, known.option


def _parsed(text: str, name: str) -> dict[Any, Any]:
    import yaml

    class TextLoader(yaml.SafeLoader):
        """Reads scalars as text, but for the empty ones."""

    TextLoader.yaml_implicit_resolvers = {
        first: [resolver for resolver in resolvers if resolver[0] == "tag:yaml.org,2002:null"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        root = yaml.compose(text, Loader=TextLoader)
        names = [key.value for key, _value in root.value] if isinstance(root, yaml.MappingNode) else []
        cut = None if root is None else next(_cut(root, text), None)
        found = yaml.load(text, Loader=TextLoader)  # noqa: S506 - a SafeLoader that knows even less
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise UsageError(f"{name} is no YAML{place}: {problem}{_quotes_hint(text, mark)}.") from None
    twice = sorted({str(key) for key in names if names.count(key) > 1})
    if twice:
        raise UsageError(f"{name} gives {', '.join(twice)} twice; keep one.")
    if cut is not None:
        raise UsageError(
            f"{name}, line {cut[0]}: YAML reads ` #` as a comment, which cuts {cut[1]} off; put it in quotes."
        )
    if not isinstance(found, dict):
        raise UsageError(f"{name} is no campaign: write `name: value`, one a line, with the names of the options.")
    return found


def _valued(each: Field, value: Any, faults: list[str]) -> Any:
    """The value in its field's type; a fault is noted instead of raised, so that all are seen at once."""
    if each.kind == "contents":
        return _contents(value, faults)
    if each.kind in {"texts", "users"} and isinstance(value, list | tuple):
        if all(isinstance(item, str) for item in value):
            return tuple(value) if all(_is_text(item, each, faults) for item in value) else ()
        faults.append(f"{each.option} must be a list of plain values")
        return ()
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        faults.append(f"{each.option} must be one value, not {_kind(value)}")
        return None
    return _from_text(each, value, faults)


def _kind(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "a list"
    return "a mapping" if isinstance(value, dict) else "one with a YAML tag (`!!`); leave the tag out"


def _contents(value: Any, faults: list[str]) -> tuple[dict[str, Any], ...]:
    """Contents by the names of their fields: mappings of a campaign file, or the files that options name."""
    if isinstance(value, tuple):
        value = [_parsed(text_of(file, option="--content"), f"'{file}'") for file in value]
    if not isinstance(value, list) or not all(isinstance(content, dict) for content in value):
        faults.append("contents must be a list with `name: value` in each, such as `- text: Hello`")
        return ()
    found = []
    for place, content in enumerate(value, start=1):
        own: list[str] = []
        found.append(_content(content, own))
        faults += [f"content {place}: {fault}" for fault in own]
    return tuple(found)


def _content(told: Mapping[Any, Any], faults: list[str]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, value in told.items():
        known = BY_NAME.get(str(name))
        if known is None or known.key not in OF_A_CONTENT:
            able = [each.option for each in FIELDS if each.key in OF_A_CONTENT]
            near = difflib.get_close_matches(str(name), able, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"it may have {', '.join(able)}"
            faults.append(f"'{name}' is no field of a content; {hint}")
        elif value is not None:
            read = _valued(known, value, faults)
            content[known.key] = list(read) if isinstance(read, tuple) else read
    return content


def _from_text(each: Field, text: str, faults: list[str]) -> Any:
    if not _is_text(text, each, faults):
        return None
    if each.kind == "texts":
        return (text,)
    reader = READERS.get(each.kind)
    try:
        return text if reader is None else reader(text)
    except ValueError as fault:
        faults.append(f"{each.option} {fault}")
    return None


def _whole(text: str) -> int:
    digits = text.strip()
    if digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_NUMBER:
        return int(digits)
    raise ValueError(f"is '{text}', not a whole number")


def _flag(text: str) -> bool:
    if text.lower() in YES | NO:
        return text.lower() in YES
    raise ValueError(f"is '{text}', neither true nor false")


READERS: dict[str, Callable[[str], Any]] = {
    "whole": _whole,
    "flag": _flag,
    "choice": _flag,
    "duration": parse_duration,
}


def _is_text(text: str, each: Field, faults: list[str]) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        faults.append(f"{each.option} is not UTF-8 text")
        return False
    return True
