"""The demo's story: one campaign from a file to the last decision, with the flow that every command uses."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.adapters.upstream.sandbox_record import SandboxRecord
from campaigns.cli.demo.telling import Telling
from campaigns.cli.kit.output import counted, one_line
from campaigns.cli.kit.recipient_files import read_file
from campaigns.cli.kit.vendor import ask_about_key
from campaigns.cli.runs.progress import Rates
from campaigns.cli.runs.watch import looks
from campaigns.domain.ids import campaign_name, run_name
from campaigns.domain.messages.message import make_message
from campaigns.domain.states import BatchState
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.audience.suppress import suppress
from campaigns.flow.campaigns.drafts import Draft, create_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.planning.preview import preview
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.runs.outlook import end_of
from campaigns.flow.runs.rerun import rerun
from campaigns.store.views import batches as batch_views
from campaigns.store.views import events as event_views
from campaigns.store.views import runs as run_views
from campaigns.store.views.events import EventView

if TYPE_CHECKING:
    from campaigns.store.views.batches import AttemptView
    from campaigns.store.views.runs import RunView
    from campaigns.wiring import Parts

FOLDER = Path(__file__).resolve().parents[2] / "demo"
ACCOUNT = "acct_demo"
ACTOR = "operator:demo"
TEXT = "Tonight at nine: the long version. Who is in?"


@dataclass(slots=True)
class Story:
    """The steps of the demo; each is printed when it happens."""

    parts: Parts
    record: SandboxRecord
    telling: Telling
    killed: list[int] = field(default_factory=list)  # workers, by process ID

    def play(self) -> None:
        """Play the whole story. Raises CampaignsError when a step is refused."""
        self._prepare()
        campaign_id = self._create()
        run_id = self._launch(campaign_id)
        self._follow(run_id)
        self._decide(run_id)
        self._rerun(run_id)

    def _prepare(self) -> None:
        store, upstream = self.parts.store, self.parts.upstream_name
        team, _ = ask_about_key(self.parts)
        add_account(store, ACCOUNT, upstream=upstream, team=team, name="Demo", actor=ACTOR)
        self.telling.step("accounts", f"{ACCOUNT} is added; its vendor is the local sandbox")
        reading = read_file(str(FOLDER / "suppressed.csv"), option="FILE")
        done = suppress(store, reading.users, account_id=None, reason="asked not to be written", actor=ACTOR)
        self.telling.step("suppress", f"{counted(done.added, 'user')} of suppressed.csv must not be written to")

    def _create(self) -> int:
        fans = read_file(str(FOLDER / "fans.csv"), option="--users")
        draft = Draft(
            "Friday",
            ACCOUNT,
            make_message({"text": TEXT, "text_mode": "plain"}),
            fans,
            "fans.csv",
            self.parts.limits.batch_size,
        )
        campaign = create_campaign(self.parts.store, draft, actor=ACTOR)
        dropped = counted(fans.duplicates, "duplicate")
        self.telling.step(
            "create",
            f"campaign {campaign_name(campaign.id)} for {len(fans.users):,} fans of fans.csv, {dropped} dropped",
        )
        return campaign.id

    def _launch(self, campaign_id: int) -> int:
        store = self.parts.store
        plan = preview(store, campaign_id, self.parts.limits)
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in plan.excluded.items())
        self.telling.step(
            "plan",
            f"{plan.recipients or 0:,} recipients in {plan.requests:,} requests of {plan.batch_size}; "
            f"left out: {left_out}",
        )
        self.record.put_faults((FOLDER / "faults.yaml").read_text(encoding="utf-8"))
        self.telling.step("sandbox", "will throttle, refuse two fans, lose a reply, drop a request and let one hang")
        upstream = self.parts.upstream_name
        launched = launch(store, campaign_id, upstream=upstream, plan_hash=plan.hash, actor=ACTOR)
        self.telling.step("launch", f"run {run_name(launched.run_id)}, exactly as planned (hash {plan.hash[:8]})")
        assert launched.run_id is not None  # this campaign has no schedule
        return launched.run_id

    def _follow(self, run_id: int) -> None:
        """Watch a run to its end, and kill its worker on the way while a request hangs."""
        rates = Rates()
        with self.telling.progress() as shown:
            for look in looks(self.parts, run_id):
                rates.add(look)
                shown(look, rates)
                if not self.killed and self.record.struck("hang"):
                    self._kill_worker(run_id, look.run)
                if end_of(look.run) is not None:
                    return

    def _kill_worker(self, run_id: int, run: RunView) -> None:
        """Kill the worker of a run with SIGKILL while the vendor has its request and has not replied."""
        owner = None if run.lane is None else run.lane.owner
        if owner is None:
            return
        process = int(owner.split(":")[-2])  # see wiring.worker_name
        with self.parts.store.read() as connection:
            open_batches = [row.batch for row in batch_views.attempts(connection, run_id) if row.outcome is None]
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        self.killed.append(process)
        batch = f"batch {open_batches[0]} is in flight" if open_batches else "it is between two requests"
        self.telling.aside(f"kill -9 of the worker (process {process}) while {batch}; the supervisor starts another")

    def _decide(self, run_id: int) -> None:
        run, unknown = self._unknowns(run_id)
        named = ((run.accepted, "accepted"), (run.rejected, "rejected"), (run.unknown, "unknown"))
        counts = ", ".join(f"{count:,} {name}" for count, name in named if count)
        self.telling.step("runs show", f"run {run_name(run_id)} has ended: {counts}")
        for event in self._settled_by_search(run_id):
            self.telling.aside(
                f"batch {event.batch} was unknown, and found in the vendor's queue as message "
                f"{(event.detail or {}).get('message_id')}: accepted, never again"
            )
        for row in unknown:
            self.telling.aside(f"batch {row.batch} is unknown: {one_line(row.error or 'the vendor did not reply')}")
        if not unknown:
            return
        self.telling.step("decide", "the demo reads the sandbox's record; an operator would look at the vendor:")
        accepted = {send.request_sha256: send.message_id for send in self.record.accepted()}
        for row in unknown:
            self._decide_one(run_id, row.batch, accepted.get(row.request_sha256))

    def _decide_one(self, run_id: int, batch: int, message_id: str | None) -> None:
        if message_id is None:
            decide(
                self.parts.store,
                run_id,
                seqs=[batch],
                verdict="not-sent",
                reason="not in the vendor's record",
                actor=ACTOR,
            )
            self.telling.aside(f"batch {batch} is not in the record: --as not-sent, so it may be sent again", "green")
            return
        decide(
            self.parts.store,
            run_id,
            seqs=[batch],
            verdict="accepted",
            message_id=message_id,
            reason="in the vendor's record",
            actor=ACTOR,
        )
        self.telling.aside(f"batch {batch} was accepted as message {message_id}: --as accepted, never again", "green")

    def _settled_by_search(self, run_id: int) -> list[EventView]:
        """The events of unknown batches that the search at the vendor settled without a person."""
        with self.parts.store.read() as connection:
            return [event for event in event_views.events(connection, run_id) if event.kind == "unknown_found"]

    def _unknowns(self, run_id: int) -> tuple[RunView, list[AttemptView]]:
        with self.parts.store.read() as connection:
            run = run_views.run_of(connection, run_id)
            attempts = batch_views.attempts(connection, run_id)
            seqs = {row.seq for row in batch_views.batches(connection, run_id, state=BatchState.UNKNOWN)}
        last = {row.batch: row for row in attempts if row.batch in seqs}
        return run, list(last.values())

    def _rerun(self, run_id: int) -> None:
        # The two fans who could not be messaged can be now.
        self.record.put_faults("answer_seconds: 0.02")
        again = rerun(
            self.parts.store,
            run_id,
            upstream=self.parts.upstream_name,
            states=frozenset({BatchState.REJECTED, BatchState.CANCELLED}),
            reason="the vendor is well again",
            actor=ACTOR,
        )
        child = again.child
        self.telling.step(
            "rerun", f"run {run_name(child)} for the {again.recipients:,} whom run {run_name(run_id)} did not reach"
        )
        self._follow(child)
