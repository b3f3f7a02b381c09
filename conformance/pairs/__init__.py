"""Every sender with every receiver: who understands whom, and what is lost between them.

Two fresh processes for each pair, joined by pairs of sockets, one for each trial. Nobody is judged:
a passer that refuses what another one sends may be quite right.
"""
