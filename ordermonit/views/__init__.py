"""What people look at who have no terminal: the report of a span of time, and the status page.

May import: errors, language, shops, text, times, orders, state, health, reports.
May not: the Front, the node, or how a command is typed.
"""
