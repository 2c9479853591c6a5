"""Schemathesis asks every route what its description allows and forbids: no fault of ours, no broken promise."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
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

ROWS = 12
"""IDs of campaigns and runs are drawn from 1 to this: some exist."""


@pytest.mark.parametrize("each", [5, pytest.param(150, marks=pytest.mark.slow)])
def test_every_route_keeps_its_promises(world: World, each: int) -> None:
    stock(world)
    with served(world.store) as desk:
        description = desk.get("/api/v1/openapi.json").json()
        asking = _Asking(desk, schemathesis.openapi.from_dict(description))
        for result in asking.schema.get_all_operations():
            asking.ask(result.ok(), each)
    assert asking.asked > each * 30
    assert asking.faults == []


class _Asking:
    def __init__(self, desk: httpx.Client, schema: Any) -> None:
        self.desk, self.schema = desk, schema
        self.asked = 0
        self.faults: list[str] = []
        numbers = itertools.count()

        @schema.hook
        def map_path_parameters(_context: Any, path_parameters: Any) -> Any:
            return {name: _near(value) for name, value in (path_parameters or {}).items()}

        @schema.hook
        def map_headers(_context: Any, headers: Any) -> Any:
            headers = dict(headers or {})
            if "Idempotency-Key" in headers and next(numbers) % 4:
                headers["Idempotency-Key"] = f"key number {next(numbers)}"
            if "If-Match" in headers and next(numbers) % 4:
                headers["If-Match"] = desk.get("/api/v1/campaigns/1").headers["etag"]
            return headers

    def ask(self, operation: Any, count: int) -> None:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            self._ask(operation, mode, count)

    def _ask(self, operation: Any, mode: GenerationMode, count: int) -> None:
        checks = PROMISES if mode is GenerationMode.POSITIVE else [*PROMISES, negative_data_rejection]

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
            headers = {"Sec-Fetch-Site": "same-origin"}
            try:
                case.call_and_validate(base_url=str(self.desk.base_url), headers=headers, checks=checks)
            except BaseExceptionGroup as faults:
                self.faults += [f"{operation.label}: {fault}" for fault in faults.exceptions]
            except AssertionError as fault:
                self.faults.append(f"{operation.label}: {fault}")

        each()


def _near(value: Any) -> Any:
    return value % ROWS + 1 if isinstance(value, int) and not isinstance(value, bool) and value > 0 else value
