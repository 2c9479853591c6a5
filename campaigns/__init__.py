"""A campaign queue that messages nobody twice, loses nobody, and can prove it from its database.

How a message travels, one verb per file of `campaigns.flow`:

due        a campaign's time has come: open one run, exactly once
plan       freeze who gets it: the audience minus everybody who must be left out
split      cut the recipients into batches, disjoint by construction
send       claim the account's lane, ask for pace, commit the attempt, POST, hand over the outcome
record     settle attempt, batch and run from an outcome, in one transaction
reconcile  attempts whose worker is gone become unknown, never ready; the vendor's queue is searched for them
rerun      an operator opens a child run over those who were provably not reached
"""

__version__ = "0.1.0"
