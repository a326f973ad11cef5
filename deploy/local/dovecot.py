"""The settings of the private mail server, in the syntax of Dovecot 2.3
(doc.dovecot.org/2.3/settings).
"""

import grp
import pwd
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import LocalServerError


@dataclass(frozen=True)
class Settings:
    """Folders, owner and ports of a Dovecot server.

    `folder` has the certificates, accounts and mail; `scratch` has the sockets, so its path must be
    short. Both paths must be ASCII without blanks and `%`, which the syntax cannot quote. All
    processes run as `uid` and `gid`, which must not be those of root. Each protocol has a port for
    STARTTLS and one for implicit TLS.
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

    def text(self) -> str:
        """The settings file.

        Raises LocalServerError if uid or gid has no name: Dovecot accepts no numbers.
        """
        try:
            user, group = pwd.getpwuid(self.uid).pw_name, grp.getgrgid(self.gid).gr_name
        except KeyError as error:
            hint = "run as a user of /etc/passwd with a group of /etc/group"
            raise LocalServerError(
                f"the user or group of the private mail server has no name: {hint}"
            ) from error
        return TEMPLATE.format(**vars(self), user=user, group=group)

    def oauth2_text(self) -> str:
        """The file `oauth2.conf` in `folder`."""
        return OAUTH2_TEMPLATE.format(token_port=self.token_port)


TEMPLATE = """\
instance_name = mailcase
protocols = imap pop3
listen = 127.0.0.1
base_dir = {scratch}
state_dir = {scratch}
log_path = /dev/stderr

# Rootless: every process runs as one user, without chroot, which only root can set up.
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}

ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.pem
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
# Reject a wrong password at once; the default delays repeated failures from one address.
auth_failure_delay = 0

mail_location = maildir:~/Maildir
# A fallback: inotify reports changes first.
mailbox_idle_check_interval = 1 secs
# Room for a mail of 50 MB and a hundred sessions at once.
default_vsz_limit = 1G
default_process_limit = 1000
default_client_limit = 4000
first_valid_uid = {uid}
first_valid_gid = {gid}

passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = scheme=PLAIN username_format=%u {folder}/users/%u
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/maildirs/%u
}}

service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service auth {{
  user = {user}
}}
service auth-worker {{
  user = {user}
}}
service imap-login {{
  chroot =
  # One process for all logins instead of one for each.
  service_count = 0
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
  }}
}}
service pop3-login {{
  chroot =
  service_count = 0
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = {pop3s_port}
  }}
}}
protocol imap {{
  mail_max_userip_connections = 1000
}}
protocol pop3 {{
  mail_max_userip_connections = 1000
}}
"""

OAUTH2_TEMPLATE = """\
introspection_mode = post
introspection_url = http://127.0.0.1:{token_port}/introspect
username_attribute = username
active_attribute = active
active_value = true
"""
