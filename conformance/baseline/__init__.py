"""Baselines: what is known to deviate on a platform, each line with its reason and its source.

A baseline changes the exit status of a run, never a verdict. The files are in ``baselines/``;
README.md there is the page for who writes one.

    blocks      where each line stands in the text
    condition   the conditions of ``when`` and ``platform``
    file        reading a file, and choosing one
    judging     what became of each line in a run
    wording     what a new line says of the failures it lists
    update      rewriting a file from a run
    commands    ``python -m conformance baseline``
"""
