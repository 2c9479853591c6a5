"""Whether a schedule sends to the same people more than once in 24 hours."""

from __future__ import annotations

from datetime import datetime
from itertools import islice, pairwise

from campaigns.domain.clocks import DAY
from campaigns.domain.schedules.occurrences import EVER, occurrences
from campaigns.domain.schedules.recurrence import read_cron
from campaigns.domain.schedules.timing import Timing

LOOKED_AHEAD = 400
"""How many coming occurrences are compared, at most."""


def runs_often(timing: Timing, after: datetime) -> bool:
    """Whether two occurrences after a moment are less than 24 hours apart.

    A schedule with one time of day never is, though two of its runs are 23 hours apart when clocks are set forward.
    """
    if timing.cron is None or timing.max_runs == 1:
        return False
    cron = read_cron(timing.cron)
    if len(cron.minutes) * len(cron.hours) == 1:
        return False
    coming = islice(occurrences(timing, after, EVER), LOOKED_AHEAD)
    return any(later - earlier < DAY for earlier, later in pairwise(coming))
