"""How a full mailbox and a database of many cases change what people and programs wait for."""
