"""The stage that takes mail out of mailboxes: publish, wait for the receipt, and only then remove."""
