"""The floor of an idle cycle: what any Python program pays that reads YAML and asks the Front.

It imports PyYAML, SQLAlchemy and the driver, reads the files, connects, and runs one SELECT.
"""

import sys
from pathlib import Path

import sqlalchemy as sa
import yaml


def main() -> None:
    """`floor.py CONFIG_DIRECTORY URL HEAD`"""
    directory, url, head = sys.argv[1:]
    for name in ("service", "process", "integration_server", "database"):
        yaml.load(Path(directory, f"{name}.yml").read_bytes(), yaml.CSafeLoader)
    with sa.create_engine(url).connect() as connection:
        orders = sa.text("SELECT id, number, state, created_at FROM orders WHERE id > :head")
        connection.execute(orders, {"head": int(head)}).fetchall()


if __name__ == "__main__":
    main()
