"""Every setting, read once from flags, environment and `.env`; all faults are reported together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from campaigns.domain.errors import SettingsError

VENDOR_URL = "https://app.onlyfansapi.com"

LEASE_MARGIN_SECONDS = 2.0
"""What a lease must have left over beyond the deadline of a POST, for two commits and a slow disk."""

LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}


class Settings(BaseSettings):
    """The settings in force. Names and defaults are documented in docs/settings.md, held to this class by a test."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    home: Path = Field(Path(".campaigns"), alias="CAMPAIGNS_HOME")
    database_url_setting: str | None = Field(None, alias="DATABASE_URL")
    redis_url_setting: str | None = Field(None, alias="REDIS_URL")
    broker_url_setting: str | None = Field(None, alias="CELERY_BROKER_URL")
    api_key: SecretStr | None = Field(None, alias="ONLYFANSAPI_API_KEY")
    api_key_file: Path | None = Field(None, alias="ONLYFANSAPI_API_KEY_FILE")
    upstream_url_setting: str | None = Field(None, alias="CAMPAIGNS_UPSTREAM_URL")
    rate_per_minute: int = Field(1000, alias="CAMPAIGNS_RATE_PER_MINUTE", ge=1)
    rate_reserve: float = Field(0.05, alias="CAMPAIGNS_RATE_RESERVE", ge=0, lt=1)
    account_gap_seconds: float = Field(1.0, alias="CAMPAIGNS_ACCOUNT_GAP_SECONDS", ge=0)
    batch_size: int = Field(500, alias="CAMPAIGNS_BATCH_SIZE", ge=1)
    request_timeout_seconds: float = Field(60.0, alias="CAMPAIGNS_REQUEST_TIMEOUT_SECONDS", gt=0)
    lease_seconds: float = Field(90.0, alias="CAMPAIGNS_LEASE_SECONDS", gt=0)
    settle_seconds: float = Field(30.0, alias="CAMPAIGNS_SETTLE_SECONDS", ge=0)
    settle_looks: int = Field(4, alias="CAMPAIGNS_SETTLE_LOOKS", ge=1, le=16)
    tick_seconds: float = Field(1.0, alias="CAMPAIGNS_TICK_SECONDS", gt=0)
    max_attempts: int = Field(8, alias="CAMPAIGNS_MAX_ATTEMPTS", ge=1)
    error_share: float = Field(0.5, alias="CAMPAIGNS_ERROR_SHARE", gt=0, le=1)
    error_batches: int = Field(10, alias="CAMPAIGNS_ERROR_BATCHES", ge=0)
    questions_per_run: int = Field(500, alias="CAMPAIGNS_QUESTIONS_PER_RUN", ge=0)
    worker_threads: int = Field(16, alias="CAMPAIGNS_WORKER_THREADS", ge=4)
    prepare_threshold: int | None = Field(None, alias="CAMPAIGNS_PREPARE_THRESHOLD", ge=0)
    rf_as: Literal["array", "string"] = Field("array", alias="CAMPAIGNS_RF_AS")
    text_as: Literal["html", "unchanged"] = Field("html", alias="CAMPAIGNS_TEXT_AS")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", alias="LOG_LEVEL")
    log_format: Literal["json", "console"] | None = Field(None, alias="LOG_FORMAT")

    @model_validator(mode="after")
    def _agree(self) -> Settings:
        faults: list[str] = []
        if self.lease_seconds < self.request_timeout_seconds + LEASE_MARGIN_SECONDS:
            faults.append(
                f"CAMPAIGNS_LEASE_SECONDS is {self.lease_seconds:g}, but must be at least "
                f"{LEASE_MARGIN_SECONDS:g} s longer than CAMPAIGNS_REQUEST_TIMEOUT_SECONDS "
                f"({self.request_timeout_seconds:g})"
            )
        if self.api_key is not None and self.api_key_file is not None:
            faults.append("ONLYFANSAPI_API_KEY and ONLYFANSAPI_API_KEY_FILE are both set; keep one")
        faults += self._url_faults()
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _url_faults(self) -> list[str]:
        faults = []
        if self.upstream_url_setting is not None:
            url = urlsplit(self.upstream_url_setting)
            if url.scheme not in {"http", "https"} or not url.hostname:
                faults.append(f"CAMPAIGNS_UPSTREAM_URL is '{self.upstream_url_setting}', not an http or https address")
            elif url.scheme == "http" and url.hostname not in LOOPBACK_HOSTS and self.has_key:
                faults.append("CAMPAIGNS_UPSTREAM_URL is plain http; a key travels over https only, except to loopback")
        database = self.database_url_setting
        if database is not None and not database.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            faults.append("DATABASE_URL must start with sqlite:/// or postgresql://")
        for name, value in (("REDIS_URL", self.redis_url_setting), ("CELERY_BROKER_URL", self.broker_url_setting)):
            if value is not None and not value.startswith(("redis://", "rediss://", "unix://", "redis+socket://")):
                faults.append(f"{name} must start with redis://, rediss:// or unix://")
        return faults

    @property
    def has_key(self) -> bool:
        """Whether a vendor key is set; without one everything goes to the sandbox."""
        return self.api_key is not None or self.api_key_file is not None

    def read_key(self) -> SecretStr | None:
        """The vendor key, from the environment or its file; None means the sandbox."""
        if self.api_key_file is None:
            return self.api_key
        try:
            key = self.api_key_file.read_text().strip()
        except OSError as error:
            reason = error.strerror or "cannot be read"
            raise SettingsError(f"ONLYFANSAPI_API_KEY_FILE '{self.api_key_file}': {reason}.") from None
        if not key:
            raise SettingsError(f"ONLYFANSAPI_API_KEY_FILE '{self.api_key_file}' is empty; put the vendor key into it.")
        return SecretStr(key)

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL in force; PostgreSQL always through psycopg."""
        if self.database_url_setting is None:
            return f"sqlite:///{self.home.resolve() / 'campaigns.db'}"
        return _several_hosts(self.database_url_setting.replace("postgresql://", "postgresql+psycopg://", 1))

    @property
    def redis_url(self) -> str | None:
        """Where Redis is, as redis-py spells it; None when it is the embedded server and that is not running."""
        if self.redis_url_setting is not None:
            return self.redis_url_setting.replace("redis+socket://", "unix://", 1)
        return self._recorded("redis.url")

    @property
    def broker_url(self) -> str | None:
        """Where Celery's broker is, as kombu spells it."""
        url = self.broker_url_setting or self.redis_url
        return url.replace("unix://", "redis+socket://", 1) if url else None

    @property
    def upstream_url(self) -> str | None:
        """The vendor's base URL; None when it is the embedded sandbox and that is not running."""
        if self.upstream_url_setting is not None:
            return self.upstream_url_setting.rstrip("/")
        return VENDOR_URL if self.has_key else self._recorded("sandbox.url")

    @property
    def upstream_name(self) -> str:
        """What accounts and runs are bound to: an address, or the word `sandbox` whatever port that has today."""
        if not self.has_key:
            return "sandbox"
        return (self.upstream_url_setting or VENDOR_URL).rstrip("/")

    def _recorded(self, name: str) -> str | None:
        """An address that a running `campaigns up` wrote into its home folder."""
        try:
            return (self.home / name).read_text().strip() or None
        except OSError:
            return None


def _several_hosts(url: str) -> str:
    """A URL with several hosts, as PostgreSQL writes it (`//one:5432,two:5432/name`), as SQLAlchemy wants it."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return url
    named = "&".join(f"host={host}" for host in hosts.split(","))
    return f"{parts.scheme}://{user}{at}{parts.path}?{named}{parts.query and f'&{parts.query}'}"


def load_settings(**flags: Any) -> Settings:
    """The settings in force: flag, then environment, then `.env`, then default.

    `flags` are keyed by the documented names and win over the environment; None means "not given".
    Raises SettingsError with every fault in one message.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        faults = [_words(fault) for fault in error.errors()]
        raise SettingsError("Settings: " + "; ".join(faults) + ". Nothing was started.") from None


def _words(fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    message = str(fault["msg"]).removeprefix("Value error, ")
    if not place:
        return message
    secret = "KEY" in place
    found = "" if secret else f" (found '{os.environ.get(place, fault.get('input'))}')"
    return f"{place}: {message}{found}"
