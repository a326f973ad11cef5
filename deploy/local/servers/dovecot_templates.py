"""Dovecot's settings with the fields of `dovecot.Settings`.

Sources: doc.dovecot.org/2.3/settings and doc.dovecot.org/2.4.1/core/summaries/settings.html.
"""

_BASE = """\
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
"""

_AUTH = """\
auth_mechanisms = plain login xoauth2 oauthbearer
# Reject a wrong password at once; the default delays repeated failures from one address.
auth_failure_delay = 0

"""

_LIMITS = """\
# A fallback: inotify reports changes first.
mailbox_idle_check_interval = 1 secs
# Room for a mail of 50 MB and a hundred sessions at once.
default_vsz_limit = 1G
default_process_limit = 1000
default_client_limit = 4000
first_valid_uid = {uid}
first_valid_gid = {gid}

"""

# `@unlimited@` makes one process serve all logins; the two versions name that setting differently.
_SERVICES = """\
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
  @unlimited@
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
  }}
}}
service pop3-login {{
  chroot =
  @unlimited@
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

V2_3 = (
    _BASE
    + """\
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.pem
disable_plaintext_auth = no
"""
    + _AUTH
    + """\
mail_location = maildir:~/Maildir
"""
    + _LIMITS
    + """\
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

"""
    + _SERVICES.replace("@unlimited@", "service_count = 0")
)

V2_3_OAUTH2 = """\
introspection_mode = post
introspection_url = http://127.0.0.1:{token_port}/introspect
username_attribute = username
active_attribute = active
active_value = true
"""

V2_4 = (
    """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
"""
    + _BASE
    + """\
ssl_server_cert_file = {folder}/server.pem
ssl_server_key_file = {folder}/server.pem
auth_allow_cleartext = yes
"""
    + _AUTH
    + """\
mail_driver = maildir
mail_path = ~/Maildir
namespace inbox {{
  inbox = yes
}}
"""
    + _LIMITS
    + """\
oauth2 {{
  introspection_mode = post
  introspection_url = http://127.0.0.1:{token_port}/introspect
  username_attribute = username
  active_attribute = active
  active_value = true
}}
passdb oauth2 {{
  mechanisms_filter = xoauth2 oauthbearer
}}
passdb passwd-file {{
  mechanisms_filter = plain login
  default_password_scheme = PLAIN
  auth_username_format = %{{user}}
  passwd_file_path = {folder}/users/%{{user}}
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {folder}/maildirs/%{{user}}
  }}
}}

"""
    + _SERVICES.replace("@unlimited@", "restart_request_count = unlimited")
)
