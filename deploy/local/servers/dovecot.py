"""The settings of the private mail server, for Dovecot 2.3 and 2.4, whose syntaxes differ."""

import grp
import pwd
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import LocalServerError
from deploy.local.servers import dovecot_templates as templates


@dataclass(frozen=True)
class Settings:
    """Folders, owner and ports of a Dovecot server.

    `folder` contains the certificates, accounts and mail. `scratch` contains the sockets, so its
    path must be short. Both paths must be ASCII without spaces and `%`, which the syntax cannot
    quote. All processes run as `uid` and `gid`, which must not be those of root. Each protocol has
    a port for STARTTLS and one for implicit TLS.
    """

    folder: Path
    scratch: Path
    uid: int
    gid: int
    imap_port: int
    imaps_port: int
    pop3_port: int
    pop3s_port: int
    token_port: int  # of the `tokens.TokenEndpoint` that validates tokens, if there is one

    def text(self, version: str) -> str:
        """The settings file for a `version` such as `2.3.19`.

        Raises LocalServerError if uid or gid has no name: Dovecot accepts no numbers.
        """
        try:
            user, group = pwd.getpwuid(self.uid).pw_name, grp.getgrgid(self.gid).gr_name
        except KeyError as error:
            hint = "run as a user of /etc/passwd with a group of /etc/group"
            raise LocalServerError(
                f"the user or group of the private mail server has no name: {hint}"
            ) from error
        template = templates.V2_3 if version.startswith("2.3.") else templates.V2_4
        return template.format(**vars(self), user=user, group=group)

    def oauth2_text(self) -> str:
        """The file `oauth2.conf` in `folder`, which version 2.3 reads."""
        return templates.V2_3_OAUTH2.format(token_port=self.token_port)
