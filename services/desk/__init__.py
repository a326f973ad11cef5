"""The desk: people and programs work cases over HTTP."""
