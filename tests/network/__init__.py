"""Faults of the network between the monitor and its node, with real parts in two namespaces."""
