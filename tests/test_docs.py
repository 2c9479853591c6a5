"""The documents say what the code does: every setting, state, event and error, and every link."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from campaigns import flow
from campaigns.domain import states
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import OutcomeKind
from campaigns.settings import Settings
from campaigns.store.audit.events import EventKind
from tests.architecture.layers import SUBJECTS
from tests.architecture.sources import packages

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
    assert {kind.value for kind in HoldKind} <= documented


def test_the_map_of_subjects_names_every_folder_of_the_layers() -> None:
    table = page("docs/flow.md").partition("| subject | folders |")[2].partition("\n\n")[0]
    assert len(re.findall("^\\| [^-]", table, re.MULTILINE)) == 10, "a map is read at a glance"
    named = re.findall(r"`(\w+/\w+)`", table)
    assert sorted(named) == sorted(f"{layer}/{name}" for layer in SUBJECTS for name in packages(layer))


def test_the_flow_package_lists_its_subjects() -> None:
    listed = re.findall(r"^(\w+)  +\w", flow.__doc__ or "", re.MULTILINE)
    assert set(listed) == packages("flow")


def test_every_file_and_name_of_the_code_that_text_refers_to_exists() -> None:
    texts = [*PAGES, *(ROOT / "campaigns").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    for path in texts:
        for name in re.findall(r"`((?:campaigns|tests|docs|benchmarks)/[\w/]+\.\w+)`", path.read_text()):
            assert (ROOT / name).is_file(), f"{path.name} names {name}"
        for name in re.findall(r"`(campaigns(?:\.[a-z_]+){2,})`", path.read_text()):
            assert _exists(name), f"{path.name} names {name}"


def _exists(name: str) -> bool:
    """Whether a dotted name is a module or package of the code, or something that stands in a module."""
    file = ROOT / name.replace(".", "/")
    if file.is_dir() or file.with_suffix(".py").is_file():
        return True
    module = file.parent.with_suffix(".py")
    return (
        module.is_file() and re.search(rf"^(?:def |class |){file.name}\b", module.read_text(), re.MULTILINE) is not None
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"
