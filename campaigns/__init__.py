"""A campaign queue that messages nobody twice, loses nobody, and can prove it from its database.

How a message travels, with the file of each verb below `campaigns/flow/`:

due        schedules/due.py        a campaign's time has come: open one run, exactly once
plan       planning/plan.py        freeze who gets it: the audience minus everybody who must be left out
split      planning/split.py       cut the recipients into batches, disjoint by construction
send       sending/send.py         commit the attempt, POST, pass the outcome on
record     sending/record.py       settle attempt, batch and run from an outcome, in one transaction
search     reconcile/search.py     search the vendor's queue for a batch whose outcome is unknown
rerun      runs/rerun.py           an operator opens a child run over those who were provably not reached
"""

__version__ = "0.1.0"
