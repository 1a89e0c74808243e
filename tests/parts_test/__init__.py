"""The parts themselves, tried: a judge that miscounts proves nothing."""
