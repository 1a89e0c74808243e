"""Is it well, since when, and what comes next: by what systemd, journal and checkpoint say.

May import: errors, language, shops, text, times, orders, state.
May not: what writes or asks the node: it only looks.
"""
