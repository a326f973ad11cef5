"""The settings of the demo: two processes, one of which reads invoices."""

SETTINGS = """\
[store]
database = "{database}"

[server.demo]
protocol = "imap"
host = "localhost"
port = {port}
ca_file = "{ca_file}"

[smtp.demo]
host = "127.0.0.1"
port = {smtp_port}
security = "none"

[case_reference]
key_file = "keys"

[process.invoices]
title = "Cost invoice circulation"
own_tax_ids = ["{own_tax_id}"]
[process.invoices.acknowledgement]
enabled = true
[[process.invoices.stage]]
name = "registration"
title = "Registration"
initial = true
next = ["approval"]
[[process.invoices.stage]]
name = "approval"
title = "Approval"
next = ["paid"]
[[process.invoices.stage]]
name = "paid"
title = "Paid"
final = true
[[process.invoices.field]]
name = "number"
title = "Invoice number"
unique_with = ["seller_tax_id"]
from = [{{ source = "invoice", value = "number" }}]
[[process.invoices.field]]
name = "seller_tax_id"
title = "Seller's tax id"
from = [{{ source = "invoice", value = "seller_tax_id" }}]
[[process.invoices.field]]
name = "gross"
title = "Amount"
type = "money"
from = [{{ source = "invoice", value = "gross" }}]
[[process.invoices.field]]
name = "due"
title = "Payment due"
type = "date"
from = [{{ source = "invoice", value = "due" }}]
[[process.invoices.field]]
name = "account"
title = "Account to pay to"
type = "iban"
from = [{{ source = "invoice", value = "account" }}]
[[process.invoices.field]]
name = "order_number"
title = "Order number"
required_for = ["paid"]
[[process.invoices.mailbox]]
server = "demo"
address = "{invoices}"
password_file = "password"

[process.complaints]
title = "Customers' complaints"
[[process.complaints.stage]]
name = "received"
title = "Received"
initial = true
[[process.complaints.mailbox]]
server = "demo"
address = "{complaints}"
password_file = "password"
"""
