"""`mailcase completion`: commands and options for the completion of a shell."""

from typing import Annotated, Literal

from cyclopts import Parameter

Shell = Annotated[Literal["bash", "zsh", "fish"], Parameter(help="The shell: bash, zsh or fish.")]


def completion(shell: Shell, /) -> None:
    """Print a script that completes commands and options.

    bash: write it to ~/.local/share/bash-completion/completions/mailcase. zsh: write it to a file
    `_mailcase` in a folder of `fpath`. fish: write it to ~/.config/fish/completions/mailcase.fish.
    """
    from services.cli.application import app  # noqa: PLC0415 - the application imports this module by its name

    print(app.generate_completion(prog_name="mailcase", shell=shell))
