"""The fence book: Redis and a file, either of which is enough to know the highest fence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.adapters.redis.fence_book import SLOT, KeptFences
from campaigns.domain.errors import FencesAway
from tests.adapters.conftest import OwnRedis

LANE = "acct_one@20260302T120000.000000"


@pytest.fixture
def book(own_redis: OwnRedis, tmp_path: Path) -> Iterator[KeptFences]:
    made = KeptFences(own_redis.url, tmp_path)
    yield made
    made.close()


def file_of(home: Path) -> Path:
    return home / "fences" / LANE


def highest(book: KeptFences, lane: str) -> int | None:
    noted = book.noted(lane)
    return max((fence for fence in (noted.shared, noted.here) if fence is not None), default=None)


def test_a_first_start_knows_nothing(book: KeptFences) -> None:
    assert highest(book, LANE) is None


def test_the_highest_fence_is_kept_and_a_late_lower_one_changes_nothing(book: KeptFences) -> None:
    for fence in (3, 7, 5, 8, 6):
        book.note(LANE, fence)

    assert highest(book, LANE) == 8
    assert highest(book, "acct_two@x") is None


def test_a_redis_that_was_emptied_is_made_up_for_by_the_file(book: KeptFences, own_redis: OwnRedis) -> None:
    book.note(LANE, 12)

    own_redis.flush()

    assert highest(book, LANE) == 12


def test_without_redis_the_file_tells_of_a_fence_that_was_used_before(book: KeptFences, own_redis: OwnRedis) -> None:
    assert book.note(LANE, 5)
    own_redis.flush()
    assert not book.note(LANE, 4)
    assert book.claim(LANE, 4, []).highest == 5
    assert book.claim(LANE, 6, []).highest < 6


def test_a_lost_file_is_made_up_for_by_redis(book: KeptFences, tmp_path: Path) -> None:
    book.note(LANE, 12)

    file_of(tmp_path).unlink()

    assert highest(book, LANE) == 12
    book.note(LANE, 13)
    assert highest(book, LANE) == 13


def test_another_host_reads_it_in_redis(book: KeptFences, own_redis: OwnRedis, tmp_path: Path) -> None:
    book.note(LANE, 12)

    other = KeptFences(own_redis.url, tmp_path / "another home")

    assert highest(other, LANE) == 12
    other.close()


def test_a_file_cut_off_anywhere_never_says_too_much(book: KeptFences, own_redis: OwnRedis, tmp_path: Path) -> None:
    for torn in range(2 * SLOT + 1):
        file_of(tmp_path).unlink(missing_ok=True)
        own_redis.flush()
        book.note(LANE, 41)
        book.note(LANE, 42)
        file_of(tmp_path).write_bytes(file_of(tmp_path).read_bytes()[:torn])
        own_redis.flush()

        assert highest(book, LANE) in {None, 41, 42}
        book.note(LANE, 43)
        own_redis.flush()
        assert highest(book, LANE) == 43


def test_a_slot_torn_while_it_was_written_leaves_the_fence_before(
    book: KeptFences, own_redis: OwnRedis, tmp_path: Path
) -> None:
    book.note(LANE, 41)
    book.note(LANE, 42)
    content = bytearray(file_of(tmp_path).read_bytes())
    at = content.index(b"42")
    content[at : at + 2] = b"99"
    file_of(tmp_path).write_bytes(content)
    own_redis.flush()

    assert highest(book, LANE) == 41


def test_without_redis_nothing_is_noted_or_told(book: KeptFences, own_redis: OwnRedis) -> None:
    own_redis.kill()

    with pytest.raises(FencesAway):
        book.note(LANE, 12)
    with pytest.raises(FencesAway):
        highest(book, LANE)

    own_redis.start()
    assert highest(book, LANE) == 12, "the file was written, which is harmless: nothing was sent under it"


def test_a_home_that_cannot_be_written_stops_the_sending(own_redis: OwnRedis, tmp_path: Path) -> None:
    (tmp_path / "fences").write_text("in the way")
    book = KeptFences(own_redis.url, tmp_path)

    with pytest.raises(FencesAway):
        book.note(LANE, 12)
    book.close()


def test_many_threads_and_books_at_once_keep_the_highest(own_redis: OwnRedis, tmp_path: Path) -> None:
    books = [KeptFences(own_redis.url, tmp_path) for _ in range(4)]

    def note(book: KeptFences, first: int) -> None:
        for fence in range(first, 200, 4):
            book.note(LANE, fence)

    threads = [threading.Thread(target=note, args=(book, first)) for first, book in enumerate(books)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    own_redis.flush()

    assert highest(books[0], LANE) == 199
    for book in books:
        book.close()
