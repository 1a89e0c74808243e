"""The domain: an order, its record and its journey, gaps and ranges of ids, and every event.

May import: language, text.
May not: what reads, writes, waits or looks at a clock: each decision here is pure.
"""
