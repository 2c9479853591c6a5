"""The file `.env` of the working folder: either every line of it is understood, or none is used.

If a line were dropped, the default would be used instead, and the default of the vendor's key is the sandbox.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import Binding, parse_stream
from pydantic_settings import EnvSettingsSource

from campaigns.domain.errors import SettingsError
from campaigns.private_files import read_plain_file

ENV_FILE = Path(".env")

LARGEST_FILE = 1_000_000
"""Largest file in bytes; a file of settings has some thousand."""


class EnvFile(EnvSettingsSource):
    """The settings in the file `.env` here, by names in lower case. Raises SettingsError if it cannot be used."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        try:
            return {name.lower(): value for name, value in read_env_file(ENV_FILE).items()}
        except ValueError as fault:
            raise SettingsError(f"Settings: the file .env in this folder {fault}. Nothing was started.") from None


def read_env_file(path: Path) -> dict[str, str]:
    """The settings in a file, as they are written: a `$` is a `$`. Empty when there is no such file.

    Raises ValueError with the reason why it cannot be used: a text that follows the file's name and repeats nothing of
    its content.
    """
    if not path.exists() or path.is_dir():
        return {}
    try:
        content = read_plain_file(path, LARGEST_FILE)
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror}); put the settings alone into a regular file") from None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError("cannot be read (it is not text in UTF-8)") from None
    return dict(_understood(line) for line in parse_stream(io.StringIO(text)) if line.key is not None or line.error)


def _understood(line: Binding) -> tuple[str, str]:
    if line.key is None or line.value is None:
        blank = line.original.string[: -len(line.original.string.lstrip()) or None]
        number = line.original.line + blank.count("\n")
        raise ValueError(
            f"has a line that is not a setting: line {number}; write NAME=value, and close each quotation mark"
        )
    return line.key, line.value
