"""Real parts: database servers, an SSH server, a Rails-like node, and a stand-in for Abacos.

Each is private: a temporary directory, a free port on loopback, gone at the end.
"""
