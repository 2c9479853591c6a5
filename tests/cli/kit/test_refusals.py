"""A refusal is one sentence; for a program that asked for JSON its last line says the same with a code and remedies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import Shell, talk
from tests.world import World


def refused(shell: Shell, *words: str) -> tuple[int, list[str], Any]:
    """The exit code, the sentences, and the value of the last line."""
    result = shell.run(*words)
    assert result.stdout == ""
    *sentences, last = talk(result).splitlines()
    return result.exit_code, sentences, json.loads(last)


@pytest.mark.parametrize(
    ("words", "exit_code", "code", "remedies"),
    [
        (("show", "7"), 3, "not_found", ["campaigns.list"]),
        (("show", "seven"), 2, "invalid", ["campaigns.list"]),
        (("list", "--nonsense"), 2, "invalid", []),
        (("nonsense",), 2, "invalid", []),
    ],
)
def test_a_program_reads_the_code_of_a_refusal(
    shell: Shell, words: tuple[str, ...], exit_code: int, code: str, remedies: list[str]
) -> None:
    sentence = shell.refusal(*words, code=exit_code)

    found, sentences, value = refused(shell, *words, "--json")

    assert found == exit_code
    assert sentences == [sentence]
    assert (value["code"], [each["do"] for each in value["remedies"]]) == (code, remedies)
    assert sentence.startswith(value["message"])


def test_a_refusal_names_its_remedies_as_data(world: World, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from campaigns.domain.errors import NotAllowed
    from campaigns.domain.remedies import Do, Remedy

    run = world.launched([1, 2])

    def refuse(*_: Any, **__: Any) -> None:
        raise NotAllowed("Run r1 is paused already.", Remedy(Do.RESUME_RUN, run=run))

    monkeypatch.setattr("campaigns.flow.runs.outlook.show_run", refuse)
    code, sentences, value = refused(shell, "runs", "show", str(run), "--json")

    assert (code, value["code"]) == (4, "not_allowed")
    assert sentences == ["Run r1 is paused already. `campaigns runs resume r1 --reason TEXT` lets it go on."]
    assert value["remedies"] == [{"do": "runs.resume", "campaign": None, "run": 1, "account": None, "value": None}]
