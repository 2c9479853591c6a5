"""The routes of the pages of campaigns, in the order in which they are tried: fixed words before numbers."""

from __future__ import annotations

from campaigns.web.pages.campaigns import acts, launch, listed, shown

ROUTES = (listed.routes, shown.routes, acts.routes, launch.routes)
