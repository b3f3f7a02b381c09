"""The second tier: programs that are heavy or want privileges; `pytest --interop=all` runs it."""
