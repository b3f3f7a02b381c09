"""One run on many machines at once, over ssh; nothing has to be there but Python.

`hosts` reads who is to be visited, `visit` is one machine from the first word to the results file,
`conduct` lets many visits take place at once and breaks off what is late, `worker` is what runs on
the other side, `state` remembers how each ended.

Of execnet the gateway is used, and not its way of starting ssh: that splits options at blanks, and
keeps the process to itself until Python has answered, which a hung machine never does.
"""
