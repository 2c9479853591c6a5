"""The output of many parts, when nobody reads it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from campaigns.embedded import output as output_module
from campaigns.embedded.output import LINES_WAITING, Output


def test_beyond_some_thousand_lines_new_ones_are_dropped_and_counted() -> None:
    reading, writing = os.pipe()
    output = Output(writing)
    total = LINES_WAITING + 20_000
    for number in range(total):
        output.say(f"line {number}", "worker")  # returns though nobody reads
    text = b""
    while b"left out" not in text:
        text += os.read(reading, 65_536)
    output.close()
    os.close(reading)
    os.close(writing)
    (left_out,) = re.findall(r"\((\d+) lines were left out, because nobody read them\)", text.decode())
    kept = [int(number) for number in re.findall(r"^worker   \| line (\d+)$", text.decode(), re.MULTILINE)]
    assert kept[:LINES_WAITING] == list(range(LINES_WAITING))
    assert kept == sorted(set(kept))
    assert len(kept) + int(left_out) == total
    assert int(left_out) > 0


def test_a_reader_that_has_gone_is_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    output = Output(writing)
    output.say("to nobody")
    output.close()
    os.close(writing)


def test_lines_of_parts_go_to_a_bounded_file_and_are_shown_when_a_part_ends_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_module, "MOST_LOG_BYTES", 1000)
    reading, writing = os.pipe()
    log = tmp_path / "parts.log"
    output = Output(writing, log=log)
    for number in range(100):
        output.say(f"task \x1b[2J {number}", "worker")
    output.say("worker ended")
    output.repeat(["the last line"], "worker")
    output.close()
    shown = os.read(reading, 65_536).decode()
    os.close(reading)
    os.close(writing)

    assert shown == "worker ended\nworker   | the last line\n"
    assert log.read_text().splitlines()[-1] == "worker   | task \\u001b[2J 99"
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {"parts.log", "parts.log.1"}
    assert max(sizes.values()) <= 1000


def test_a_full_disk_stops_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    output = Output(log=Path("/dev/full"))
    output.say("line", "worker")
    output.close()
    assert capfd.readouterr() == ("", "")
