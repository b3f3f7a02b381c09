"""Platforms that one Debian machine can be, or imitate: each booted or entered, and the suite run.

Which there are, and what each is expected to show, stands in ``ci/platforms.toml``. All that is
made for them is kept in ``out/guests/made``; an errand's folder is taken away with it.
"""
