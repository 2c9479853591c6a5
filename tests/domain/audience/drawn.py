"""User IDs and sets of them, drawn by Hypothesis."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pyroaring import BitMap64

from campaigns.domain.audience.user_sets import (
    LARGEST_USER_ID,
)

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""


user_ids = st.one_of(
    st.integers(1, 3000), st.integers(1, LARGEST_USER_ID), st.sampled_from([1, LARGEST_USER_ID, 2**32, 2**32 - 1])
)


user_sets = st.sets(user_ids, max_size=200).map(BitMap64)
