"""The one command of the project: names the subcommands and loads each only when it is asked for.

Rule: nothing here imports a third-party package, so that the command starts on a device that has only the
`edge` extra.
"""
