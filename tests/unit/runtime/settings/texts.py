"""Valid settings for tests to change."""

WHOLE = """
[broker]
url = "amqp://guest:hunter2@127.0.0.1:5672/"
[store]
url = "mongodb://u:hunter2@a.example,b.example:27018/?replicaSet=rs0&tlsCertificateKeyFilePassword=hunter2"

[server.corp]
protocol = "imap"
host = "imap.example.com"

[process.invoices]
title = "Cost invoice circulation"
[[process.invoices.stage]]
name = "registration"
initial = true
next = ["approval"]
[[process.invoices.stage]]
name = "approval"
[[process.invoices.mailbox]]
server = "corp"
address = "invoices@example.com"
password_file = "secrets/invoices"
"""
SECOND_MAILBOX = """
[[process.invoices.mailbox]]
name = "second"
server = "corp"
address = "second@example.com"
password_env = "SECOND"
"""

# Processes with one mailbox, two and none.
THREE_PROCESSES = """
[server.corp]
protocol = "imap"
host = "imap.example.com"
[process.invoices]
title = "Invoices"
stage = [{ name = "registration", initial = true }]
[[process.invoices.mailbox]]
server = "corp"
address = "invoices@example.com"
password_env = "PASSWORD"
[process.claims]
title = "Claims"
stage = [{ name = "intake", initial = true }]
[[process.claims.mailbox]]
name = "claims-en"
server = "corp"
address = "claims@example.com"
password_env = "PASSWORD"
[[process.claims.mailbox]]
name = "claims-pl"
server = "corp"
address = "szkody@example.com"
password_env = "PASSWORD"
[process.letters]
title = "Letters"
stage = [{ name = "intake", initial = true }]
"""
