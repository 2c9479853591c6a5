"""The output of many parts, when nobody reads it."""

from __future__ import annotations

import os
import re

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
