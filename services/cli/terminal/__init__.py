"""Options, output and progress of the commands."""
