"""The results file, and all that is drawn from it.

Nothing here imports the harness: a report is made from a results file, on another machine, later.
"""
