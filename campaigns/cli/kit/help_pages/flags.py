"""The options of `campaigns` itself that stand for a setting."""

from __future__ import annotations

from collections.abc import Mapping

FLAGS: dict[str, str] = {
    "home": "CAMPAIGNS_HOME",
    "database_url": "DATABASE_URL",
    "redis_url": "REDIS_URL",
    "log_level": "LOG_LEVEL",
}
"""By the name of the option; each wins over the environment."""


def settings_flags(options: Mapping[str, str | None]) -> dict[str, str]:
    """The settings that were given as options."""
    return {FLAGS[name]: value for name, value in options.items() if name in FLAGS and value is not None}
