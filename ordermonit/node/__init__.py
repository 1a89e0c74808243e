"""The one integration point: SSH, the remote rake, and what its answers mean.

May import: errors, rights, text, configuration, orders.
May not: records and files of ours: it is asked one thing, and answers.
"""
