"""Print docs/states.md from the tables in campaigns/domain/states.py: `python docs/generate.py > docs/states.md`.

With `openapi`, print the description of the API: `python docs/generate.py openapi > docs/openapi.json`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from enum import StrEnum

from campaigns.domain import states


def page() -> str:
    """The whole page."""
    parts = [
        "# States",
        "",
        "Printed from `campaigns/domain/states.py` by `python docs/generate.py`; do not edit by hand.",
        "Each move is one guarded update: it changes nothing if the state or the fence is not the expected one.",
        "",
        *_machine("Campaign", states.CAMPAIGN_SENTENCES, {}),
        *_machine("Run", states.RUN_SENTENCES, states.RUN_MOVES),
        "**Paused** is not a state: a run is paused while a hold is open on it, on its account or on its team.",
        "",
        *_machine("Batch", states.BATCH_SENTENCES, states.BATCH_MOVES),
        "The sums of a run count recipients: planned = accepted + saved + rejected + unknown + cancelled + waiting,",
        "where waiting is ready and sending together.",
        "",
    ]
    return "\n".join(parts)


def _machine(name: str, sentences: Mapping[StrEnum, str], moves: Mapping[StrEnum, Mapping[StrEnum, str]]) -> list[str]:
    lines = [f"## {name}", "", "| state | meaning |", "|---|---|"]
    lines += [f"| `{state.value}` | {sentence} |" for state, sentence in sentences.items()]
    if moves:
        lines += ["", "```mermaid", "stateDiagram-v2"]
        lines += [f"    {start.value} --> {end.value}" for start, ends in moves.items() for end in ends]
        lines += ["```", "", "| from | to | when |", "|---|---|---|"]
        lines += [
            f"| `{start.value}` | `{end.value}` | {when} |"
            for start, ends in moves.items()
            for end, when in ends.items()
        ]
    return [*lines, ""]


def description() -> str:
    """The description of the API. It needs no database."""
    from campaigns.settings import load_settings
    from campaigns.store.database.engine import open_store
    from campaigns.web.app import desk_app
    from campaigns.web.desk import Desk
    from campaigns.wiring import Parts

    desk = Desk(Parts(load_settings(), open_store("sqlite:///never-opened.db")), b"", lambda _: None)
    return json.dumps(desk_app(desk).openapi(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(description() if sys.argv[1:] == ["openapi"] else page())
