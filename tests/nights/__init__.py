"""Five nights of the person on call, on real parts; `docs/nights.md` is what they see.

`python -m tests.nights` plays them and writes that document; the tests play them again and compare.
"""
