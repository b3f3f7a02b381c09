"""All that is odd and correct, where the suite must fail nothing."""

from . import surroundings, systems

ODD = (*systems.ODD, *surroundings.ODD)
"""Odd systems, and odd surroundings on any system."""
