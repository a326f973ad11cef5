"""The desk: people and programs work on cases over HTTP."""
