"""What the fuzzers of the long tests share: how many inputs they draw, for how long, and from which seeds.

`TEST_FUZZ_SECONDS=3600 pytest -m slow tests/adapters/upstream/test_fuzz_replies.py` draws for an hour. A fuzzer reads

    @pytest.mark.slow
    @pytest.mark.timeout(0)
    def test_no_reply_...() -> None:
        @FUZZ
        @given(damaged(seeds(FOLDER)))
        def play(reply: bytes) -> None: ...

        keep_on(play)
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

SECONDS = float(os.environ.get("TEST_FUZZ_SECONDS", "0"))

FUZZ = settings(max_examples=1000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
"""One round. What fails is printed; keep it as a file among the seeds."""


def keep_on(play: Callable[[], None]) -> None:
    """Play one round, and more with other inputs until `TEST_FUZZ_SECONDS` are over."""
    ends_at = time.monotonic() + SECONDS
    play()
    while time.monotonic() < ends_at:
        play()


def seeds(folder: Path) -> list[bytes]:
    """The files that the fuzzer begins with, in a fixed order."""
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@st.composite
def damaged(draw: st.DrawFn, kept: Sequence[bytes], most: int = 6) -> bytes:
    """A seed as it is, or after some cuts, doublings and splices, or bytes of any kind."""
    whole = draw(st.sampled_from(kept))
    for _ in range(draw(st.integers(0, most))):
        first, last = sorted(draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
        part = draw(st.one_of(st.binary(max_size=16), st.sampled_from(kept), st.just(whole[first:last] * 2)))
        whole = whole[:first] + part + whole[last:]
    return whole
