"""The desk's texts in the languages that people choose from."""

from services.desk.pages.i18n.catalog import Catalog
from services.desk.pages.i18n.english import ENGLISH
from services.desk.pages.i18n.polish import POLISH

CATALOGS: dict[str, Catalog] = {"en": ENGLISH, "pl": POLISH}
DEFAULT_LANGUAGE = "en"

__all__ = ["CATALOGS", "DEFAULT_LANGUAGE", "Catalog"]
