"""Describes the events in AsyncAPI 3.0, from the structs of the events. Pure."""

from typing import Any, get_args

import msgspec

from schemas.changes import What
from schemas.cloud_events import CaseChanged, MailEvent, mail_event_name, name_of
from services.desk.http.descriptions.openapi import unfold_descriptions
from services.runtime.broker.topology import EVENT

_SCHEMAS = "#/components/schemas/{name}"


def asyncapi(version: str) -> dict[str, Any]:
    """The whole description; the same structs give the same bytes.

    Every event is a CloudEvent in the structured JSON form, on a topic exchange.
    """
    names = {f"case.{name_of(kind)}": CaseChanged for kind in get_args(What)}
    names |= {mail_event_name(kind): kind for kind in get_args(MailEvent)}
    kinds = list(dict.fromkeys(names.values()))
    shapes, components = msgspec.json.schema_components(kinds, ref_template=_SCHEMAS)
    schema_of = dict(zip(kinds, shapes, strict=True))
    messages = {name: _message(name, schema_of[kind]) for name, kind in names.items()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Mailcase events",
            "version": version,
            "description": "Events about cases and mails, delivered at least once, and in order within a case.",
        },
        "channels": {
            name: {
                "address": f"{name}.{{process}}",
                "parameters": {"process": {"description": "The process's name."}},
                "messages": {name: {"$ref": f"#/components/messages/{name}"}},
                "bindings": {
                    "amqp": {
                        "is": "routingKey",
                        "exchange": {"name": EVENT, "type": "topic", "durable": True},
                    }
                },
            }
            for name in messages
        },
        "operations": {
            name: {"action": "send", "channel": {"$ref": f"#/channels/{name}"}} for name in messages
        },
        "components": {
            "messages": messages,
            "schemas": unfold_descriptions(dict(sorted(components.items()))),
        },
    }


def _message(name: str, data: dict[str, Any]) -> dict[str, Any]:
    envelope = {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string"},
            "source": {"type": "string"},
            "type": {"const": f"mailcase.{name}.v1"},
            "subject": {"type": "string"},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "data": data,
        },
    }
    return {
        "name": f"mailcase.{name}.v1",
        "contentType": "application/cloudevents+json",
        "payload": envelope,
    }
