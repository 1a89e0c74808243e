"""The Prometheus textfile and its alert rules, judged by promtool."""
