"""`mailcase search rebuild`: write the search index again."""

import asyncio

from services.cli.terminal.output import DEFAULT_CONFIG, Config, Json, loaded
from services.cli.terminal.progress import Count
from services.desk.search.index import SearchIndex
from services.runtime.settings import Settings
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store


def rebuild(*, config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """Rebuild the search index from all cases and comments.

    The pages and mail may be used meanwhile. An interrupted rebuild does no harm: run it again.
    """
    written = asyncio.run(_rebuilt(loaded(config)))
    if json:
        print(f'{{"entries":{written}}}')
        return
    print(f"indexed {written} cases and comments")


async def _rebuilt(settings: Settings) -> int:
    async with Store.opened(store_url(settings), settings.store.database) as store:
        index = SearchIndex(store)
        await index.ensure_indexes()
        with Count("indexing") as progress:
            return await index.rebuild(progress.show)
