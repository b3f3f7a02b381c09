"""Peers to begin with: each is whole, and small enough to be read in a minute."""
