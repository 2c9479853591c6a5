"""Every setting, read once from flags, environment and `.env`; all faults are reported together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from campaigns import addresses
from campaigns.desk_settings import DeskSettings
from campaigns.domain.errors import SettingsError
from campaigns.domain.printable import IS_TEXT
from campaigns.domain.sending.pacing import LARGEST_BATCH
from campaigns.env_file import EnvFile
from campaigns.private_files import private_folder
from campaigns.tls import key_log_faults, verified
from campaigns.vendor_key import key_fault, read_key_file

VENDOR_URL = "https://app.onlyfansapi.com"

LEASE_MARGIN_SECONDS = 2.0
"""Seconds that a lease must be longer than the deadline of a POST, for two commits and a slow disk."""

LONGEST_SHOWN = 100

BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}

SECRETS = Path("/run/secrets")
"""The folder in which containers find secrets as files: one for each setting, named like it."""


class Settings(DeskSettings):
    """The settings in force. docs/settings.md has their names and defaults; a test compares it with this class."""

    model_config = SettingsConfigDict(secrets_dir=SECRETS if SECRETS.is_dir() else None, extra="ignore", frozen=True)

    home: Path = Field(Path(".campaigns"), alias="CAMPAIGNS_HOME", validate_default=True)
    database_url_setting: str | None = Field(None, alias="DATABASE_URL")
    redis_url_setting: str | None = Field(None, alias="REDIS_URL")
    broker_url_setting: str | None = Field(None, alias="CELERY_BROKER_URL")
    api_key: SecretStr | None = Field(None, alias="ONLYFANSAPI_API_KEY")
    api_key_file: Path | None = Field(None, alias="ONLYFANSAPI_API_KEY_FILE")
    upstream_url_setting: str | None = Field(None, alias="CAMPAIGNS_UPSTREAM_URL")
    upstream_ca_file: Path | None = Field(None, alias="CAMPAIGNS_UPSTREAM_CA_FILE")
    proxy_url_setting: SecretStr | None = Field(None, alias="CAMPAIGNS_PROXY_URL")
    rate_per_minute: int = Field(1000, alias="CAMPAIGNS_RATE_PER_MINUTE", ge=1, le=1_000_000)
    rate_reserve: float = Field(0.05, alias="CAMPAIGNS_RATE_RESERVE", ge=0, lt=1)
    account_gap_seconds: float = Field(1.0, alias="CAMPAIGNS_ACCOUNT_GAP_SECONDS", ge=0, le=86_400)
    batch_size: int = Field(500, alias="CAMPAIGNS_BATCH_SIZE", ge=1, le=LARGEST_BATCH)
    request_timeout_seconds: float = Field(60.0, alias="CAMPAIGNS_REQUEST_TIMEOUT_SECONDS", gt=0, le=3600)
    lease_seconds: float = Field(90.0, alias="CAMPAIGNS_LEASE_SECONDS", gt=0, le=86_400)
    settle_seconds: float = Field(30.0, alias="CAMPAIGNS_SETTLE_SECONDS", ge=0, le=86_400)
    settle_looks: int = Field(4, alias="CAMPAIGNS_SETTLE_LOOKS", ge=1, le=16)
    tick_seconds: float = Field(1.0, alias="CAMPAIGNS_TICK_SECONDS", gt=0, le=3600)
    max_attempts: int = Field(8, alias="CAMPAIGNS_MAX_ATTEMPTS", ge=1, le=1000)
    error_share: float = Field(0.5, alias="CAMPAIGNS_ERROR_SHARE", gt=0, le=1)
    error_batches: int = Field(10, alias="CAMPAIGNS_ERROR_BATCHES", ge=0, le=1_000_000)
    questions_per_run: int = Field(500, alias="CAMPAIGNS_QUESTIONS_PER_RUN", ge=0, le=1_000_000)
    worker_threads: int = Field(16, alias="CAMPAIGNS_WORKER_THREADS", ge=4, le=1000)
    prepare_threshold: int | None = Field(None, alias="CAMPAIGNS_PREPARE_THRESHOLD", ge=0, le=1_000_000)
    rf_as: Literal["array", "string"] = Field("array", alias="CAMPAIGNS_RF_AS")
    text_as: Literal["html", "unchanged"] = Field("html", alias="CAMPAIGNS_TEXT_AS")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", alias="LOG_LEVEL")
    log_format: Literal["json", "console"] | None = Field(None, alias="LOG_FORMAT")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - it drops lines that it does not understand
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The places that settings come from, the strongest first."""
        return init_settings, env_settings, EnvFile(settings_cls), file_secret_settings

    @field_validator("api_key", "api_key_file", mode="before")
    @classmethod
    def _an_empty_key_is_none(cls, value: Any) -> Any:
        return (value.strip() or None) if isinstance(value, str) else value

    @field_validator("home", mode="before")
    @classmethod
    def _home_is_named(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            raise ValueError("is empty; name a folder, or leave it out")
        if isinstance(value, str) and not IS_TEXT(value):
            raise ValueError("is not text in UTF-8; name another folder")
        return value

    @field_validator("home")
    @classmethod
    def _one_place(cls, home: Path) -> Path:
        """The same folder for every command and part, whatever the working folder is."""
        try:
            return home.expanduser().absolute()
        except RuntimeError:
            raise ValueError("it begins with ~ and the name of nobody; write the whole path") from None

    @field_validator("log_level", mode="before")
    @classmethod
    def _level_in_any_case(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

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
        faults += self._key_faults()
        faults += self._url_faults()
        faults += key_log_faults(os.environ.get("SSLKEYLOGFILE"))
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _key_faults(self) -> Iterator[str]:
        fault = None if self.api_key is None else key_fault(self.api_key.get_secret_value())
        if fault is not None:
            yield f"ONLYFANSAPI_API_KEY {fault}"
        try:
            self.read_key()
        except SettingsError as error:
            yield str(error).removesuffix(".")

    def _url_faults(self) -> Iterator[str]:
        """One sentence for each address that cannot be used. None repeats the value: it may hold a password."""
        checks = (
            ("CAMPAIGNS_UPSTREAM_URL", self.upstream_url_setting, addresses.vendor_fault),
            ("CAMPAIGNS_PROXY_URL", self.proxy_url, addresses.proxy_fault),
            ("DATABASE_URL", self.database_url_setting, addresses.database_fault),
            ("REDIS_URL", self.redis_url_setting, _redis_fault),
            ("CELERY_BROKER_URL", self.broker_url_setting, _redis_fault),
        )
        for name, url, fault_of in checks:
            fault = None if url is None else "is empty" if not url else fault_of(url)
            if fault is not None:
                yield f"{name} {fault}"
        vendor = self.upstream_url_setting
        if vendor and self.has_key and vendor.startswith("http://") and not addresses.is_loopback(vendor):
            yield "CAMPAIGNS_UPSTREAM_URL is plain http; a key travels over https only, except to loopback"

    @property
    def has_key(self) -> bool:
        """Whether a vendor key is set; without one everything goes to the sandbox."""
        return self.api_key is not None or self.api_key_file is not None

    def read_key(self) -> SecretStr | None:
        """The vendor key, from the environment or its file; None means the sandbox. Raises SettingsError."""
        if self.api_key_file is None:
            return self.api_key
        try:
            return SecretStr(read_key_file(self.api_key_file))
        except ValueError as fault:
            raise SettingsError(f"ONLYFANSAPI_API_KEY_FILE '{self.api_key_file}' {fault}.") from None

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL in force; PostgreSQL always through psycopg."""
        if self.database_url_setting is None:
            return f"sqlite:///{quote(str(self.private_home().resolve() / 'campaigns.db'))}"
        scheme, _, rest = self.database_url_setting.partition("://")
        if scheme in {"postgres", "postgresql"}:
            return addresses.several_hosts(f"postgresql+psycopg://{rest}")
        return addresses.several_hosts(self.database_url_setting)

    @property
    def redis_url(self) -> str | None:
        """The URL of Redis, for redis-py; None when it is the embedded server and that is not running."""
        if self.redis_url_setting is not None:
            return addresses.socket_url(_verified(self.redis_url_setting), "unix", "db")
        return self._recorded("redis.url")

    @property
    def broker_url(self) -> str | None:
        """The URL of Celery's broker, for kombu."""
        url = _verified(self.broker_url_setting) if self.broker_url_setting else self.redis_url
        return addresses.socket_url(url, "redis+socket", "virtual_host") if url else None

    @property
    def upstream_url(self) -> str | None:
        """The vendor's base URL; None when it is the embedded sandbox and that is not running."""
        if self.upstream_url_setting is not None:
            return self.upstream_url_setting.rstrip("/")
        return VENDOR_URL if self.has_key else self._recorded("sandbox.url")

    @property
    def desk_url(self) -> str:
        """The address of the desk on this machine: that of the running one, else where it would be."""
        return self._recorded("desk.url") or "http://127.0.0.1:8400"

    @property
    def is_live(self) -> bool:
        """Whether requests go to a vendor on another machine, and so may reach fans."""
        return self.has_key and not addresses.is_loopback(self.upstream_url_setting or VENDOR_URL)

    @property
    def proxy_url(self) -> str | None:
        """The egress proxy on the way to the vendor, with its password. None for a vendor on this machine."""
        return None if self.proxy_url_setting is None else self.proxy_url_setting.get_secret_value()

    @property
    def upstream_name(self) -> str:
        """The vendor that accounts and runs belong to: an address, or `sandbox`, whatever its port is today."""
        if not self.has_key:
            return "sandbox"
        return (self.upstream_url_setting or VENDOR_URL).rstrip("/")

    def private_home(self) -> Path:
        """The home, which may not exist yet. Raises SettingsError when somebody else may write to it.

        Everybody who can write there decides which database, broker and vendor we use.
        """
        try:
            return private_folder(self.home) if self.home.exists() else self.home
        except OSError as error:
            raise SettingsError(f"CAMPAIGNS_HOME '{self.home}' cannot be used: {error.strerror}.") from None

    def _recorded(self, name: str) -> str | None:
        """An address that a running `campaigns up` wrote into its home folder."""
        try:
            return (self.private_home() / name).read_text().strip() or None
        except OSError:
            return None


def _verified(url: str) -> str:
    return verified(urlsplit(url)).geturl() if url.startswith("rediss://") else url


def _redis_fault(url: str) -> str | None:
    fault = addresses.redis_fault(url)
    if fault is None:
        try:
            _verified(url)
        except ValueError as error:
            fault = f"has a wrong option: {error}"
    return fault


def load_settings(**flags: Any) -> Settings:
    """The settings in force: each from the first of option, environment, `.env`, secret file and default that has it.

    `flags` has the documented names as keys and wins over the environment; None means "not given".
    Raises SettingsError with every fault in one message.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        faults = [_words(fault) for fault in error.errors()]
        raise SettingsError("Settings: " + "; ".join(faults) + ". Nothing was started.") from None


def sources() -> tuple[Mapping[str, str | None], Mapping[str, str | None]]:
    """The values of the environment and of the file `.env`, by names in lower case; both may hold secrets."""
    return EnvSettingsSource(Settings).env_vars, EnvFile(Settings).env_vars


def _words(fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    message = (
        str(fault["msg"]).removeprefix("Value error, ").replace("Input should be", "must be").partition(", unable")[0]
    )
    message = message.replace("a valid integer", "a whole number").replace("a valid number", "a number")
    if not place:
        return message
    bounds = _bounds(place)
    given = "" if "KEY" in place else f" (found '{_shown(fault['input'])}')"
    return f"{place} must be {bounds}{given}" if bounds else f"{place}: {message}{given}"


def _shown(value: object) -> str:
    return str(value).encode(errors="backslashreplace").decode()[:LONGEST_SHOWN]


def _bounds(place: str) -> str | None:
    """The limits of a setting that is a number, as a text; None for another setting."""
    field = next((each for each in Settings.model_fields.values() if each.alias == place), None)
    ends = [
        f"{words} {getattr(rule, end):,}"
        for rule in (field.metadata if field else ())
        for end, words in BOUNDS.items()
        if hasattr(rule, end)
    ]
    if field is None or not ends:
        return None
    return f"a {'' if field.annotation is float else 'whole '}number, {' and '.join(ends)}"
