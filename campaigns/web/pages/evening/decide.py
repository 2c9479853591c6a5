"""Record what became of unknown batches: choose the batches and the verdict, then confirm it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from campaigns.domain.errors import NotFound
from campaigns.domain.printable import MOST_NAMED
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import BatchState
from campaigns.flow.access.allow import allow_run
from campaigns.flow.reconcile.decide import Verdict
from campaigns.flow.reconcile.decide import decide as decide_run
from campaigns.flow.reconcile.resend import preview_resend
from campaigns.flow.runs.acts import NEEDS, RunAct
from campaigns.store.views.progress.batch_list import named_batches
from campaigns.store.views.progress.run_heads import run_head
from campaigns.web.desk import Desk, Here, Sender
from campaigns.web.kit.acts import Question, act_once, ask
from campaigns.web.kit.pages import page
from campaigns.web.pages.evening.run_acts import Number, Text
from campaigns.web.pages.evening.typed import RunId, batch_numbers, number_ranges, require_typed
from campaigns.web.pages.evening.words import counted, people

routes = APIRouter(prefix="/runs/{run_id}")

FIRST_WORDS = 60
"""Characters of a message that the question shows."""

LONGEST_LIST = 500_000
"""Characters of a list of batch numbers."""

CONSEQUENCES: dict[Verdict, str] = {
    "accepted": "It is recorded that the vendor took them. They are never sent again.",
    "not-sent": "It is recorded that they were not sent. A rerun may then send to these fans: if they have the message "
    "after all, they get it twice.",
    "resend": "Nobody knows whether these fans have it: those who have it get it twice. This cannot be undone.",
}

BUTTONS: dict[Verdict, str] = {
    "accepted": "Record as accepted",
    "not-sent": "Record as not sent",
    "resend": "Send again what is unknown",
}


@routes.get("/decide")
def ask_to_decide(
    request: Request,
    desk: Here,
    by: Sender,
    run_id: RunId,
    *,
    verdict: Literal["", "accepted", "not-sent", "resend"] = "",
    batches: str = "",
    message_id: str = "",
    despite: str = "",
) -> Response:
    """Let somebody choose; with a verdict, ask whether it is meant."""
    allow_run(desk.store, by, NEEDS[RunAct.DECIDE], run_id)
    if not verdict:
        with desk.store.read() as connection:
            run, unknown = run_head(connection, run_id), named_batches(connection, run_id, None)
        recipients = sum(each.size for each in unknown.values())
        return page(
            request,
            "runs/decide.html",
            by=by,
            run=run,
            batches=batches,
            unknown=counted(len(unknown), "batch"),
            whom=people(recipients, whole_list=run.whole_list),
        )
    chosen = {"verdict": verdict, "batches": batches, "message_id": message_id.strip(), "despite": despite}
    return ask(request, by, _question(desk, run_id, verdict, chosen))


def _question(desk: Desk, run_id: int, verdict: Verdict, chosen: dict[str, str]) -> Question:
    """The question about exactly these batches. Raises NotFound, and what `preview_resend` raises."""
    seqs = batch_numbers(chosen["batches"])
    with desk.store.read() as connection:
        run, named = run_head(connection, run_id), named_batches(connection, run_id, seqs)
    wanted = sorted(named) if seqs is None else seqs
    missing = [seq for seq in wanted if seq not in named]
    if missing or not wanted:
        what = f"no batch {missing[0]}" if missing else "no unknown batch"
        raise NotFound(f"Run {run_id} has {what}.", Remedy(Do.LIST_BATCHES, run=run_id))
    unknown = [seq for seq in wanted if named[seq].state is BatchState.UNKNOWN]
    whom = people(sum(named[seq].size for seq in wanted), whole_list=run.whole_list)
    lines = [CONSEQUENCES[verdict], _which(wanted)]
    lines += [f"Batch {seq} is {named[seq].state}: this overrules it." for seq in wanted if seq not in unknown][
        :MOST_NAMED
    ]
    if verdict == "resend":
        resend = preview_resend(desk.store, run_id, seqs=wanted, despite=_ids(chosen["despite"]))
        price = "free" if resend.price is None else f"${resend.price}"
        lines.append(f"Message ({price}): {resend.text[:FIRST_WORDS]}")
        lines.append(f"It takes {counted(len(wanted), 'request')}, a credit each.")
    if chosen["message_id"]:
        lines.append(f"Its message is {chosen['message_id']}.")
    if chosen["despite"]:
        lines.append(f"You say that its fans do not have message {chosen['despite']}.")
    return Question(
        f"Decide about run r{run_id}",
        f'{BUTTONS[verdict]}: {counted(len(wanted), "batch")} with {whom} of run r{run_id} of "{run.campaign}" '
        f"on {run.account}?",
        BUTTONS[verdict],
        f"/runs/{run_id}",
        is_grave=True,
        type_name=run.campaign if verdict == "resend" else None,
        fields={**chosen, "batches": number_ranges(wanted), "shown": str(len(unknown))},
        lines=lines,
    )


def _which(wanted: list[int]) -> str:
    named = number_ranges(wanted[:MOST_NAMED])
    more = len(wanted) - MOST_NAMED
    return f"Batches {named}{f' and {more:,} more' if more > 0 else ''}."


def _ids(text: str) -> list[str]:
    return text.replace(",", " ").split()


@routes.post("/decide")
def decide(
    request: Request,
    desk: Here,
    by: Sender,
    run_id: RunId,
    *,
    verdict: Annotated[Literal["accepted", "not-sent", "resend"], Form()],
    batches: Annotated[str, Form(min_length=1, max_length=LONGEST_LIST)],
    reason: Text,
    shown: Number,
    key: Text,
    message_id: Text = "",
    despite: Annotated[str, Form(max_length=5000)] = "",
    typed: Text = "",
) -> Response:
    """Record the decision about the batches that the question showed."""
    allow_run(desk.store, by, NEEDS[RunAct.DECIDE], run_id)
    if verdict == "resend":
        _require_name(desk, run_id, typed)
    form = {"verdict": verdict, "batches": batches, "message_id": message_id, "despite": despite, "shown": str(shown)}
    return act_once(
        request,
        desk.store,
        by,
        {**form, "reason": reason, "key": key},
        lambda store: decide_run(
            store,
            run_id,
            seqs=batch_numbers(batches),
            verdict=verdict,
            message_id=message_id.strip() or None,
            despite=_ids(despite),
            reason=reason,
            shown=shown,
            actor=by.actor,
        ),
        to=f"/runs/{run_id}",
        sentence=lambda answer: f"Decided as {verdict}: {counted(len(answer['batches']), 'batch')} of run r{run_id}.",
    )


def _require_name(desk: Desk, run_id: int, typed: str) -> None:
    with desk.store.read() as connection:
        require_typed(typed, run_head(connection, run_id).campaign)
