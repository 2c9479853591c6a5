"""The question before a whole team is released."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaigns.cli.kit.agree import agree
from campaigns.cli.kit.in_force import vendor_in_force
from campaigns.cli.kit.output import counted

if TYPE_CHECKING:
    from campaigns.wiring import Parts


def agree_to_team_release(parts: Parts, account_id: str, *, is_agreed: bool) -> list[int] | None:
    """Ask before the release of an account whose whole team is on hold; nothing is asked when it is not.

    Returns the IDs of the team's holds that are agreed to be lifted; None: all of them, whatever they are. Raises
    NotFound, UsageError where nobody can be asked, and ends the command after a no.
    """
    from campaigns.store.views.limits import team_on_hold

    if is_agreed:
        return None
    with parts.store.read() as connection:
        team = team_on_hold(connection, account_id)
    if team is None:
        return []
    accounts = counted(team.accounts, "account")
    summary = [
        vendor_in_force(parts.settings),
        f"Account {account_id} is on hold with its whole team at {team.upstream}: {accounts} would send again.",
        *(f"{hold.kind}: {hold.reason}" for hold in team.holds),
    ]
    question = f"Let {accounts} of {team.upstream} send again?"
    agree(summary, question, people=None, is_agreed=is_agreed)
    return [hold.id for hold in team.holds]
