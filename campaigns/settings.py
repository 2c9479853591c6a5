"""Every setting, read once from flags, environment and `.env`; all faults are reported together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, SettingsConfigDict

from campaigns import addresses
from campaigns.domain.errors import SettingsError
from campaigns.private_files import private_folder, read_plain_file
from campaigns.tls import verified

VENDOR_URL = "https://app.onlyfansapi.com"

LEASE_MARGIN_SECONDS = 2.0
"""What a lease must have left over beyond the deadline of a POST, for two commits and a slow disk."""

SECRETS = Path("/run/secrets")
"""Where containers find secrets as files: one for a setting, named like it."""

LARGEST_KEY_FILE = 4096
"""In bytes; a key has some sixty."""

ENV_FILE = Path(".env")
LARGEST_ENV_FILE = 1_000_000


class Settings(BaseSettings):
    """The settings in force. Names and defaults are documented in docs/settings.md, held to this class by a test."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE, secrets_dir=SECRETS if SECRETS.is_dir() else None, extra="ignore", frozen=True
    )

    home: Path = Field(Path(".campaigns"), alias="CAMPAIGNS_HOME", validate_default=True)
    database_url_setting: str | None = Field(None, alias="DATABASE_URL")
    redis_url_setting: str | None = Field(None, alias="REDIS_URL")
    broker_url_setting: str | None = Field(None, alias="CELERY_BROKER_URL")
    api_key: SecretStr | None = Field(None, alias="ONLYFANSAPI_API_KEY")
    api_key_file: Path | None = Field(None, alias="ONLYFANSAPI_API_KEY_FILE")
    upstream_url_setting: str | None = Field(None, alias="CAMPAIGNS_UPSTREAM_URL")
    upstream_ca_file: Path | None = Field(None, alias="CAMPAIGNS_UPSTREAM_CA_FILE")
    proxy_url_setting: SecretStr | None = Field(None, alias="CAMPAIGNS_PROXY_URL")
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
    worker_threads: int = Field(16, alias="CAMPAIGNS_WORKER_THREADS", ge=4, le=1000)
    prepare_threshold: int | None = Field(None, alias="CAMPAIGNS_PREPARE_THRESHOLD", ge=0)
    rf_as: Literal["array", "string"] = Field("array", alias="CAMPAIGNS_RF_AS")
    text_as: Literal["html", "unchanged"] = Field("html", alias="CAMPAIGNS_TEXT_AS")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", alias="LOG_LEVEL")
    log_format: Literal["json", "console"] | None = Field(None, alias="LOG_FORMAT")

    @field_validator("api_key", "api_key_file", mode="before")
    @classmethod
    def _an_empty_key_is_none(cls, value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("home", mode="before")
    @classmethod
    def _home_is_named(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            raise ValueError("is empty; name a folder, or leave it out")
        return value

    @field_validator("home")
    @classmethod
    def _one_place(cls, home: Path) -> Path:
        """The same folder for every command and part, from wherever it is asked."""
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
        faults += self._url_faults()
        faults += _key_log_faults(os.environ.get("SSLKEYLOGFILE"))
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _url_faults(self) -> Iterator[str]:
        """One sentence for each address that cannot be used. None repeats what was set: it may hold a password."""
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
        """The vendor key, from the environment or its file; None means the sandbox."""
        if self.api_key_file is None:
            return self.api_key
        name = f"ONLYFANSAPI_API_KEY_FILE '{self.api_key_file}'"
        try:
            content = read_plain_file(self.api_key_file, LARGEST_KEY_FILE)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "cannot be read"
            raise SettingsError(f"{name}: {why}; name a file that holds the vendor key alone.") from None
        try:
            key = content.decode().strip()
        except UnicodeDecodeError:
            raise SettingsError(f"{name} is not text in UTF-8; put the vendor key alone into it.") from None
        if not key:
            raise SettingsError(f"{name} is empty; put the vendor key into it.")
        return SecretStr(key)

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL in force; PostgreSQL always through psycopg."""
        if self.database_url_setting is None:
            return f"sqlite:///{quote(str(self.private_home().resolve() / 'campaigns.db'))}"
        scheme, _, rest = self.database_url_setting.partition("://")
        if scheme in {"postgres", "postgresql"}:
            return _several_hosts(f"postgresql+psycopg://{rest}")
        return _several_hosts(self.database_url_setting)

    @property
    def redis_url(self) -> str | None:
        """Where Redis is, as redis-py spells it; None when it is the embedded server and that is not running."""
        if self.redis_url_setting is not None:
            return _socket_url(_verified(self.redis_url_setting), "unix", "db")
        return self._recorded("redis.url")

    @property
    def broker_url(self) -> str | None:
        """Where Celery's broker is, as kombu spells it."""
        url = _verified(self.broker_url_setting) if self.broker_url_setting else self.redis_url
        return _socket_url(url, "redis+socket", "virtual_host") if url else None

    @property
    def upstream_url(self) -> str | None:
        """The vendor's base URL; None when it is the embedded sandbox and that is not running."""
        if self.upstream_url_setting is not None:
            return self.upstream_url_setting.rstrip("/")
        return VENDOR_URL if self.has_key else self._recorded("sandbox.url")

    @property
    def is_live(self) -> bool:
        """Whether what is sent goes to a vendor on another machine, and so may reach fans."""
        return self.has_key and not addresses.is_loopback(self.upstream_url_setting or VENDOR_URL)

    @property
    def proxy_url(self) -> str | None:
        """The egress proxy on the way to the vendor, with its password. One on this machine is reached without it."""
        return None if self.proxy_url_setting is None else self.proxy_url_setting.get_secret_value()

    @property
    def upstream_name(self) -> str:
        """What accounts and runs are bound to: an address, or the word `sandbox` whatever port that has today."""
        if not self.has_key:
            return "sandbox"
        return (self.upstream_url_setting or VENDOR_URL).rstrip("/")

    def private_home(self) -> Path:
        """The home, which need not be there yet. Raises SettingsError when somebody else may write it.

        Who can write there decides which database, broker and vendor we use.
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


def _several_hosts(url: str) -> str:
    """A URL with several hosts, as PostgreSQL writes it (`//one:5432,two:5432/name`), as SQLAlchemy wants it."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return url
    named = "&".join(f"host={host}" for host in hosts.split(","))
    return f"{parts.scheme}://{user}{at}{parts.path}?{named}{parts.query and f'&{parts.query}'}"


def _socket_url(url: str, scheme: str, option: str) -> str:
    """The address of a socket as one of the two clients writes it: redis-py `unix:` and `db`, kombu otherwise."""
    named, separator, rest = url.partition("://")
    if named not in {"unix", "redis+socket"}:
        return url
    path, question, query = rest.partition("?")
    return f"{scheme}{separator}{path}{question}{query.replace('virtual_host=', 'db=').replace('db=', f'{option}=')}"


def _key_log_faults(path: str | None) -> Iterator[str]:
    """Every client that makes a TLS context opens this file, as Python's own library does it; none says so well."""
    if path is None:
        return
    try:
        with Path(path).open("ab"):
            pass
    except OSError as error:
        yield f"SSLKEYLOGFILE cannot be written ({error.strerror}): name another file, or unset it"


def load_settings(**flags: Any) -> Settings:
    """The settings in force: flag, then environment, then `.env`, then default.

    `flags` are keyed by the documented names and win over the environment; None means "not given".
    Raises SettingsError with every fault in one message.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        if ENV_FILE.exists() and not ENV_FILE.is_dir():
            read_plain_file(ENV_FILE, LARGEST_ENV_FILE)
        return Settings(**given)
    except ValidationError as error:
        faults = [_words(fault) for fault in error.errors()]
        raise SettingsError("Settings: " + "; ".join(faults) + ". Nothing was started.") from None
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise SettingsError(
            f"Settings: the file .env in this folder cannot be read ({why}). Nothing was started."
        ) from None


def sources() -> tuple[Mapping[str, str | None], Mapping[str, str | None]]:
    """What the environment and the file `.env` say, by names in lower case; both may hold secrets."""
    return EnvSettingsSource(Settings).env_vars, DotEnvSettingsSource(Settings).env_vars


def _words(fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    message = (
        str(fault["msg"]).removeprefix("Value error, ").replace("Input should be", "must be").partition(", unable")[0]
    )
    message = message.replace("a valid integer", "a whole number").replace("a valid number", "a number")
    if not place:
        return message
    secret = "KEY" in place
    found = "" if secret else f" (found '{os.environ.get(place, fault.get('input'))}')"
    return f"{place}: {message}{found}"
