"""`make nights`: play the five nights, and write docs/nights.md."""

from tests.nights.document import write

if __name__ == "__main__":
    write()
