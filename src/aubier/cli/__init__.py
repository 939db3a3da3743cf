"""Floor 9: the command line. `aubier --help` lists the commands.

Every command finds its instance by `--data DIR` (or AUBIER_DATA), running or stopped. What goes wrong is
said in a sentence and gives an exit code of its own (see `aubier.cli.speech.EXIT`).
"""

from aubier.cli.commands import main

__all__ = ["main"]
