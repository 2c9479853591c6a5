"""Makes the recipient files of `campaigns demo`, everywhere the same: `python -m tests.stories.make_fans`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "campaigns" / "demo"

RECIPIENTS = 20_000
SUPPRESSED_FANS = 100
SUPPRESSED_STRANGERS = 150
DUPLICATES = 300
SEGMENTS = ("new", "vip", "renewed", "lapsed")


def make_files() -> dict[str, str]:
    """The text of each file by its name."""
    chance = random.Random(20_261_124)
    users = chance.sample(range(1_000_000, 600_000_000), RECIPIENTS + SUPPRESSED_FANS + SUPPRESSED_STRANGERS)
    fans = users[: RECIPIENTS + SUPPRESSED_FANS]
    lines = [*fans, *chance.sample(fans, DUPLICATES)]
    suppressed = [*fans[-SUPPRESSED_FANS:], *users[len(fans) :]]
    chance.shuffle(lines)
    chance.shuffle(suppressed)
    return {
        "fans.csv": "".join(_csv(("user_id", "segment"), ((user, chance.choice(SEGMENTS)) for user in lines))),
        "suppressed.csv": "".join(
            _csv(("user_id", "reason"), ((user, "asked not to be written") for user in suppressed))
        ),
    }


def _csv(columns: tuple[str, str], rows: Iterator[tuple[int, str]]) -> Iterator[str]:
    yield ",".join(columns) + "\n"
    for user, word in rows:
        yield f"{user},{word}\n"


if __name__ == "__main__":
    for name, text in make_files().items():
        (FOLDER / name).write_text(text)
