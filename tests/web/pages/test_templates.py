"""Rules of every template: one way to print a time, no mark-up from values, nothing inline, regions with one name."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import httpx
import pytest

from campaigns.web.kit.pages import FOLDER
from tests.web.pages.reading import read
from tests.world import REJECTED, UNKNOWN, World

TEMPLATES = sorted(FOLDER.rglob("*.html"))

OUTPUT = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
IS_TIME = re.compile(r"\b\w+_at\b|\bscheduled_(?:for|date)\b|\beta\b|\.at\b|\.begins\b|\.ends\b")
PRINTED_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d\d:\d\d:\d\d")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_template_prints_times_by_one_way_and_marks_nothing_as_safe(template: Path) -> None:
    text = template.read_text()
    for output in OUTPUT.findall(text):
        assert not re.search(r"\|\s*safe\b|\.strftime|\.isoformat|Markup", output), output
        assert "when(" in output or "until(" in output or not IS_TIME.search(output), output
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?! type=\"module\" src=)", text)


def test_every_time_of_a_page_is_a_time_element(world: World, desk: httpx.Client) -> None:
    world.gateway.script = [REJECTED, UNKNOWN]
    run_id = world.launched(users=range(1, 12))
    world.serve_out()

    run = f"/runs/{run_id}"
    for address in ("/", "/tonight", "/runs", run, f"{run}/batches", f"{run}/batches/2", f"{run}/attempts"):
        page = read(desk, address)
        without = re.sub(r"<time [^>]*>[^<]*</time>", "", page.source)
        assert not PRINTED_TIME.search(without), address
        assert page.times or address == "/", address
        live = Counter(re.findall(r'data-live="([^"]*)"', page.source))
        assert live, address
        assert set(live.values()) == {1}, address
        assert page.source.count("<h1>") == 1, address
