"""What a schedule should come to, by a small model that shares no code with the product: minutes, lists and the rules.

Times are whole seconds since midnight; a schedule is the set of minutes of an hour at which it comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Entry:
    """A run that was opened to send."""

    number: int
    opened: int
    behind: Entry | None = None  # waits until that has ended
    state: str = "due"

    @property
    def open(self) -> bool:
        """Whether it still stands in somebody's way."""
        return self.state in {"due", "planned"}

    @property
    def waits(self) -> bool:
        """Whether its turn has not come."""
        return self.state == "due" and self.behind is not None and self.behind.open


@dataclass
class Model:
    """One campaign with its schedule."""

    minutes: frozenset[int]
    misfire: str
    grace: int
    overlap: str
    most: int | None
    now: int
    paused: bool = False
    ended: bool = False
    seen: int = field(init=False)  # all occurrences up to then were dealt with
    rows: dict[int, Entry | None] = field(default_factory=dict)  # None: skipped
    runs: list[Entry] = field(default_factory=list)
    numbers: int = 0

    def __post_init__(self) -> None:
        self.seen = self.now

    def look(self) -> None:
        """A beat looks."""
        if self.ended:
            return
        found = [at for at in range(self.seen + 1, self.now + 1) if self._comes(at) and at not in self.rows]
        for place, at in enumerate(found):
            if not self._may_have_more():
                break
            self._deal_with(at, newest=place == len(found) - 1)
        self.seen = self.now
        self.ended = not self._may_have_more()

    def edit(self, minutes: frozenset[int]) -> None:
        """Another schedule."""
        self.look()
        self.minutes = minutes

    def pause(self) -> bool:
        """The schedule is paused; False when it cannot be."""
        self.look()
        if self.ended or self.paused:
            return False
        self.paused = True
        return True

    def resume(self) -> bool:
        """It goes on; False when it cannot."""
        self.look()
        if self.ended or not self.paused:
            return False
        self.paused = False
        return True

    def skip_next(self) -> bool:
        """The next occurrence is skipped; False when there is none."""
        self.look()
        if self.ended:
            return False
        at = self.seen + 1
        while not self._comes(at) or at in self.rows:
            at += 1
        self.rows[at] = None
        self.numbers += 1
        return True

    def by_hand(self) -> None:
        """A launch at once."""
        self._open(Entry(0, self.now, state="planned"))

    def work(self) -> None:
        """Whatever may start is sent to its end."""
        self.look()
        turn = [run for run in self.runs if run.open and not run.waits]
        for run in turn:
            others = [one for one in turn if one is not run and one.open and not one.waits]
            going_on = [one for one in others if one.state == "planned" or one.number < run.number]
            if run.state == "due" and run.behind is not None and going_on:
                run.behind = going_on[-1]
            else:
                run.state = "planned"
        for run in self.runs:
            if run.state == "planned":
                run.state = "finished"

    def cancel_all(self) -> None:
        """An operator cancels what is open."""
        for run in self.runs:
            if run.open:
                run.state = "cancelled"

    def states(self) -> dict[int, str]:
        """Where each occurrence stands."""
        return {at: "skipped" if run is None else run.state for at, run in self.rows.items()}

    def _comes(self, at: int) -> bool:
        return at % 60 == 0 and at // 60 % 60 in self.minutes

    def _may_have_more(self) -> bool:
        return self.most is None or sum(run is not None for run in self.rows.values()) < self.most

    def _deal_with(self, at: int, *, newest: bool) -> None:
        late = self.now - at
        too_late = late > self.grace or (self.misfire == "once" and late > 60 and not newest)
        if self.paused or too_late or not self._place(at, missed=self.misfire == "all"):
            self.rows[at] = None
            self.numbers += 1

    def _place(self, at: int, *, missed: bool) -> bool:
        """Whether the occurrence is opened; the earlier runs make room, or it waits."""
        earlier = [run for run in self.runs if run.open]
        then = [run for run in earlier if run.opened < at] if missed else earlier
        if self.overlap == "cancel":
            self.cancel_all()
            earlier = []
        elif then and (self.overlap == "skip" or any(run.waits for run in then)):
            return False
        self.rows[at] = self._open(Entry(0, self.now, self._last(earlier)))
        return True

    def _last(self, earlier: list[Entry]) -> Entry | None:
        """Whom nobody waits for yet: who waits himself comes before who goes on."""
        free = [run for run in earlier if not any(one.waits and one.behind is run for one in earlier)]
        return max(free, key=lambda run: (run.waits, run.number), default=None)

    def _open(self, run: Entry) -> Entry:
        self.numbers += 1
        run.number = self.numbers
        self.runs.append(run)
        return run
