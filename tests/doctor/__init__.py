"""The doctor, on real parts."""
