"""The documents say what the code does: every setting, state, event and error, and every link."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from campaigns.domain import states
from campaigns.domain.upstream.outcome import OutcomeKind
from campaigns.settings import Settings
from campaigns.store.audit.events import EventKind

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def page(name: str) -> str:
    return (ROOT / name).read_text()


def test_the_page_of_states_is_printed_from_the_tables() -> None:
    printed = runpy.run_path(str(ROOT / "docs/generate.py"))["page"]()
    assert page("docs/states.md") == printed, "run: python docs/generate.py > docs/states.md"


def test_every_setting_is_documented_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (.+) \|$", page("docs/settings.md"), re.MULTILINE))
    fields = {field.alias: field.default for field in Settings.model_fields.values()}
    assert set(rows) == set(fields)
    for name, default in fields.items():
        if isinstance(default, int | float | str):
            assert rows[name] == f"`{default}`", name


def test_every_event_is_documented_and_no_other() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", page("docs/events.md"), re.MULTILINE))
    assert documented == {kind.value for kind in EventKind}


def test_every_state_has_a_sentence() -> None:
    assert set(states.CAMPAIGN_SENTENCES) == set(states.CampaignState)
    assert set(states.RUN_SENTENCES) == set(states.RUN_MOVES) == set(states.RunState)
    assert set(states.BATCH_SENTENCES) == set(states.BATCH_MOVES) == set(states.BatchState)


def test_every_outcome_is_explained_where_operators_look() -> None:
    text = page("README.md") + page("docs/outcomes.md")
    for kind in OutcomeKind:
        assert f"`{kind.value}`" in text, kind


def test_every_kind_of_hold_has_a_way_out() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", page("docs/operating.md"), re.MULTILINE))
    opened = set()
    for source in (ROOT / "campaigns").rglob("*.py"):
        opened |= set(re.findall(r'HoldOrder\(HoldScope\.\w+, "(\w+)"\)', source.read_text()))
        opened |= set(re.findall(r'open_hold\([^)]*\),?\s*"(\w+)"', source.read_text()))
    assert opened
    assert opened <= documented


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"
