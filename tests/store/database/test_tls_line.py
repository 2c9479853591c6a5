"""What is said of a PostgreSQL whose connection is not verified."""

from __future__ import annotations

import pytest

from campaigns.checks.server import server_checks
from campaigns.store.database import postgresql_tls
from campaigns.store.database.engine import Store
from campaigns.store.database.postgresql_tls import Line, line_of


def test_on_this_machine_nothing_is_said(store: Store) -> None:
    with store.read() as connection:
        assert line_of(connection) is None
    assert "database tls" not in [check.part for check in server_checks(store)]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_another_machine_that_is_not_verified_is_noted_with_its_mode(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test's own server, taken for one that is far away: it has no TLS."""
    monkeypatch.setattr(postgresql_tls, "_is_here", lambda _: False)
    monkeypatch.setenv("PGSSLMODE", "prefer")
    with store.read() as connection:
        line = line_of(connection)
    assert line == Line("prefer", is_encrypted=False)
    (check,) = [check for check in server_checks(store) if check.part == "database tls"]
    assert check.state == "note"
    assert "plain text, and the server is not verified (sslmode=prefer)" in check.found


def test_only_an_encrypted_line_with_every_check_is_verified() -> None:
    assert Line("verify-full", is_encrypted=True).is_verified
    assert not Line("verify-ca", is_encrypted=True).is_verified
    assert not Line("require", is_encrypted=True).is_verified
