"""The HTTP API, `/api/v1`: one file a resource, each with its rows of the route table."""
