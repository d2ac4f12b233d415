"""What is asked of a store, and the same asked by hand."""

from __future__ import annotations

from bench.store.bare import COLUMNS, INSERT, Bare, BareFile, as_text, as_values
from bench.store.events import COMMON, LARGEST, Agents
from bench.store.loading import COLLECTION, Loaded
from bench.store.timing import Question
from exuvia.store import NewEvent, Store, field

PAGE = 100
_KIND, _TOPIC = "bug_encountered", "topic-030"
_LEAST_EFFORT = 90
_SELECT = f"SELECT {COLUMNS} FROM events WHERE "
_OF_PROJECT = "project_id = :project"
_LATEST = f" ORDER BY at DESC, id DESC LIMIT {PAGE}"


def questions(store: Store, bare: Bare, loaded: Loaded, many: int) -> list[Question]:
    """Return every question, the reading ones first; ``many`` events are appended at a time."""
    return [
        *_by_key(store, bare, loaded),
        *_of_a_project(store, bare),
        *_of_json(store, bare, loaded),
        *_of_all_projects(store, bare),
        *_by_words(store, bare, loaded),
        *_by_meaning(store, bare, loaded),
        *_writing(store, bare, loaded.agents, many),
    ]


def _by_key(store: Store, bare: Bare, loaded: Loaded) -> list[Question]:
    bound = store.project(LARGEST)
    own = [key for key in loaded.keys if key[0] == LARGEST]

    def get(turn: int) -> object:
        project, key = loaded.keys[turn % len(loaded.keys)]
        return store.events.get(key, project=project)

    def by_hand(turn: int) -> object:
        project, key = loaded.keys[turn % len(loaded.keys)]
        return bare.rows(f"{_SELECT}{_OF_PROJECT} AND id = :id", project=project, id=key)

    return [
        Question("get by key", get, by_hand),
        Question("get by key, bound store", lambda turn: bound.events.get(own[turn % len(own)][1]), by_hand),
    ]


def _of_a_project(store: Store, bare: Bare) -> list[Question]:
    events, page = store.events, f"{_SELECT}{_OF_PROJECT}"
    bound = store.project(LARGEST)
    after, beyond = _deep(store, bare)

    def first(_turn: int) -> object:
        return bare.rows(page + _LATEST, project=LARGEST)

    def with_total(_turn: int) -> object:
        return bare.rows(f"SELECT count(*) FROM events WHERE {_OF_PROJECT}", project=LARGEST), first(0)

    def of_kind(_turn: int) -> object:
        return bare.rows(f"{page} AND kind = :kind{_LATEST}", project=LARGEST, kind=_KIND)

    def of_topic(_turn: int) -> object:
        return bare.rows(f"{page} AND {bare.topic}{_LATEST}", project=LARGEST, topic=_TOPIC)

    def deep(_turn: int) -> object:
        return bare.rows(f"{page} AND (at, id) < (:at, :id){_LATEST}", project=LARGEST, at=beyond[0], id=beyond[1])

    return [
        Question("project: first page", lambda _: events.list(project=LARGEST, count=False), first, 10),
        Question("project: first page, bound store", lambda _: bound.events.list(count=False), first, 10),
        Question("project: first page with the total", lambda _: events.list(project=LARGEST), with_total, 10),
        Question("project: by kind", lambda _: events.list(project=LARGEST, kind=_KIND, count=False), of_kind, 10),
        Question("project: by topic", lambda _: events.list(project=LARGEST, topic=_TOPIC, count=False), of_topic, 10),
        Question("project: a page half-way down", lambda _: events.list(project=LARGEST, after=after), deep, 10),
    ]


def _deep(store: Store, bare: Bare) -> tuple[str | None, tuple[object, object]]:
    """Turn pages to the middle of the largest project; return the token there, and the last row's time and id."""
    left = max(1, (store.events.list(project=LARGEST, limit=1).total or 0) // 2)
    token, last = None, ""
    while left:
        page = store.events.list(project=LARGEST, limit=min(1_000, left), after=token, count=False)
        left, token, last = left - len(page.items), page.next, page.items[-1].id
    rows = bare.rows("SELECT at, id FROM events WHERE project_id = :project AND id = :id", project=LARGEST, id=last)
    return token, rows[0]


def _of_json(store: Store, bare: Bare, loaded: Loaded) -> list[Question]:
    def equal(turn: int) -> object:
        return store.events.list(filter=field("data.ticket") == loaded.ticket(turn), count=False)

    def equal_by_hand(turn: int) -> object:
        return bare.rows(f"{_SELECT}{bare.ticket}{_LATEST}", ticket=loaded.ticket(turn))

    def range_(_turn: int) -> object:
        return store.events.list(project=LARGEST, filter=field("data.effort") >= _LEAST_EFFORT, count=False)

    def range_by_hand(_turn: int) -> object:
        wanted = f"{_SELECT}{_OF_PROJECT} AND {bare.effort}{_LATEST}"
        return bare.rows(wanted, project=LARGEST, effort=_LEAST_EFFORT)

    return [
        Question("JSON: a rare value, all projects", equal, equal_by_hand, 50),
        Question("JSON: a range, one project", range_, range_by_hand, 10),
    ]


def _of_all_projects(store: Store, bare: Bare) -> list[Question]:
    latest = f" ORDER BY at DESC, project_id DESC, id DESC LIMIT {PAGE}"

    def latest_by_hand(_turn: int) -> object:
        return bare.rows(f"SELECT {COLUMNS} FROM events{latest}")

    def kind_by_hand(_turn: int) -> object:
        return bare.rows(f"{_SELECT}kind = :kind{latest}", kind=_KIND)

    return [
        Question("all projects: latest", lambda _: store.events.list(count=False), latest_by_hand, 50),
        Question("all projects: by kind", lambda _: store.events.list(kind=_KIND, count=False), kind_by_hand, 50),
    ]


def _by_words(store: Store, bare: Bare, loaded: Loaded) -> list[Question]:
    bound = store.project(LARGEST)
    anywhere = bare.text.format(also="")
    of_project = bare.text.format(also=f"AND {_OF_PROJECT}")

    def rare(turn: int) -> object:
        return bare.rows(anywhere, text=loaded.ticket(turn))

    def common(_turn: int) -> object:
        return bare.rows(of_project, text=COMMON, project=LARGEST)

    return [
        Question("words: a rare one, all projects", lambda turn: store.search(loaded.ticket(turn)), rare, 15),
        Question("words: a common one, one project", lambda _: store.search(COMMON, project=LARGEST), common, 15),
        Question("words: a common one, bound store", lambda _: bound.search(COMMON), common, 15),
        Question(
            "words: a common one, all projects",
            lambda _: store.search(COMMON),
            lambda _: bare.rows(anywhere, text=COMMON),
            50,
        ),
    ]


def _by_meaning(store: Store, bare: Bare, loaded: Loaded) -> list[Question]:
    if not len(loaded.vectors):
        return []
    queries = loaded.vectors[:: max(1, len(loaded.vectors) // 100)] + 0.1
    words = bare.text.format(also=f"AND {_OF_PROJECT}")

    def nearest(turn: int) -> object:
        return store.vectors.search(COLLECTION, queries[turn % len(queries)], project=LARGEST)

    def hybrid(turn: int) -> object:
        vector = queries[turn % len(queries)]
        return store.search.hybrid(loaded.ticket(turn), COLLECTION, vector=vector, project=LARGEST)

    def both_by_hand(turn: int) -> object:
        found = bare.rows(words, text=loaded.ticket(turn), project=LARGEST)
        return found, bare.nearest(queries[turn % len(queries)])

    return [
        Question("vectors: the ten nearest", nearest, lambda turn: bare.nearest(queries[turn % len(queries)]), 30),
        Question("words and vectors", hybrid, both_by_hand, 45),
    ]


def _writing(store: Store, bare: Bare, agents: Agents, many: int) -> list[Question]:
    encoded = as_text if isinstance(bare, BareFile) else as_values

    def by_hand(events: tuple[NewEvent, ...]) -> object:
        return bare.rows(f"{INSERT} RETURNING id", **encoded(LARGEST, events[0]))

    return [
        Question(
            "insert one event",
            lambda events: store.events.append(events, project=LARGEST),
            by_hand,
            2,
            lambda _: agents.some(1),
        ),
        Question(
            f"append {many:,} events",
            lambda events: store.events.append(events, project=LARGEST),
            lambda events: bare.append(LARGEST, events),
            None,
            lambda _: agents.some(many),
        ),
    ]
