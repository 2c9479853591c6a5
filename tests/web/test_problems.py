"""Every refusal has a status of its own, and every remedy a link."""

from __future__ import annotations

import httpx
import pytest

from campaigns.domain.errors import CampaignsError
from campaigns.domain.remedies import Do, Remedy
from campaigns.web.kit.remedies import LINKS, links
from campaigns.web.problems import STATUSES


def test_every_class_of_refusals_has_a_status() -> None:
    assert set(STATUSES) == {CampaignsError, *_below(CampaignsError)}


@pytest.mark.parametrize("do", list(Do))
def test_every_remedy_has_a_link_or_says_what_to_do_elsewhere(do: Do) -> None:
    assert do in LINKS
    link = links([Remedy(do, campaign=1, run=2, account="acct_one", value="3")])[0]
    assert "None" not in link.text + (link.address or "")
    assert link.address is None or link.address.startswith("/")


def test_an_address_that_no_database_can_hold_is_refused(desk: httpx.Client) -> None:
    for address in ("/api/v1/campaigns?account=a%00b", "/api/v1/campaigns?cursor=%00", "/runs/%00"):
        refusal = desk.get(address)
        assert (refusal.status_code, refusal.json()["code"]) == (400, "invalid"), address


def _below(kind: type[CampaignsError]) -> set[type[CampaignsError]]:
    return {each for child in kind.__subclasses__() for each in (child, *_below(child))}
