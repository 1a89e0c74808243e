"""One cycle: what is to be done, doing it order by order, each step durable, and its aftermath.

May import: errors, language, shops, text, times, configuration, orders, state, front, node,
reports, views.
May not: doctor, or a person's commands.
"""
