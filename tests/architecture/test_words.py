"""Plain words: the worst phrases stay out of code, documents and the changelog."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture import words


def test_no_text_has_to_be_read_twice() -> None:
    faults = [fault for path in words.pages() for fault in words.riddles(path)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "text",
    [
        '"""The run, or what the vendor answers."""',
        "fault(f\"'{text}' is no campaign ID\")",
        'MOST = 3\n"""So many are named."""',
        "occurrence = 1  # the how-manieth of its campaign",
        '"""What stands in the file."""',
        "say('fix the run, or mend the file')",
        '"""What the vendor told about it."""',
        'f"{left}, bound by the request time"',
        "# not looked for any more",
        '"""The trail of the run."""',
        "say('send it all the same')",
        "# settled as ever",
        '"""All fields, but for the text."""',
        "# counting begins anew",
        "help(f'{limit} unless said.')",
        '"""A run that was taken back."""',
        "# cancel what has not left",
        '"""A message that is looked for."""',
        "every = 2  # every so many days",
        "fault('the vendor holds the clock')",
    ],
)
def test_each_riddle_is_found_in_code_and_in_documents(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "ROOT", tmp_path)
    for name in ("module.py", "page.md"):
        (tmp_path / name).write_text(f"\n{text}\n")
        assert [*words.riddles(tmp_path / name)], name


@pytest.mark.parametrize(
    "text",
    [
        '"""There is no such run, and it is no longer open; a stand-in of the vendor."""',
        "told = trail = stands = 1",
        "row['told']",
        '"""Returns two answers; understands `trail_sha256`."""',
        '"""Requests with all the same text; it has not left out a list, and looked for it."""',
    ],
)
def test_plain_words_and_names_are_let_through(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "ROOT", tmp_path)
    (tmp_path / "module.py").write_text(text)
    assert [*words.riddles(tmp_path / "module.py")] == []
