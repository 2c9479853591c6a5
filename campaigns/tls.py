"""How our connections verify the server before they send a secret.

redis-py verifies a `rediss://` server by default and Kombu does not. They also spell the options differently. So
each address is completed here once, and both get the same options.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlencode

from campaigns.domain.errors import SettingsError

REQUIRED, NONE = "required", "none"

CERTIFICATE = {
    "required": REQUIRED,
    "optional": REQUIRED,  # for a client it is the same: a server always shows a certificate
    "none": NONE,
}
"""The values of `ssl_cert_reqs`; Celery's documents write them as CERT_REQUIRED, CERT_OPTIONAL and CERT_NONE."""

YES_OR_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def verified(url: SplitResult) -> SplitResult:
    """A `rediss://` address with the options that verify its server by certificate and name, unless it has others.

    Raises ValueError, which names the option, for an unknown value: a misspelt one must not verify less.
    """
    options = dict(parse_qsl(url.query, keep_blank_values=True))
    certificate = options.get("ssl_cert_reqs", REQUIRED).lower().removeprefix("cert_")
    if certificate not in CERTIFICATE:
        raise ValueError("ssl_cert_reqs must be required, or none to verify nothing")
    host_name = options.get("ssl_check_hostname", "true").lower()
    if host_name not in YES_OR_NO:
        raise ValueError("ssl_check_hostname must be true or false")
    checks_name = YES_OR_NO[host_name] and CERTIFICATE[certificate] != NONE
    options |= {"ssl_cert_reqs": CERTIFICATE[certificate], "ssl_check_hostname": str(checks_name).lower()}
    return url._replace(query=urlencode(options))


def unverified(url: SplitResult) -> str | None:
    """What is not verified of a server that is reached over TLS, as a text; None when everything is."""
    if url.scheme != "rediss":
        return None
    options = dict(parse_qsl(verified(url).query))
    if options["ssl_cert_reqs"] == NONE:
        return "the server's certificate is not verified (ssl_cert_reqs=none): any server gets the password"
    if options["ssl_check_hostname"] == "false":
        return "the server's name is not verified (ssl_check_hostname=false): any server of that CA gets the password"
    return None


def trust_also(context: ssl.SSLContext, setting: str, authorities: Path) -> None:
    """Let a context also trust the CAs of a file in PEM format. Raises SettingsError, naming the setting."""
    try:
        context.load_verify_locations(cafile=authorities)
    except ssl.SSLError:
        reason = "holds no certificate in PEM format"
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    else:
        return
    raise SettingsError(f"{setting} '{authorities}' {reason}; give the file with your CA's certificate.")


def key_log_faults(path: str | None) -> Iterator[str]:
    """Every client that makes a TLS context opens this file, as Python's own library does it; none says so well."""
    if path is None:
        return
    try:
        with Path(path).open("ab"):
            pass
    except OSError as error:
        yield f"SSLKEYLOGFILE cannot be written ({error.strerror}): name another file, or unset it"
