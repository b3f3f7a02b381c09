"""Interoperability: fdpass talks to programs that nobody here wrote.

A module for each program, which it says how to find. One that is not installed is skipped, in
words that name the Debian package; `ci/interop.py` installs them all.
"""
