"""docs/operating.md: every section begins with commands, and each of them can be typed as it is written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.command_lines import EVERY_COMMAND

PAGE = (Path(__file__).parents[2] / "docs/operating.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
WITHOUT_NUMBERS = {"A database that is not UTF-8", "Many runs at once"}
"""The commands of the one are PostgreSQL's, in a block; the other has requests of the API."""

STEP = re.compile(r"^(?:\d+\. |   ).*", re.MULTILINE)
COMMAND = re.compile(r"`campaigns ([^`]+)`")


def commands(section: str) -> list[list[str]]:
    """The commands of a section's steps, in words."""
    steps = "\n".join(STEP.findall(section))
    return [shlex.split(line) for line in COMMAND.findall(steps)]


@pytest.mark.parametrize("title", [title for title in SECTIONS if title not in WITHOUT_NUMBERS])
def test_a_section_begins_with_what_to_paste(title: str) -> None:
    beginning = SECTIONS[title].strip().removeprefix("After a restore:\n\n")
    assert beginning.startswith("1. `"), beginning[:60]


@pytest.mark.parametrize("title", SECTIONS)
def test_each_command_of_the_steps_can_be_typed(title: str) -> None:
    for words in commands(SECTIONS[title]):
        path = tuple(words[:2]) if tuple(words[:2]) in EVERY_COMMAND else tuple(words[:1])
        if len(words) > len(path):
            EVERY_COMMAND[path].make_context(" ".join(path), words[len(path) :])
