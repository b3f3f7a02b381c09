"""The commands that read results files: ``matrix``, ``compare``, ``verify``, ``submit``.

What they do is in ``report/`` and ``matrix/``, which know nothing of the suite; here they are told
what the suite at hand asks.
"""
