"""Checks of raw system calls: recorded as scripts, run as stand-alone programs; see README.md."""
