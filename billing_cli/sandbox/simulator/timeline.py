"""Ids of objects in order of their creation, so that a page of a long list costs no more than a page."""

from bisect import bisect_left, insort
from collections.abc import Iterator


class Timeline:
    """Sorted by (created, order of arrival); an object that is put again keeps its order of arrival."""

    def __init__(self) -> None:
        self._keys: list[tuple[int, int, str]] = []
        self._places: dict[str, tuple[int, int, str]] = {}

    def put(self, object_id: str, created: int) -> None:
        former = self._places.get(object_id)
        if former is not None:
            if former[0] == created:
                return
            del self._keys[bisect_left(self._keys, former)]
        key = (created, former[1] if former else len(self._places), object_id)
        self._places[object_id] = key
        insort(self._keys, key)

    def newest_first(self, since: int, until: int, from_id: str | None) -> Iterator[str]:
        """Those created in [since, until); with `from_id`, which must be known, from that one on."""
        begin = bisect_left(self._keys, (since,))
        end = bisect_left(self._keys, (until,))
        if from_id is not None:
            end = bisect_left(self._keys, self._places[from_id]) + 1
        for index in range(end - 1, begin - 1, -1):
            yield self._keys[index][2]
