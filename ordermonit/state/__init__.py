"""The state directory: what survives a crash. Lock, checkpoint, pause, the former one's checkpoint.

May import: errors, times, orders.
May not: what knows of a database, a network or a person.
"""
