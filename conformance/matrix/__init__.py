"""Many results files, and the facts beside them, as one page: platforms against checks.

Nothing here imports the harness: the files are read on another machine, later. ``platforms`` says
which platform a file is of, ``cells`` what became of a check there, ``whole`` joins all into one
document; ``page``, ``markdown`` and ``badges`` draw it.
"""
