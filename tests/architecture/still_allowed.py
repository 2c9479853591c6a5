"""Files that break a rule still: each list only shrinks, and a file that keeps its rule must be taken off."""

from __future__ import annotations

STILL_ALLOWED: dict[str, frozenset[str]] = {
    "sentences_name_no_command": frozenset(
        {
            "flow/probe/ask.py",
        }
    ),
    "answers_have_types": frozenset(
        {
            "store/reconcile/questions.py",
            "store/sending/replies.py",
        }
    ),
    "edges_read_answers_by_attribute": frozenset(
        {
            "cli/demo/demo.py",
            "cli/demo/story.py",
            "cli/kit/output.py",
        }
    ),
    "edges_read_the_store_through_views": frozenset(
        {
            "cli/audience/suppress.py",
            "cli/audience/who.py",
            "cli/audit/audit.py",
            "cli/audit/kept_heads.py",
            "cli/campaigns/create_edit.py",
            "cli/demo/books.py",
            "cli/kit/in_force.py",
            "cli/runs/recipients.py",
            "cli/runs/runs.py",
            "cli/system/checks.py",
            "cli/system/hosts.py",
            "worker/tasks.py",
        }
    ),
}
"""The rules of `tests/architecture/answers.py`, by name."""

WITH_RIDDLES: frozenset[str] = frozenset(
    {
        "CHANGELOG.md",
        "campaigns/cli/campaigns/plan.py",
        "campaigns/cli/demo/story.py",
        "campaigns/cli/kit/help_pages/flags.py",
        "campaigns/cli/kit/help_pages/options.py",
        "campaigns/cli/kit/output.py",
        "campaigns/cli/kit/remedies.py",
        "campaigns/cli/kit/vendor.py",
        "campaigns/cli/runs/recipients.py",
        "campaigns/cli/runs/runs.py",
        "campaigns/cli/runs/watch.py",
        "campaigns/cli/schedules/explain.py",
        "campaigns/cli/system/database.py",
        "campaigns/cli/system/doctor.py",
        "campaigns/crashpoint.py",
        "campaigns/domain/messages/message.py",
        "campaigns/domain/schedules/handoff.py",
        "campaigns/domain/zone_hints.py",
        "campaigns/embedded/output.py",
        "campaigns/flow/handoff/follow.py",
        "campaigns/flow/planning/plan.py",
        "campaigns/flow/planning/skip_faulty.py",
        "campaigns/flow/recall/recall.py",
        "campaigns/flow/reconcile/picture.py",
        "campaigns/flow/runs/outlook.py",
        "campaigns/flow/schedules/arm.py",
        "campaigns/store/audience/suppressions.py",
        "campaigns/store/audit/canonical.py",
        "campaigns/store/audit/seals.py",
        "campaigns/store/backup/restored.py",
        "campaigns/store/proof/sent_counts.py",
        "campaigns/store/proof/trail.py",
        "campaigns/store/recall/recalls.py",
        "campaigns/store/reconcile/open_requests.py",
        "campaigns/store/runs/recipients.py",
        "campaigns/store/runs/runs.py",
        "campaigns/store/views/recalls.py",
        "campaigns/store/views/run_lines.py",
        "campaigns/store/views/tonight/runs.py",
        "campaigns/worker/app.py",
        "campaigns/worker/broker_guard.py",
        "campaigns/worker/wake_up.py",
        "docs/commands.md",
        "docs/schedules.md",
    }
)
"""Texts with a phrase of `tests/architecture/words.py`."""
