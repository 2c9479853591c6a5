"""The stylesheet knows every state that a page can show, and nothing in it comes from elsewhere."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import pytest

from campaigns.domain.states import BatchState, CampaignState, RunState
from campaigns.domain.upstream.outcome import OutcomeKind
from campaigns.domain.upstream.unsend_outcome import UnsendKind
from campaigns.flow.runs.needs import Matter
from campaigns.web import kit

STATIC = Path(kit.__file__).parent.parent / "static"
TEMPLATES = STATIC.parent / "templates"


@pytest.mark.parametrize("states", [CampaignState, RunState, BatchState, OutcomeKind, UnsendKind, Matter])
def test_every_state_has_a_colour_and_a_sign(states: type[StrEnum]) -> None:
    styled = set(re.findall(r"\.state-(\w+)", (STATIC / "desk.css").read_text()))
    assert {str(state) for state in states} <= styled


def test_files_of_the_browser_name_no_other_host() -> None:
    for path in [*STATIC.iterdir(), *TEMPLATES.rglob("*.html")]:
        named = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", path.read_text()))
        assert named <= {"http://www.w3.org"}, path.name  # the name of SVG, which no browser asks for


def test_templates_have_nothing_that_the_policy_forbids() -> None:
    for path in TEMPLATES.rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"\s(style|on\w+)\s*=", text), path.name
        assert "<style" not in text, path.name
        assert re.findall(r"<script[^>]*>", text) in ([], ['<script type="module" src="/static/desk.js">']), path.name
