"""Who is told: journald, terminal, file, systemd, Prometheus, and the alerts' channels.

May import: errors, language, shops, text, times, configuration, orders, state.
May not: the node or the Front: it tells what others found.
"""
