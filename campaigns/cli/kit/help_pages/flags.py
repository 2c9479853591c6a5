"""The options of `campaigns` itself that replace a setting."""

from __future__ import annotations

from collections.abc import Mapping

FLAGS: dict[str, str] = {
    "home": "CAMPAIGNS_HOME",
    "database_url": "DATABASE_URL",
    "redis_url": "REDIS_URL",
    "log_level": "LOG_LEVEL",
}
"""The setting that each option replaces, by the name of the option. An option wins over the environment."""


def settings_flags(options: Mapping[str, str | None]) -> dict[str, str]:
    """The settings that were given as options."""
    return {FLAGS[name]: value for name, value in options.items() if name in FLAGS and value is not None}
