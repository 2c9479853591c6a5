"""What the sandbox really accepted, from its inspection endpoint: for the demo and tests, never for sending."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyroaring import BitMap64

from campaigns.adapters.upstream import http_client as httpx
from campaigns.domain.errors import VendorAway

ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class AcceptedSend:
    """One request that the sandbox accepted, whether its reply arrived or not."""

    message_id: str
    account: str
    request_sha256: str
    users: BitMap64


class SandboxRecord:
    """The record of a running sandbox. Every method raises VendorAway when the sandbox does not respond."""

    def __init__(self, url: str) -> None:
        # No proxies of the environment: the sandbox is on this machine.
        self._client = httpx.Client(base_url=url, timeout=ANSWER_SECONDS, trust_env=False)

    def accepted(self) -> list[AcceptedSend]:
        """Every accepted send in the order of acceptance."""
        return [
            AcceptedSend(item["id"], item["account"], item["request_sha256"], BitMap64(map(int, item["user_ids"])))
            for item in self._ask("GET", "accepted")["accepted"]
        ]

    def summary(self) -> dict[str, Any]:
        """Counts of everything that it accepted and of every request that it saw."""
        return self._ask("GET", "summary")

    def struck(self, fault: str) -> int:
        """How often the lines of its script for this fault were applied."""
        script = self._ask("GET", "faults")["script"]
        return sum(line["struck"] for line in script if line["fault"] == fault)

    def put_faults(self, text: str) -> None:
        """Make it misbehave as this faults file says; requests are counted from now on."""
        self._ask("PUT", "faults", text)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _ask(self, method: str, name: str, text: str | None = None) -> dict[str, Any]:
        try:
            answer = self._client.request(method, f"/sandbox/{name}", content=text)
            found: dict[str, Any] = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise VendorAway(f"The sandbox did not answer about its record ({error}); is it running?") from None
        return found
