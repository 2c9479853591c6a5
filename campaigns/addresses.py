"""The addresses of the settings: each is read once, by one grammar, before a library sees it.

Libraries disagree about a URL whose password has a bare `@`, `/`, `?` or `#` in it: one of them takes a piece of the
password for the host, and prints it when that cannot be found. Such a URL is refused, and no part of it is repeated.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

CURE = (
    "write special characters of a password as %40 (@), %2F (/), %3F (?), %23 (#), %5B ([), %5D (]), %20 (a blank) "
    "and %25 (%); a label of a host's name has 1 to 63 characters"
)

URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+]*)://"
    r"((?P<user>[^:@/?#\[\]]*)(:(?P<password>[^@/?#\[\]]*))?@)?"
    r"(?P<hosts>[^@/?#]*)"
    r"(?P<path>/[^@?#]*)?"
    r"(\?(?P<query>[^@#]*))?"
)
HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[\w.%-]*)(:(?P<port>[0-9]{1,5}))?")
HIGHEST_PORT = 65_535

LABEL = re.compile(r"[^.]{1,63}").fullmatch
LONGEST_NAME = 253
"""Longest name of a host, in characters; a label between two dots has at most 63 (RFC 1035)."""

Rule = Callable[[str], object]
"""Matches a value that can be used."""

NUMBER = re.compile(r"[0-9]{1,9}").fullmatch


def _one_of(*words: str) -> Rule:
    return set(words).__contains__


def _any(_: str) -> bool:
    return True


def _is_host(name: str) -> bool:
    """Whether a host can be looked up. The folder of a socket counts, and so does an empty host, which is a default."""
    if not name or name.startswith("/") or "%" in name:
        return True
    if name.startswith("["):
        return _is_ip(name[1:-1])
    try:
        travels = name.removesuffix(".").encode("idna").decode()
    except UnicodeError:
        return False
    return len(travels) <= LONGEST_NAME and all(LABEL(label) for label in travels.split("."))


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _are_hosts(names: str) -> bool:
    return all(_is_host(name) or _is_ip(name) for name in names.split(","))


POSTGRESQL_OPTIONS: Mapping[str, Rule] = {
    **dict.fromkeys(("application_name", "channel_binding", "gssencmode", "krbsrvname"), _any),
    **dict.fromkeys(("host", "hostaddr"), _are_hosts),
    **dict.fromkeys(("load_balance_hosts", "options", "passfile", "password", "require_auth", "requirepeer"), _any),
    **dict.fromkeys(("sslcert", "sslcertmode", "sslcrl", "sslcrldir", "sslkey", "sslkeylogfile"), _any),
    **dict.fromkeys(("sslnegotiation", "sslpassword", "sslrootcert", "ssl_min_protocol_version", "user"), _any),
    **dict.fromkeys(("connect_timeout", "keepalives", "keepalives_count", "keepalives_idle"), NUMBER),
    **dict.fromkeys(("keepalives_interval", "port", "sslsni", "tcp_user_timeout"), NUMBER),
    "sslmode": _one_of("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": _one_of("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    "client_encoding": _one_of("utf8", "UTF8", "utf-8", "UTF-8"),
}
"""Options that libpq understands and that this product leaves to the operator."""

REDIS_OPTIONS: Mapping[str, Mapping[str, Rule]] = {
    "redis": {},
    "rediss": dict.fromkeys(
        ("ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"), _any
    ),
    "unix": {"db": NUMBER, "virtual_host": NUMBER},
    "redis+socket": {"db": NUMBER, "virtual_host": NUMBER},
}
"""Options of a URL that both redis-py and kombu understand."""


@dataclass(frozen=True, slots=True)
class Address:
    """A URL that could be read. It does not hold the login."""

    scheme: str
    hosts: tuple[str, ...]  # names without ports, as they are written
    ports: tuple[str | None, ...]
    path: str
    options: tuple[tuple[str, str], ...]
    has_login: bool

    @property
    def shown(self) -> str:
        """The address for display: without login and options."""
        places = (host + (f":{port}" if port else "") for host, port in zip(self.hosts, self.ports, strict=True))
        return f"{self.scheme}://{','.join(places)}{self.path}"


def parse(url: str) -> Address | None:
    """The parts of a URL; None when it can be read in more than one way, or in none."""
    read = URL.fullmatch(url)
    if read is None or not url.isprintable() or " " in url or "%00" in url:
        return None
    places = [HOST.fullmatch(place) for place in read["hosts"].split(",")]
    if not all(place and int(place["port"] or 1) in range(1, HIGHEST_PORT + 1) for place in places):
        return None
    if not all(_is_host(place["name"]) for place in places if place):
        return None
    return Address(
        read["scheme"],
        tuple(place["name"] for place in places if place),
        tuple(place["port"] for place in places if place),
        read["path"] or "",
        tuple(parse_qsl(read["query"] or "", keep_blank_values=True)),
        read["user"] is not None,
    )


def shown(url: str) -> str:
    """A URL for display: scheme, host and path if it can be read, else nothing of it."""
    read = parse(url)
    return "an address that cannot be read" if read is None else read.shown


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine and nowhere else."""
    read = parse(url)
    return read is not None and all(_is_here(host.strip("[]")) for host in read.hosts)


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def vendor_fault(url: str) -> str | None:
    """Why a URL cannot be the vendor's base URL, as a text that follows the setting's name; None when it can."""
    read = parse(url)
    if read is None:
        return f"cannot be read as an address: {CURE}, and give the vendor's without a password"
    if read.scheme not in {"http", "https"} or len(read.hosts) != 1 or not read.hosts[0]:
        return "is not an http or https address"
    if read.has_login or read.options:
        return "has a user, a password or a query in it: give scheme, host and path alone, as https://host/path"
    return None


def proxy_fault(url: str) -> str | None:
    """Why a URL cannot be the egress proxy's, as a text that follows the setting's name; None when it can."""
    read = parse(url)
    if read is None:
        return f"cannot be read as an address: {CURE}"
    # If the proxy itself is reached by TLS, the client library has no way to limit the time of a write.
    if read.scheme != "http" or len(read.hosts) != 1 or not read.hosts[0] or read.path not in {"", "/"} or read.options:
        return "must be http://[USER:PASSWORD@]HOST:PORT; what passes through it is still encrypted for the vendor"
    return None


def database_fault(url: str) -> str | None:
    """Why a URL cannot be the database's, as a text that follows the setting's name; None when it can."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "sqlite":
        return _sqlite_fault(rest)
    if not separator or scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
        return "must start with sqlite:/// or postgresql://"
    read = parse(url)
    if read is None:
        return f"cannot be read as an address: {CURE}"
    if "prepare_threshold" in dict(read.options):
        return "cannot hold prepare_threshold: set CAMPAIGNS_PREPARE_THRESHOLD"
    return _options_fault(read, POSTGRESQL_OPTIONS)


def _sqlite_fault(rest: str) -> str | None:
    if not rest.startswith("/") or rest == "/":
        return "must name a file: sqlite:///FILE, or sqlite:////FOLDER/FILE from the root"
    if "?" in rest or "%00" in rest or not rest.isprintable():
        return "cannot have options, nor a bare ? or a control character in the name of the file (write ? as %3F)"
    if rest == "/:memory:":
        return "names a database in memory, which each command would have for itself: name a file"
    return None


def redis_fault(url: str) -> str | None:
    """Why a URL cannot be that of a Redis, as a text that follows the setting's name; None when it can."""
    if not url.startswith(("redis://", "rediss://", "unix://", "redis+socket://")):
        return "must start with redis://, rediss:// or unix://"
    read = parse(url)
    if read is None:
        return f"cannot be read as an address: {CURE}"
    if read.scheme in {"unix", "redis+socket"}:
        if read.hosts != ("",) or read.path in {"", "/"}:
            return "must name a socket: unix:///FOLDER/SOCKET"
    elif len(read.hosts) != 1:
        return "must name one host"
    elif not re.fullmatch(r"(/[0-9]{0,4})?", read.path):
        return "must end with the number of a database, as in redis://host:6379/0"
    return _options_fault(read, REDIS_OPTIONS[read.scheme])


def _options_fault(read: Address, known: Mapping[str, Rule]) -> str | None:
    if all(name in known and known[name](value) for name, value in read.options):
        return None
    can = f"; it can have {', '.join(sorted(known))}" if known else ""
    return f"has an option behind its ? that is not known, or cannot have that value{can}"


def several_hosts(url: str) -> str:
    """A URL with several hosts, as PostgreSQL writes it (`//one:5432,two:5432/name`), in the form of SQLAlchemy."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return url
    named = "&".join(f"host={host}" for host in hosts.split(","))
    return f"{parts.scheme}://{user}{at}{parts.path}?{named}{parts.query and f'&{parts.query}'}"


def socket_url(url: str, scheme: str, option: str) -> str:
    """The address of a socket in the form of one of the two clients: `unix:` and `db` for redis-py, else for kombu."""
    named, separator, rest = url.partition("://")
    if named not in {"unix", "redis+socket"}:
        return url
    path, question, query = rest.partition("?")
    return f"{scheme}{separator}{path}{question}{query.replace('virtual_host=', 'db=').replace('db=', f'{option}=')}"
