"""What a vendor hands in, and how it is verified: a results file, its evidence, and a statement.

Nothing here imports the harness. ``verify`` holds a results file against what the suite asks,
``statement`` writes the page that is signed, ``folder`` packs all of it and looks whether it is as
it was packed, ``signature`` asks ssh-keygen who signed.
"""
