"""What the settings say is what bounds the sending."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from campaigns.domain.sending.pacing import Limits
from campaigns.settings import Settings, load_settings
from campaigns.wiring import open_parts

NAMED_OTHERWISE = {"reserve": "rate_reserve"}
SHARES = {"reserve", "error_share"}


def limits_in_force() -> Limits:
    parts = open_parts(load_settings())
    parts.store.close()
    return parts.limits


def test_every_limit_comes_from_the_setting_of_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    given = {}
    for number, limit in enumerate(asdict(limits_in_force())):
        field = Settings.model_fields[NAMED_OTHERWISE.get(limit, limit)]
        given[limit] = 0.1 + number / 100 if limit in SHARES else 5 + number
        monkeypatch.setenv(str(field.alias), str(given[limit]))
    monkeypatch.setenv("CAMPAIGNS_LEASE_SECONDS", "90")

    assert asdict(limits_in_force()) == {**given, "lease_seconds": 90}
