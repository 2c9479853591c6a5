"""The verbs of the product, one package for each subject; docs/flow.md tells them in the order a message travels.

accounts    the vendor accounts that campaigns are sent from
audience    users who must not be sent to
audit       the seals over what happened
planning    who gets a run, what it says, and its batches
runs        what operators do to a run, and its end by time
sending     one send, from the choice of a batch to its recorded outcome
reconcile   unknown batches: settled, searched for, decided
recall      recalls of runs, and the requests that unsend their messages
probe       one scheduled message, to learn what the vendor does with messages
handoff     runs that the vendor sends at their own time
schedules   occurrences that come due, and what operators do to a schedule
backup      a database that was restored
campaigns   drafts, and launching them
operations  acts on many runs at once, and long checks
access      who may act on what, and acts that are done once
lanes       what beat and workers call: the tick, and serving a lane
"""
