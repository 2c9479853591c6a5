"""The routes of the pages of schedules."""

from __future__ import annotations

from campaigns.web.pages.schedules import calendar, listed

ROUTES = (listed.routes, calendar.routes)
