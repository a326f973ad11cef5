"""The HTTP API, `/api/v1`: one file per resource, with its rows of the route table."""
