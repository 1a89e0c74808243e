"""The doctor behind `ordermonit check`: what is wrong here, and what to do about it.

Each part is a generator of findings. It goes as far as it can, and changes nothing.

May import: errors, rights, shops, text, times, configuration, orders, state, front, node, health,
cycle.
May not: reports, commands: it is asked, and what it finds is told by others.
"""
