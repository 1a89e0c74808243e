"""Four YAML files in; one frozen `Configuration`, or all their problems at once, out."""

from ordermonit.configuration.settings import (
    Configuration,
    Database,
    FollowPayments,
    Node,
    Process,
    Service,
)

__all__ = ["Configuration", "Database", "FollowPayments", "Node", "Process", "Service"]
