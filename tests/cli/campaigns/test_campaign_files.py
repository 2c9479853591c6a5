"""Campaign files of any text: `create` writes a draft or refuses in one sentence, whatever the file holds.

What is found is kept as a file of the corpus; tests/fuzz.py says how to go on for an hour.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.cli.kit.in_force import SANDBOX_NOTE
from tests.cli.conftest import Shell
from tests.fuzz import FUZZ, keep_on, seeds

CORPUS = seeds(Path(__file__).parent / "corpus")
LINES = sorted({line for file in CORPUS for line in file.splitlines(keepends=True)})
SIGNS = [
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!",
    b"? ",
    b"- ",
    b"\t",
    b"{",
    b"[",
    b"'",
    b'"',
    b"|\n",
    b"---\n",
    b"\xff",
    b"\x00",
    b"%",
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Lines of the corpus in any order, or a file of it, after some splices."""
    lines = st.lists(st.sampled_from(LINES), max_size=12).map(b"".join)
    whole = draw(st.one_of(st.sampled_from(CORPUS), lines))
    for _ in range(draw(st.integers(0, 5))):
        first, last = sorted(draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
        part = draw(st.one_of(st.sampled_from(SIGNS), st.binary(max_size=8), st.just(whole[first:last] * 2)))
        whole = whole[:first] + part + whole[last:]
    return whole


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_any_campaign_file_is_a_draft_or_one_sentence(shell: Shell) -> None:
    shell.ok("accounts", "add", "acct_one")

    @settings(FUZZ, max_examples=300)
    @given(damaged())
    def play(content: bytes) -> None:
        result = shell.run("create", shell.file("campaign.yaml", content), "--json")
        said = [line for line in result.stderr.splitlines() if line != SANDBOX_NOTE]
        assert result.exit_code in {0, 2, 3}, (result.exit_code, said)
        assert len(said) <= 2, said  # a refusal, and the same as JSON; or the warning of a draft
        assert "Unexpected" not in result.stderr
        assert (result.stdout == "") == (result.exit_code != 0)

    keep_on(play)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("cron: */15 * * * *", "put a value that begins with * in quotes"),
        ("text: {date} now", "put a value that begins with { in quotes"),
        ("text: @all of you", "put a value that begins with @ in quotes"),
        ("text: %name% hi", "put a value that begins with % in quotes"),
        ("text: Tonight: at nine", "put a value that holds `: ` in quotes"),
    ],
)
def test_a_value_that_needs_quotes_is_named(shell: Shell, line: str, said: str) -> None:
    assert said in shell.refusal("create", shell.file("campaign.yaml", f"account: acct_one\n{line}\n"), code=2)


@pytest.mark.parametrize("deep", ["users: " + "[" * 5000, "a: " + "{a: " * 5000, "text: " + "- " * 5000, "? " * 5000])
def test_a_deep_campaign_file_is_a_sentence(shell: Shell, deep: str) -> None:
    assert "is not valid YAML" in shell.refusal(
        "create", shell.file("campaign.yaml", f"account: acct_one\n{deep}"), code=2
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("contents:\n  price: 3\n", "must be a list"),  # found by the fuzzer above
        ("contents: 3\n", "must be a list"),
        ("!!map [text]\n", "is no"),
        ("contents: !!seq {price: 3}\n", "is no"),
    ],
)
def test_a_value_of_another_shape_is_a_sentence(shell: Shell, content: str, sentence: str) -> None:
    assert sentence in shell.refusal("create", shell.file("campaign.yaml", content), code=2)


def test_names_of_names_of_names_cost_nothing(shell: Shell) -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    content = "\n".join([*lines, "account: acct_one", "text: *a11", "users: *a11", "contents: *a11"])
    assert "is not a field of a campaign" in shell.refusal("create", shell.file("campaign.yaml", content), code=2)


def test_an_endless_campaign_file_is_refused(shell: Shell) -> None:
    assert "larger than a campaign file may be" in shell.refusal("create", "/dev/zero", code=2)
