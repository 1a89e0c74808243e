"""The doctor behind `ordermonit check`: what is wrong here, and what to do about it.

Each part is a generator of findings. It goes as far as it can, and changes nothing.
"""
