"""The question before a whole team is released."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaigns.cli.accounts.waiting_runs import people_of, run_lines
from campaigns.cli.kit.agree import agree
from campaigns.cli.kit.in_force import vendor_in_force
from campaigns.cli.kit.output import counted

if TYPE_CHECKING:
    from campaigns.flow.accounts.release import ReleasePreview
    from campaigns.wiring import Parts


def agree_to_team_release(parts: Parts, account_id: str, *, is_agreed: bool) -> ReleasePreview | None:
    """Ask before the release of an account whose whole team is on hold; nothing is asked when it is not.

    Returns what may be released; None: whatever is on hold. Raises NotFound, NotAllowed when nothing is, UsageError
    where nobody can be asked, and ends the command after a no.
    """
    from campaigns.flow.accounts.as_shown import runs_in_numbers
    from campaigns.flow.accounts.release import preview_release

    if is_agreed:
        return None
    shown = preview_release(parts.store, account_id)
    if shown.accounts:
        accounts = counted(len(shown.accounts), "account")
        summary = [
            vendor_in_force(parts.settings),
            f"Account {account_id} is on hold with its whole team at {shown.upstream}: {accounts} would send again.",
            *(f"{hold.kind}: {hold.reason}" for hold in shown.holds),
            *run_lines(shown.runs),
        ]
        question = f"Let {accounts} of {shown.upstream} send again, and {runs_in_numbers(shown.runs)} go on?"
        agree(summary, question, people=people_of(shown.runs), is_agreed=is_agreed)
    return shown
