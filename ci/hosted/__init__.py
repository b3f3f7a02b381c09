"""Workflows for hosted machines, made from the table of platforms.

``python -m ci.hosted`` writes ``.github/workflows/``; ``--check`` says whether they are as they
should be. ``templates/`` has what a person writes, ``pins.toml`` the commit of each action.
"""
