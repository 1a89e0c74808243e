"""The Front's database, read only: keyset reads, and deadlines for whoever does not answer.

May import: errors, configuration, orders.
May not: the checkpoint or the node: what is read is not judged here.
"""
