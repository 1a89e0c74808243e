"""Finds every order that never reached the ERP, and puts it right."""

__version__ = "1.0.0"
