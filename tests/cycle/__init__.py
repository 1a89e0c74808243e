"""Whole cycles on real parts: OpenSSH, rake, a database, and the stand-in for Abacos."""
