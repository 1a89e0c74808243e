"""What each command does, one module a family.

A command is a function of its context. It returns its exit code; what goes wrong is raised.

May import: errors, language, shops, text, times, configuration, orders, state, front, node,
reports, health, views, cycle, doctor.
May not: the grammar that leads to them.
"""
