import gzip
import hashlib
import re
from pathlib import Path

from services.desk.pages.assets import FOLDER, Assets

VENDOR = FOLDER / "vendor"


def test_vendored_files_are_those_that_were_recorded() -> None:
    recorded = dict(
        re.findall(
            r"^\| `([^`]+)` \| `[^`]+` \| `([0-9a-f]{64})` \|$",
            (VENDOR / "VENDORED.md").read_text(),
            re.M,
        )
    )
    scripts = {path.name: path for path in VENDOR.glob("*.js")}
    assert recorded.keys() == scripts.keys()
    for name, path in scripts.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == recorded[name], name
    assert "Zero-Clause BSD" in (VENDOR / "LICENSE").read_text()


def test_a_url_changes_with_the_content(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a{}")
    before = Assets(tmp_path).url("a.css")
    (tmp_path / "a.css").write_text("b{}")
    after = Assets(tmp_path)
    assert re.fullmatch(r"/static/a\.[0-9a-f]{12}\.css", before)
    assert after.url("a.css") != before
    assert after.find(before) is None


def test_only_known_types_are_served_and_compression_keeps_the_content() -> None:
    assets = Assets()
    assert assets.find("/static/vendor/LICENSE") is None
    assert assets.find("/static/../pages.py") is None
    asset = assets.find(assets.url("desk.css"))
    assert asset is not None
    assert gzip.decompress(asset.compressed) == asset.content


def test_our_scripts_never_write_html_or_evaluate_text() -> None:
    for path in FOLDER.glob("*.js"):
        text = path.read_text()
        assert not re.search(
            r"innerHTML|outerHTML\s*=|insertAdjacent|\beval\b|new Function|document\.write", text
        ), path


def test_text_and_background_have_contrast_aa_in_both_themes() -> None:
    tokens = dict(
        re.findall(r"--([\w-]+): light-dark\(([^)]+)\)", (FOLDER / "desk.css").read_text())
    )
    colors = {name: [color.strip() for color in pair.split(",")] for name, pair in tokens.items()}
    pairs = [
        ("ink", "paper"), ("ink", "ground"), ("ink", "hover"), ("ink-2", "paper"),
        ("ink-2", "ground"), ("ink-2", "hover"),
        ("accent-text", "paper"), ("accent-text", "accent-soft"), ("accent-text", "ground"), ("accent-ink", "accent"),
        ("bad", "paper"), ("bad", "bad-soft"), ("warn", "paper"), ("warn", "warn-soft"), ("warn", "note"),
        ("good", "good-soft"), ("ink", "note"), ("ink-2", "note"), ("ink", "chip"),
        ("ink", "accent-soft"), ("ink-2", "accent-soft"),
    ]  # fmt: skip
    for text, ground in pairs:
        for theme in (0, 1):
            assert _contrast(colors[text][theme], colors[ground][theme]) >= 4.5, (
                text,
                ground,
                theme,
            )
    for theme in (0, 1):
        assert _contrast(colors["line-2"][theme], colors["paper"][theme]) >= 3.0


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
