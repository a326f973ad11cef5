"""docs/settings.md and docs/example.toml match the structs: nothing is missing, and nothing else is
there.
"""

import re
from pathlib import Path

import msgspec

from services.runtime.settings import load_settings
from services.runtime.settings.schema.file import SettingsFile

DOCS = Path(__file__).parents[4] / "docs"
HEADING = re.compile(r"^## (\[.*\])$", re.MULTILINE)
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| (.*?) \| ", re.MULTILINE)
# What is worked out from other settings, in the words of the page.
WORKED_OUT = {
    ("[server.NAME]", "port"): "by protocol and security",
    ("[smtp.NAME]", "port"): "by security",
    ("[desk]", "oidc"): "none",
    ("[process.NAME]", "title"): "the name",
    ("[process.NAME]", "acknowledgement"): "off",
    ("[up]", "routers"): "by cores",
    ("[up]", "case_writers"): "by cores",
    ("[up]", "senders"): "1",
    ("[up]", "extractors"): "by cores",
    ("[[process.NAME.stage]]", "title"): "the name",
    ("[[process.NAME.stage]]", "on_enter"): "nothing",
    ("[[process.NAME.field]]", "title"): "the name",
    ("[[process.NAME.mailbox]]", "name"): "the process's name",
    ("[[process.NAME.mailbox]]", "user"): "the address",
}


def _sections(struct: type[msgspec.Struct], path: str = "") -> dict[str, type[msgspec.Struct]]:
    """The heading of each table of the file, with its struct."""
    found: dict[str, type[msgspec.Struct]] = {}
    for field in msgspec.inspect.type_info(struct).fields:  # type: ignore[attr-defined]  # a struct's has them
        here = f"{path}.{field.encode_name}" if path else field.encode_name
        match field.type:
            case msgspec.inspect.StructType(cls=cls):
                found |= {f"[{here}]": cls} | _sections(cls, here)
            case msgspec.inspect.DictType(value_type=msgspec.inspect.StructType(cls=cls)):
                found |= {f"[{here}.NAME]": cls} | _sections(cls, f"{here}.NAME")
            case msgspec.inspect.VarTupleType(item_type=msgspec.inspect.StructType(cls=cls)):
                found |= {f"[[{here}]]": cls} | _sections(cls, here)
    return found


def _default(section: str, field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    if (section, field.name) in WORKED_OUT:
        return WORKED_OUT[section, field.name]
    factory = field.default_factory
    default = field.default if factory is msgspec.NODEFAULT else factory()
    return "none" if default is None else f"`{msgspec.json.encode(default).decode()}`"


def test_the_page_describes_every_setting_with_its_default_and_range() -> None:
    parts = HEADING.split((DOCS / "settings.md").read_text())
    documented = {
        heading: {row[0]: row[1:] for row in ROW.findall(body)}
        for heading, body in zip(parts[1::2], parts[2::2], strict=True)
    }
    sections = _sections(SettingsFile)
    assert set(documented) == set(sections)
    for section, struct in sections.items():
        fields = msgspec.structs.fields(struct)
        assert {key: default for key, (_, default) in documented[section].items()} == {
            field.encode_name: _default(section, field) for field in fields
        }
        for field in fields:
            shape = msgspec.inspect.type_info(field.type)
            if isinstance(shape, msgspec.inspect.IntType | msgspec.inspect.FloatType):
                lowest = f"above {shape.gt}" if shape.ge is None else str(shape.ge)
                assert documented[section][field.encode_name][0].endswith(
                    f"number, {lowest} to {shape.le}"
                )


def test_the_example_loads_and_shows_every_setting_with_its_default() -> None:
    text = (DOCS / "example.toml").read_text()
    settings = load_settings(DOCS / "example.toml", {})
    assert list(settings.mailboxes) == [
        "invoices",
        "invoices-branch",
        "invoices-cloud",
        "complaints",
    ]
    for struct in _sections(SettingsFile).values():
        for field in msgspec.structs.fields(struct):
            assert re.search(
                rf"^(# )?{field.encode_name} = |^\[\[?(?:process|desk)[\w.]*\.{field.encode_name}\]",
                text,
                re.M,
            )
    for section in (
        settings.archive,
        settings.limits,
        settings.router,
        settings.case_writer,
        settings.logs,
    ):
        assert section == type(section)()
    corp, branch = settings.servers["corp"], settings.servers["branch"]
    assert msgspec.structs.replace(branch, protocol="imap", host=corp.host, port=993) == corp
