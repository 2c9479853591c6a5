"""Campaign files: YAML whose names are those of the fields (`exclude-list` or `exclude_list`).

Scalars are read as text and never guessed: `0123` would otherwise be another user, and `no` would be no name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campaigns.domain.errors import InputFault, UsageError
from campaigns.inputs.field_table import BY_NAME

FREE_TEXT = frozenset({"text", "name", "users", "sheet"})
"""Fields whose values may hold ` #`, where YAML begins a comment: `Win #1 now` would be sent as `Win`."""


@dataclass(frozen=True, slots=True)
class CampaignFile:
    """A campaign file that was read, or a file with one content."""

    name: str  # for messages
    text: str
    folder: Path = Path()  # relative paths in it start here


def fields_of(file: CampaignFile, faults: list[InputFault]) -> dict[str, Any]:
    """The values in a campaign file by the keys of their fields, as YAML holds them.

    An unknown or repeated field is added to `faults`. Raises UsageError for a file that is not a campaign file.
    """
    values: dict[str, Any] = {}
    for name, value in mapping_of(file).items():
        known = BY_NAME.get(str(name))
        if known is None:
            near = difflib.get_close_matches(str(name), BY_NAME, n=1)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            faults.append(InputFault(f"{file.name}: '{name}' is not a field of a campaign{hint}"))
        elif known.key in values:
            faults.append(InputFault(f"{file.name}: {known.name} is given twice"))
        elif value is not None:
            values[known.key] = value
    return values


def mapping_of(file: CampaignFile) -> dict[Any, Any]:
    """The names and values in a file, with every scalar as text. Raises UsageError."""
    import yaml

    class TextLoader(yaml.SafeLoader):
        """Reads scalars as text, except for the empty ones."""

    TextLoader.yaml_implicit_resolvers = {
        first: [resolver for resolver in resolvers if resolver[0] == "tag:yaml.org,2002:null"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        root = yaml.compose(file.text, Loader=TextLoader)
        names = [key.value for key, _value in root.value] if isinstance(root, yaml.MappingNode) else []
        cut = None if root is None else next(_cut_by_comment(root, file.text), None)
        mapping = yaml.load(file.text, Loader=TextLoader)  # noqa: S506 - a SafeLoader that constructs even less
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise UsageError(f"{file.name} is not valid YAML{place}: {problem}{_quotes_hint(file.text, mark)}.") from None
    twice = sorted({str(key) for key in names if names.count(key) > 1})
    if twice:
        raise UsageError(f"{file.name} gives {', '.join(twice)} twice; keep one.")
    if cut is not None:
        raise UsageError(
            f"{file.name}, line {cut[0]}: YAML reads ` #` as a comment, which cuts {cut[1]} off; put it in quotes."
        )
    if not isinstance(mapping, dict):
        raise UsageError(
            f"{file.name} is not a campaign file: write one `name: value` a line, with the names of fields."
        )
    return mapping


def _quotes_hint(text: str, mark: Any) -> str:
    """What to do about a value that YAML takes for more than text: `*/15 * * * *`, `{date}: now`."""
    lines = text.splitlines()
    line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
    if begins := re.search(r":\s+([*{\[&%@`!])", line):
        return f"; put a value that begins with {begins[1]} in quotes"
    return "; put a value that holds `: ` in quotes" if re.search(r":\s.*:\s", line) else ""


def _cut_by_comment(node: Any, text: str) -> Iterator[tuple[int, str]]:
    """The line and the name of each free text, not in quotes, that a comment ends."""
    for key, value in node.value if node.id == "mapping" else ():
        known = BY_NAME.get(str(key.value))
        if known is not None and known.kind == "contents" and value.id == "sequence":
            for content in value.value:
                yield from _cut_by_comment(content, text)
        if known is None or known.key not in FREE_TEXT or getattr(value, "style", "") is not None:
            continue
        if re.match(r"[ \t]*#", text[value.end_mark.index :]):
            yield value.end_mark.line + 1, known.name
