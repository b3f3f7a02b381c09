"""Options that several commands take."""

from __future__ import annotations

import click

timeout_scale = click.option(
    "--timeout-scale",
    default=1.0,
    type=click.FloatRange(min=0, min_open=True),
    metavar="FACTOR",
    help="Stretch all deadlines, for slow systems.",
)
