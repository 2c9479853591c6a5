"""Whatever stands in the environment or in `.env`: a command works, or one message names the setting; nothing leaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.settings import Settings
from tests.cli.command_lines import ODD
from tests.cli.conftest import Shell
from tests.cli.judging import PLAIN, judge_result
from tests.fuzz import FUZZ, keep_on

NAMES = [str(field.alias) for field in Settings.model_fields.values()]
STARTS = [
    "",
    "redis://",
    "rediss://:",
    "unix:///",
    "postgresql://",
    "sqlite:///",
    "https://",
    "http://127.0.0.1:",
    "/dev/",
]

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
odd = st.sampled_from([word for word in ODD if "\0" not in word and len(word) < 5000 and word != "\udcff"])
values = st.one_of(odd, texts, st.builds(str.__add__, st.sampled_from(STARTS), texts))
environments = st.dictionaries(st.sampled_from(NAMES), values, min_size=1, max_size=3)
lines = st.sampled_from(
    [["list"], ["doctor", "--json"], ["limits"], ["plan", "1"], ["worker"], ["beat"], ["web"], ["db", "check"]]
)


def play(shell: Shell, monkeypatch: pytest.MonkeyPatch, examples: settings) -> None:
    """Draw environments and files, and run a command with each."""
    file = Path(shell.folder, ".env")
    # What names a folder, or a file that is written, must not lead out of the test's own.
    kept = {"CAMPAIGNS_HOME": str(shell.folder / "home")}

    @examples
    @given(environment=environments, content=st.one_of(st.none(), st.binary(max_size=60), texts), words=lines)
    def each(environment: dict[str, str], content: bytes | str | None, words: list[str]) -> None:
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        with monkeypatch.context() as patch:
            for name, value in {**environment, **kept}.items():
                patch.setenv(name, value)
            judge_result([*words, repr(environment)], shell.run(*words))

    each()


@pytest.mark.usefixtures("ending")
def test_no_settings_end_in_a_traceback(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    play(shell, monkeypatch, settings(PLAIN, max_examples=60))


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.usefixtures("ending")
def test_none_of_thousands_of_settings_do(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_on(lambda: play(shell, monkeypatch, FUZZ))
