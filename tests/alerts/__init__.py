"""Alerts and the ping, sent by the real libraries to real servers."""
