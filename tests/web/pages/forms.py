"""The forms of pages as a browser would send them, and the faults beside their fields."""

from __future__ import annotations

import html
import re

import httpx


def fields_of(page: httpx.Response) -> dict[str, str]:
    """What the controls of the form hold, as a browser would send it."""
    form = page.text[page.text.index('<form class="stack"') : page.text.index("</main>")]
    held = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form))
    held |= dict(re.findall(r'<input id="[^"]+" name="([^"]+)" value="([^"]*)"', form))
    held |= dict(re.findall(r'<textarea id="[^"]+" name="([^"]+)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL))
    held |= dict(re.findall(r'name="([^"]+)" value="(yes)" checked', form))
    for name, options in re.findall(r'<select id="[^"]+" name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        assert chosen is not None
        held[name] = chosen[1]
    return {name: html.unescape(text) for name, text in held.items()}


def fault(page: httpx.Response, name: str) -> str | None:
    """The fault beside a control, without mark-up."""
    match = re.search(rf'<p class="fault" id="{name}-fault">(.*?)</p>', page.text)
    return None if match is None else html.unescape(match[1]).strip()


def hidden(page: httpx.Response) -> dict[str, str]:
    """The hidden fields of a page that asks."""
    main = page.text[page.text.index("<main") : page.text.index("</main>")]
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', main))


def confirmed(desk: httpx.Client, page: httpx.Response, **typed: str) -> httpx.Response:
    """Send the form of a page that asks."""
    return desk.post(page.url, data=hidden(page) | typed)
