"""Files elsewhere by a pattern: `s3://bucket/rows/*.jsonl`."""

from __future__ import annotations

from pathlib import Path

from luthier.core.errors import DataError
from luthier.data.opened import Opened
from luthier.data.parts import beside
from luthier.data.places import places
from luthier.data.places._fetched import is_pattern, listed, matching
from luthier.data.places.contract import Unreachable
from luthier.data.places.url import Url
from luthier.data.recorded import recorded_names


@places.add
class UrlPattern:
    """Each file is fetched, and read under its own name. Servers of `https://` know what they hold
    only where they show pages of it."""

    def holds(self, name: str) -> bool:
        return is_pattern(name)

    def find(self, name: str, *, encoding: str) -> list[Opened]:
        try:
            urls = listed(name)
        except Unreachable:
            urls = matching(name, recorded_names())
            if not urls:
                raise
        if not urls:
            raise DataError(
                f"{name}: no file matches this pattern.\n    Look at the folder, or name the files"
            )
        file = Url()
        with beside(len(urls) > 1):
            return [one for url in urls for one in file.find(url, encoding=encoding)]

    def reads(self, name: str, path: Path) -> bool:
        del name, path
        return False  # copies are kept in the cache folder

    def digest(self, name: str) -> str:
        raise DataError(f"{name}: a pattern has no content of its own")
