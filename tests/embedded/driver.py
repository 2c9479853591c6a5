"""Runs a supervisor over parts that a test describes in JSON; a program of its own, so that it can be killed."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from campaigns.embedded import supervisor as supervisor_module
from campaigns.embedded.output import Output
from campaigns.embedded.supervisor import Part, Supervisor


def main() -> int:
    told = json.loads(sys.argv[1])
    if told["no_death_signal"]:
        vars(supervisor_module)["bound"] = list
    output = Output()
    try:
        return asyncio.run(_run(told, output))
    finally:
        output.close()


async def _run(told: dict[str, Any], output: Output) -> int:
    parts = [_part(part) for part in told["parts"]]

    async def start(supervisor: Supervisor) -> None:
        for part in parts:
            await supervisor.start(part)
        output.say("ready")

    return await Supervisor(output, delays=(0.0, 0.01, 0.01), kept_open=told["kept_open"]).run(start)


def _part(told: dict[str, Any]) -> Part:
    ready, command = Path(told["ready"]), told["command"]
    return Part(told["name"], lambda: command, told["environment"], ready.exists, told["grace"])


if __name__ == "__main__":
    sys.exit(main())
