"""What a check of a passer stands on.

A bench gives it players, each a peer program in a process of its own with its books; tokens, by
which it is heard what was written through a descriptor; transports, which join two peers; and
deadlines, so that nothing waits for ever. From above: bench, transports, raw, tokens, player,
nursery, held, peer, lines, spawn, channels, patience; and series, which pass hundreds in one order.
"""
