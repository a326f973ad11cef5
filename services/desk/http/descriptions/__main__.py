"""Writes docs/openapi.json and docs/asyncapi.json."""

from services.desk.http.descriptions.files import DOCS, descriptions, text_of

for name, description in descriptions().items():
    (DOCS / name).write_text(text_of(description), encoding="utf-8")
