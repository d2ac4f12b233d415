"""``exuvia migrate`` of a store: into the store's own tables, proved, ready to be opened."""

from __future__ import annotations

from pathlib import Path

import apsw
import psycopg
import pytest
from psycopg import sql

import exuvia
from commands import exuvia as run
from exuvia.errors import ConfigError, PlanError
from exuvia.move.options import MoveOptions
from exuvia.store import Store, open_store
from exuvia.store.chat import NewItem
from exuvia.store.errors import SchemaError
from exuvia.store.frames import NewFrameEvent
from exuvia.store.graph import NewEdge, NewNode
from exuvia.store.keys import KeyRing, new_key
from exuvia.store.operations import LogLine, ToolExecution
from exuvia.store.workflows import NewStep

TOKEN_KEYS, SECRET_KEYS = KeyRing.parse(f"a:{new_key()}"), KeyRing.parse(f"b:{new_key()}")


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """A store with something of everything in two projects."""
    path = tmp_path / "memory.db"
    with open_store(path) as store:
        for name in ("shop", "büro"):
            store.projects.put(name, name=name.title(), data={"big": 1e22, "flag": True, "list": [1, None, "é"]})
            fill(store.project(name))
    return path


def fill(store: Store) -> None:
    """Put something into each subsystem."""
    task = store.frames.open("Investigate zebrafish", inputs={"n": 1}, run="r", id="task")
    store.frames.open("inside", parent=task.id)
    store.frames.add_events(task.id, [NewFrameEvent("note", {"n": n}) for n in range(300)])
    store.frames.pin(task.id, "the quokka index is missing", priority=7)
    store.workflows.create("Report", id="w", tags=["nightly"])
    store.workflows.add_version("w", {"nodes": []})
    ran = store.runs.create("w")
    store.runs.start(ran.id)
    store.runs.record(ran.id, [NewStep("x", seconds=0.25)])
    store.runs.succeed(ran.id, outputs={"pages": 3})
    store.vectors.create("notes", dimension=3)
    store.vectors.put("notes", [1, 0.5, 0], kind="frame", entry_id="task", id="of an entry")
    store.vectors.put("notes", [0, 0.5, 1], id="alone", data={"n": 1})
    store.chat.items.add("t", [NewItem("message", {"n": n}, "user", f"zebra {n}") for n in range(3)], begin="chat")
    store.chat.attachments.put("a.bin", "x/y", thread="t", id="f")
    store.chat.attachments.fill("f", bytes(range(256)))
    store.tokens.using(TOKEN_KEYS).create("deploy", scopes=["read"], id="token")
    store.audit.record("vectors.put", actor="ada", subject="vectors", row_id="alone", data={"n": -0.5, "é": 1e22})
    store.secrets.using(SECRET_KEYS).put("smtp", "hunter2")
    fill_documents(store)
    fill_work(store)


def fill_documents(store: Store) -> None:
    """Put a resource into a nested collection, cite it and annotate it."""
    store.documents.resources.create("Zebras", id="d", creators=["é"], content="striped", quality=0.25, data={"n": 1})
    store.documents.collections.create("Shelf", id="shelf")
    store.documents.collections.create("Board", id="board", parent="shelf")
    store.documents.collections.add("board", ["d"])
    store.documents.citations.add("d", to="d", url="https://example.org", position=3)
    store.documents.annotations.create("d", start=0, end=7, note="zebra stripes", shared=True)


def fill_work(store: Store) -> None:
    """Put a graph, and a task with what happened in it."""
    store.graph.put_nodes([NewNode("n", name="Zebra", namespace="s", data={"n": 1e22}), NewNode("m")])
    store.graph.put_edges([NewEdge("n", "knows", "m", {"since": 2020})])
    store.graph.promote(["n"], source="s", target="default", reason="true")
    store.tasks.create("Count zebras", id="job", session="s")
    store.tasks.start("job")
    store.tool_executions.append([ToolExecution(task_id="job", tool="eyes", succeeded=False, seconds=0.25)])
    store.logs.append([LogLine(task_id="job", level="error", message="é")])


def everything(store: Store) -> list[object]:
    """Return what a store holds, as its callers see it."""
    found: list[object] = [store.projects.list()]
    for name in ("shop", "büro"):
        own = store.project(name)
        found += [own.frames.subtree("task"), own.frames.events("task", limit=1000), own.frames.anchors()]
        found += [own.workflows.list(), own.workflows.versions("w"), own.runs.list()]
        found += [[hit.item for hit in own.vectors.search("notes", [0, 0, 1])]]
        found += [own.runs.history(one.id) for one in own.runs.list().items]
        found += [own.chat.threads.list(), own.chat.items.list("t"), own.chat.attachments.list()]
        found += [own.chat.attachments.content("f")]
        found += [own.tokens.list(), own.tokens.secrets("token"), own.audit.list(), own.audit.verify()]
        found += [own.secrets.using(SECRET_KEYS).get("smtp")]
        found += [own.graph.export(), own.graph.promotions(), own.graph.paths("n", "m")]
        found += [own.tasks.list(), own.tasks.timeline("job"), own.tool_executions.list(), own.logs.list()]
        documents = own.documents
        found += [documents.resources.list(content=True), documents.collections.subtree("shelf")]
        found += [documents.collections.resources("board"), documents.citations.list(), documents.annotations.list()]
        found += [[(hit.entry.kind, hit.entry.id) for hit in own.search(words).items] for words in ("zebra*", "quokka")]
    return found


def test_a_moved_store_answers_as_it_did(memory: Path, postgres_url: str) -> None:
    report = exuvia.migrate(memory, postgres_url)
    assert report.proof is not None
    assert report.proof.equal
    assert report.status == "moved"
    with open_store(memory) as before, open_store(postgres_url) as after:
        assert everything(after) == everything(before)
    assert exuvia.verify(memory, postgres_url).status == "moved"


def test_a_moved_store_can_be_written(memory: Path, any_url: str) -> None:
    exuvia.migrate(memory, any_url)
    with open_store(any_url) as store:
        shop = store.project("shop")
        assert shop.frames.add_events("task", [NewFrameEvent("note")])[0].seq == 301
        shop.frames.pin("task", "a wombat, too")
        assert [hit.entry.kind for hit in shop.search("wombat").items] == ["anchor"]
        assert shop.frames.close("task").digest["events"] == {"note": 301}


def test_a_store_is_moved_by_an_owner_who_is_no_superuser(memory: Path, any_url: str) -> None:
    with psycopg.connect(any_url, autocommit=True) as connection:
        database = connection.info.dbname
        role = f"owner_of_{database}"
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        give = sql.SQL("GRANT CREATE ON DATABASE {} TO {}")
        connection.execute(give.format(sql.Identifier(database), sql.Identifier(role)))
        try:
            as_owner = any_url.replace("postgres@", f"{role}@") if "postgres@" in any_url else f"{any_url}&user={role}"
            assert exuvia.migrate(memory, as_owner).status == "moved"
            assert exuvia.verify(memory, as_owner).status == "moved"
        finally:
            connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(role)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def test_a_store_with_rows_is_not_mixed_with_another(memory: Path, any_url: str) -> None:
    with open_store(any_url) as store:
        store.projects.put("mine")
    with pytest.raises(PlanError, match="rows"):
        exuvia.migrate(memory, any_url)
    with open_store(any_url) as store:
        assert [one.id for one in store.projects.list().items] == ["mine"]


def test_a_dry_run_makes_nothing(memory: Path, any_url: str) -> None:
    assert exuvia.migrate(memory, any_url, options=MoveOptions(dry_run=True)).status == "planned"
    with psycopg.connect(any_url) as connection:
        assert connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'exuvia_store'").fetchone() is None


def test_what_does_not_fit_a_store_is_told(memory: Path, any_url: str) -> None:
    with pytest.raises(ConfigError, match="never replaced"):
        exuvia.migrate(memory, any_url, options=MoveOptions(drop_existing=True))
    with apsw.Connection(str(memory)) as connection:
        connection.execute("INSERT INTO exuvia_schema VALUES (9999, 'future', 'x')")
    with pytest.raises(SchemaError, match="newer exuvia"):
        exuvia.migrate(memory, any_url)


def test_the_command_moves_a_store(memory: Path, any_url: str) -> None:
    done = run("migrate", str(memory), any_url, "--schema", "mind")
    assert done.returncode == 0, done.stderr
    assert "Every value arrived" in done.stdout
    with open_store(any_url, schema="mind") as store:
        assert store.project("shop").frames.events("task").total == 300
