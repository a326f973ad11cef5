"""Describes the API in OpenAPI and the events in AsyncAPI, for programs."""
