"""The settings of the desk: who may reach it under which name, and the key that signs what it hands out."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from campaigns.domain.access.typed import IS_NAME

SHORTEST_SECRET = 32
"""Characters of CAMPAIGNS_SECRET_KEY: a shorter one could be guessed."""

HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?", re.IGNORECASE)


class DeskSettings(BaseSettings):
    """The settings of the desk and its API, as a part of all settings."""

    operator: str | None = Field(None, alias="CAMPAIGNS_OPERATOR")
    secret_key: SecretStr | None = Field(None, alias="CAMPAIGNS_SECRET_KEY")
    web_hosts_setting: str | None = Field(None, alias="CAMPAIGNS_WEB_HOSTS")
    web_proxies_setting: str | None = Field(None, alias="CAMPAIGNS_WEB_PROXIES")
    security_contact: str | None = Field(None, alias="CAMPAIGNS_SECURITY_CONTACT")

    @field_validator("operator", mode="before")
    @classmethod
    def _an_operator_is_named(cls, value: Any) -> Any:
        if not isinstance(value, str) or not value.strip():
            return None
        if not IS_NAME(value.strip().lower()):
            raise ValueError("is not a valid name of an operator; leave it out, or take one that is listed")
        return value.strip().lower()

    @field_validator("secret_key", mode="before")
    @classmethod
    def _a_secret_is_long(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            return None
        if isinstance(value, str) and len(value.strip()) < SHORTEST_SECRET:
            raise ValueError(f"is shorter than {SHORTEST_SECRET} characters; take a random one, or leave it out")
        return value.strip() if isinstance(value, str) else value

    @field_validator("web_hosts_setting")
    @classmethod
    def _hosts_are_names(cls, value: str | None) -> str | None:
        for name in _listed(value):
            if HOST.fullmatch(name) is None:
                raise ValueError(f"'{name[:100]}' is not a host name such as desk.example.com")
        return value

    @field_validator("web_proxies_setting")
    @classmethod
    def _proxies_are_addresses(cls, value: str | None) -> str | None:
        for name in _listed(value):
            try:
                ipaddress.ip_network(name)
            except ValueError:
                raise ValueError(f"'{name[:100]}' is not an IP address or network such as 10.0.0.0/24") from None
        return value

    @field_validator("security_contact")
    @classmethod
    def _contact_is_an_address(cls, value: str | None) -> str | None:
        if value and (urlsplit(value).scheme not in {"mailto", "https"} or not value.isprintable() or " " in value):
            raise ValueError("is not an address such as mailto:security@example.com or https://example.com/security")
        return value

    @property
    def web_hosts(self) -> frozenset[str]:
        """The names under which the desk may be reached, beside those of loopback."""
        return frozenset(name.lower() for name in _listed(self.web_hosts_setting))

    @property
    def web_proxies(self) -> tuple[str, ...]:
        """The addresses of proxies that may say who the client is; a TLS proxy must be one of them."""
        return _listed(self.web_proxies_setting)


def _listed(value: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (value or "").split(",") if name.strip())
