"""Schemathesis asks every route what its description allows and forbids: no fault of ours, no broken promise."""

from __future__ import annotations

import itertools
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.web.served import served
from tests.web.stocked import stock
from tests.world import World

PROMISES = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

AWAY = 503
"""This desk has no Redis, so what asks the pacer is refused: that is no fault."""

ROWS = 12
"""What is allowed is asked about the campaigns and runs from 1 to this: some exist."""

FEW = {GenerationMode.POSITIVE: 2, GenerationMode.NEGATIVE: 1}
MANY = {GenerationMode.POSITIVE: 100, GenerationMode.NEGATIVE: 50}


@pytest.mark.parametrize(
    "counts", [FEW, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])], ids=["few", "many"]
)
def test_every_route_keeps_its_promises(world: World, counts: dict[GenerationMode, int]) -> None:
    stock(world)
    with served(world.store) as desk:
        description = desk.get("/api/v1/openapi.json").json()
        del description["security"]  # at this desk everybody is an admin
        asking = _Asking(desk)
        for result in schemathesis.openapi.from_dict(description).get_all_operations():
            assert isinstance(result, Ok)
            for mode, count in counts.items():
                asking.ask(result.ok(), mode, count)
    assert asking.asked > len(description["paths"]) * counts[GenerationMode.POSITIVE]
    assert asking.faults == [], "\n\n".join(asking.faults)


@dataclass
class _Asking:
    desk: httpx.Client
    asked: int = 0
    faults: list[str] = field(default_factory=list)
    keys: itertools.count[int] = field(default_factory=itertools.count)

    def ask(self, operation: Any, mode: GenerationMode, count: int) -> None:
        is_allowed = mode is GenerationMode.POSITIVE
        checks = PROMISES if is_allowed else [*PROMISES, negative_data_rejection]

        @settings(
            max_examples=count,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def each(case: Any) -> None:
            self.asked += 1
            if is_allowed:
                self._let_it_be_done(case)
            try:
                headers = {"Sec-Fetch-Site": "same-origin"}
                response = case.call(base_url=str(self.desk.base_url), headers=headers)
                is_away = response.status_code == AWAY and response.json()["code"] == "pacer_away"
                case.validate_response(response, checks=checks[1:] if is_away else checks)
            except BaseExceptionGroup as faults:
                self.faults += [f"{operation.label}: {fault}" for fault in faults.exceptions]
            except AssertionError as fault:
                self.faults.append(f"{operation.label}: {fault}")

        # Nothing can be wrong about a route without parameters, or with those that may be any text.
        with nullcontext() if is_allowed else suppress(Unsatisfiable):
            each()

    def _let_it_be_done(self, case: Any) -> None:
        """Ask about rows that exist, with the newest revision and a new key: else all would be refused."""
        for name, value in case.path_parameters.items():
            case.path_parameters[name] = value % ROWS + 1 if isinstance(value, int) else value
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = f"key number {next(self.keys)}"
        if "If-Match" in case.headers:
            shown = self.desk.get(f"/api/v1/campaigns/{case.path_parameters['campaign_id']}")
            case.headers["If-Match"] = shown.headers.get("etag", "none")
