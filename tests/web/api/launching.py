"""How tests ask the API for a launch."""

from __future__ import annotations

import httpx


def ready(desk: httpx.Client, campaign: int, key: str = "one key of a launch") -> dict[str, str]:
    seen = desk.get(f"/api/v1/campaigns/{campaign}/plan")
    return {"If-Match": seen.headers["etag"], "Idempotency-Key": key}


def send(desk: httpx.Client, campaign: int, body: object, headers: dict[str, str]) -> httpx.Response:
    return desk.post(f"/api/v1/campaigns/{campaign}/launch", json=body, headers=headers)
