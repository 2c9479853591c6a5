"""Any message that the rules allow, for properties."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from campaigns.domain.messages.fields import is_visible
from campaigns.domain.messages.message import Message, make_message

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(is_visible)
words = st.text(st.characters(codec="ascii", categories=["Ll", "Nd"]), min_size=1, max_size=12)
vault_ids = st.integers(1, 2**63 - 1).map(str)
one_use_ids = words.map("ofapi_media_{}".format)
lists = st.lists(words, max_size=4, unique=True)
numbers = st.lists(vault_ids, max_size=4, unique=True)
user_ids = st.integers(1, 2**63 - 1)
prices = st.one_of(
    st.just(Decimal(0)), st.decimals(min_value=3, max_value=200, places=2, allow_nan=False, allow_infinity=False)
)
moments = st.integers(0, 2**37).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@st.composite
def message_fields(draw: st.DrawFn, *, whole_lists: bool | None = None) -> dict[str, Any]:
    """The fields of one; `whole_lists`: whether it leaves the recipients to the vendor, None for either."""
    media = draw(st.lists(st.one_of(vault_ids, one_use_ids), max_size=5, unique=True))
    fields: dict[str, Any] = {
        "text": draw(texts),
        "locked_text": draw(st.none() | st.booleans()),
        "price": draw(st.none() | prices) if media else draw(st.none() | st.just(Decimal(0))),
        "media_files": media,
        "previews": draw(st.lists(st.sampled_from(media), unique=True)) if media else [],
        "giphy_id": draw(st.none() | words),
        "rf_tag": draw(numbers),
        "rf_partner": draw(numbers),
        "rf_guest": draw(numbers),
        "scheduled_date": draw(st.none() | moments),
        "save_for_later": draw(st.booleans()),
        "block_banned_words": draw(st.sampled_from([None, "strict_ban", "risky", "replace_soften"])),
        "excluded_lists": draw(lists),
        "text_mode": draw(st.sampled_from([None, "plain"])),
    }
    if whole_lists is not False:
        own = words.filter(lambda name: name not in fields["excluded_lists"])
        fields["user_lists"] = draw(st.lists(own, min_size=1 if whole_lists else 0, max_size=4, unique=True))
        if fields["scheduled_date"] is None and not fields["save_for_later"]:
            fields["subscribed_within_last_days"] = draw(st.none() | st.integers(1, 30))
    return fields


def messages(*, whole_lists: bool | None = None) -> st.SearchStrategy[Message]:
    return message_fields(whole_lists=whole_lists).map(make_message)
