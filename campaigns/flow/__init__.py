"""One verb per file, in the order a message travels: due, plan, split, send, record, reconcile, rerun.

Beside them `control`: what operators may change, and when.
"""
