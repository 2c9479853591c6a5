"""The routes of the pages of campaigns, in the order in which they are tried: fixed words before numbers."""

from __future__ import annotations

from campaigns.web.pages.campaigns import acts, backfill, launch, listed, shown
from campaigns.web.pages.campaigns.form import preview, write

ROUTES = (listed.routes, preview.routes, write.routes, shown.routes, acts.routes, launch.routes, backfill.routes)
