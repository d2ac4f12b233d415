"""Knowledge as Markdown files: there and back changes nothing, and a broken file is told with its line."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from commands import exuvia
from exuvia.store import NewEvent, Plan, Session, Store, export_markdown, import_markdown, open_store
from exuvia.store.core.values import new_id
from exuvia.store.errors import StoreError
from exuvia.store.knowledge.markdown import MarkdownError
from exuvia.store.knowledge.markdown.front_matter import read, write
from exuvia.store.knowledge.markdown.names import Names

Json = Any

DAY = datetime(2026, 2, 15, 9, 30, tzinfo=UTC)
TEXTS = st.one_of(
    st.sampled_from(
        ["", "yes", "null", "1", "- a", "a: b", "# x", "---", "```", "\n---\n", "\r\n", "\u2028", "\x85\x7f"]
    ),
    st.sampled_from(
        ["\n<!-- exuvia:events -->\n", "\n<!-- exuvia:events -->\n\n<!-- exuvia:events -->\n", "2026-02-15"]
    ),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
)
LINES = TEXTS.filter(lambda text: text.isprintable() and text != "")
IDS = st.one_of(st.sampled_from(["a/b", "..", ".x", "A", "a", "con", "ä", "x" * 255, "a%2Fb", "~"]), LINES)
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(-1e300, 1e300), TEXTS)
KEYS = st.one_of(st.sampled_from(["title", "data", "phase", "no", "x" * 600, "a b"]), TEXTS)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
TOPICS = st.lists(TEXTS.filter(bool), max_size=3, unique=True).map(tuple)
TITLES = TEXTS.filter(bool)
PLANS = st.builds(
    Plan,
    project_id=st.just(""),
    id=IDS,
    title=TITLES,
    status=st.sampled_from(["planned", "active", "superseded"]),
    priority=st.sampled_from([None, "high"]),
    author=st.one_of(st.none(), TITLES),
    topics=TOPICS,
    content=TEXTS,
    data=DOCUMENTS,
    version=st.just(1),
    created_at=TIMES,
    updated_at=TIMES,
)
SESSIONS = st.builds(
    Session,
    project_id=st.just(""),
    id=IDS,
    plan_id=st.none(),
    title=TITLES,
    status=st.sampled_from(["active", "abandoned"]),
    author=st.none(),
    topics=TOPICS,
    content=TEXTS,
    data=DOCUMENTS,
    version=st.just(1),
    started_at=TIMES,
    ended_at=st.one_of(st.none(), TIMES),
    updated_at=TIMES,
)
EVENTS = st.builds(
    NewEvent,
    kind=st.one_of(LINES, st.just("note")),
    data=DOCUMENTS,
    author=st.one_of(st.none(), TITLES),
    topics=TOPICS,
    summary=TEXTS,
    at=TIMES,
    id=IDS,
)


def files(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*.md"))}


def unique(found: list[Any]) -> list[Any]:
    return list({one.id: one for one in found}.values())


@settings(deadline=None, max_examples=12, phases=(Phase.explicit, Phase.generate))
@given(
    st.lists(PLANS, max_size=3).map(unique),
    st.lists(SESSIONS, max_size=3).map(unique),
    st.lists(EVENTS, max_size=4).map(unique),
    DOCUMENTS,
)
def test_there_and_back_changes_nothing(
    shared_store: Store, plans: list[Plan], sessions: list[Session], events: list[NewEvent], data: Json
) -> None:
    project = shared_store.projects.put(new_id(), name="A project", data=data).id
    mine = shared_store.project(project)
    for plan in plans:
        mine.plans.put(replace(plan, project_id=project))
    for session in sessions:
        mine.sessions.put(replace(session, project_id=project, plan_id=plans[0].id if plans else None))
    places = [session.id for session in sessions]
    mine.events.append(
        [replace(event, session=places[n % len(places)] if places and n else None) for n, event in enumerate(events)]
    )
    with TemporaryDirectory() as first, TemporaryDirectory() as second, TemporaryDirectory() as other:
        export_markdown(shared_store, first, project=project)
        before = files(Path(first))
        again = import_markdown(shared_store, first)
        assert (again.created, again.changed, again.problems, again.skipped) == (0, 0, (), ())
        assert again.events == len(events)
        export_markdown(shared_store, second, project=project)
        assert files(Path(second)) == before
        with open_store(f"sqlite:///{other}/memory.db") as new:
            made = import_markdown(new, first)
            assert (made.created, made.problems) == (len(plans) + len(sessions), ())
            assert export_markdown(new, first, project=project).written == 0
        assert files(Path(first)) == before


def test_a_session_is_one_file_that_people_can_read(tmp_path: Path, shared_store: Store, project: str) -> None:
    mine = shared_store.project(project)
    mine.plans.create("Auth: login", id="PLAN_auth", topics=("auth", "api"), priority="high", content="# Auth\n")
    mine.sessions.create(
        "First day", id="2026-02-15", plan="PLAN_auth", started_at=DAY, content="# First day\n", data={"phase": 1}
    )
    mine.events.add("task_completed", {"task": "Login", "outcome": "success"}, session="2026-02-15", at=DAY, id="e1")
    export_markdown(mine, tmp_path)
    text = (tmp_path / project / "sessions" / "2026-02-15.md").read_text()
    updated = text.split("updated: ")[1].split("\n")[0]
    assert text == (
        f'---\nexuvia: session\nproject: "{project}"\nid: "2026-02-15"\ntitle: First day\nstatus: active\n'
        f"plan: PLAN_auth\nstarted: 2026-02-15T09:30:00Z\nupdated: {updated}\nphase: 1\n---\n# First day\n"
        "\n<!-- exuvia:events -->\n\n## Events\n\n### 2026-02-15T09:30:00Z task_completed\n\n```json\n"
        '{\n  "at": "2026-02-15T09:30:00Z",\n  "data": {\n    "outcome": "success",\n    "task": "Login"\n  },\n'
        '  "id": "e1",\n  "kind": "task_completed",\n  "summary": "Login"\n}\n```\n'
    ).replace(f'"{project}"', f'"{project}"' if project[0].isdigit() else project)
    assert yaml.safe_load((tmp_path / project / "plans" / "PLAN_auth.md").read_text().split("---\n")[1])["topics"] == [
        "auth",
        "api",
    ]


OTHER_TOOLS = {
    "PLAN_auth_jwt.md": (
        '---\ntitle: "JWT auth"\nstatus: "PLANNED"\npriority: "high"\ncreated: "2026-02-15"\nauthor: "Planner"\n'
        'topics: ["auth", "api"]\ndepends_on: []\nevolution_of: ["PLAN_old"]\n---\n\n# PLAN: JWT\n'
    ),
    "plans/active-ada.md": "# Rewrite\n\nText.\n",
    "sessions/2026-02-15-session.md": (
        "---\ndate: 2026-02-15\ntopics: [planning, mcp-tools]\nstatus: in-progress\nplan: PLAN_auth_jwt\n---\n\n"
        "# Session: Day one\n"
    ),
    "sessions/2026-02-16-review.md": "\ufeff---\r\nstatus: \u2705 COMPLETE\r\ntopic: Review\r\n---\r\nText\r\n",
    "README.md": "# Nothing\n",
    "notes/idea.md": "# Nothing\n",
}


def lay(directory: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")
    return directory


def test_files_of_other_tools_are_read(tmp_path: Path, shared_store: Store, project: str) -> None:
    source = lay(tmp_path / "a", OTHER_TOOLS)
    found = import_markdown(shared_store, source, project=project)
    assert (found.created, found.problems) == (4, ())
    assert [str(path) for path in found.skipped] == ["README.md", "notes/idea.md"]
    mine = shared_store.project(project)
    plan = mine.plans.get("PLAN_auth_jwt")
    assert (plan.title, plan.status, plan.priority, plan.author) == ("JWT auth", "planned", "high", "Planner")
    assert (plan.topics, plan.created_at) == (("auth", "api"), datetime(2026, 2, 15, tzinfo=UTC))
    assert plan.data == {"depends_on": [], "evolution_of": ["PLAN_old"]}
    assert plan.content == "\n# PLAN: JWT\n"
    assert mine.plans.get("active-ada").title == "Rewrite"
    session = mine.sessions.get("2026-02-15-session")
    assert (session.title, session.status, session.plan_id) == ("Session: Day one", "active", "PLAN_auth_jwt")
    review = mine.sessions.get("2026-02-16-review")
    assert (review.title, review.status, review.started_at.day) == ("Review", "complete", 16)
    again = import_markdown(shared_store, source, project=project)
    assert (again.created, again.changed, again.unchanged) == (0, 0, 4)


def test_a_file_that_was_edited_changes_what_is_in_the_store(tmp_path: Path, shared_store: Store, project: str) -> None:
    mine = shared_store.project(project)
    plan = mine.plans.create("Auth", id="p", content="Old\n")
    export_markdown(mine, tmp_path)
    file = tmp_path / project / "plans" / "p.md"
    file.write_text(file.read_text().replace("Old", "New").replace("status: planned", "status: complete"))
    found = import_markdown(mine, tmp_path)
    assert (found.changed, found.created) == (1, 0)
    changed = mine.plans.get("p")
    assert (changed.content, changed.status, changed.version) == ("New\n", "complete", 2)
    assert changed.created_at == plan.created_at


def test_an_export_leaves_equal_files_alone_and_names_stale_ones(
    tmp_path: Path, shared_store: Store, project: str
) -> None:
    mine = shared_store.project(project)
    for name in ("p", "q"):
        mine.plans.create("Auth", id=name)
    assert export_markdown(mine, tmp_path).written == 3
    (tmp_path / project / "plans" / "own.md").write_text("# Mine\n")
    mine.plans.delete("p")
    found = export_markdown(mine, tmp_path)
    stale = Path(project, "plans", "p.md")
    assert (found.written, found.unchanged, found.stale, found.pruned) == (0, 2, (stale,), False)
    assert (tmp_path / stale).exists()
    assert export_markdown(mine, tmp_path, prune=True).pruned
    assert sorted(path.name for path in tmp_path.rglob("*.md")) == ["own.md", "project.md", "q.md"]


LISTED = "---\nexuvia: session\n---\n\n<!-- exuvia:events -->\n"
EVENT = '{"at": "2026-02-15", "id": "x", "kind": "note"}'


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("---\ntitle: a: b\n---\n", 2, "not YAML"),
        ("---\ntitle: x\n\ttopics: [a\n---\n", 3, "not YAML"),
        ("---\ntitle: x\nstatus: great\n---\n", 3, "status 'great' is not known"),
        ("---\ntitle: x\n\npriority: P1\n---\n", 4, "priority 'P1' is not known"),
        ("---\ntitle: x\ncreated: yesterday\n---\n", 3, "'yesterday' is not a time"),
        ("---\ntitle: [a]\n---\n", 2, "title is not a text"),
        ("---\nproject: [a]\n---\n", 2, "project is not a text"),
        ("---\nid: {a: b}\n---\n", 2, "id is not a text"),
        ("---\ntitle: x\nid: a\n---\n", 3, "the same plan as plans/a.md"),
        ("---\ntopics: {a: b}\n---\n", 2, "topics is not a list"),
        ("---\ntitle: a\ntitle: b\n---\n", 3, "there twice"),
        ("---\ntitle: x\n", 1, "has no end"),
        ("---\n- a\n---\n", 2, "not made of keys"),
        ("---\n? [a]\n: b\n---\n", 2, "A key is not a text"),
        ("---\na: &a [1]\nb: &b [*a, *a]\nc: 1e999\n---\n", 4, "too large"),
        ("---\na: &a [*a]\n---\n", 2, "too large|not YAML"),
        ("---\nproject: other\nid: \"a\\nb\"\n---\n", 1, "cannot be the id"),
        ("---\ntitle: x\n---\nText\0\n", 1, "U\\+0000"),
        ("---\nexuvia: session\nplan: nobody\n---\n", 1, "names is not there"),
        (f"{LISTED}\n```json\n{{\n  oops\n}}\n```\n", 9, "not JSON"),
        (f"{LISTED}```json\n{EVENT}\n```\n```json\n[]\n```\n", 10, "not an event"),
        (f"{LISTED}```json\n{EVENT.replace('2026', '')}\n```\n", 7, "not a time"),
        ("---\ntitle: x\ndata_json: \"[\"\n---\n", 3, "not JSON"),
    ],
)  # fmt: skip
def test_a_broken_file_is_told_with_its_line_and_the_rest_is_imported(
    tmp_path: Path, shared_store: Store, project: str, text: str, line: int, said: str
) -> None:
    lay(tmp_path, {"plans/a.md": "# A\n", "plans/broken.md": text, "plans/c.md": "# C\n"})
    found = import_markdown(shared_store, tmp_path, project=project)
    (problem,) = found.problems
    assert isinstance(problem, MarkdownError)
    assert (problem.file, problem.line) == ("plans/broken.md", line)
    with pytest.raises(MarkdownError, match=said):
        raise problem
    assert found.created == 2
    with pytest.raises(MarkdownError, match=f"plans/broken.md, line {line}"):
        import_markdown(shared_store, tmp_path, project=project, strict=True)


def test_a_file_that_is_not_utf8_is_told_with_its_line(tmp_path: Path, shared_store: Store, project: str) -> None:
    (tmp_path / "PLAN_x.md").write_bytes(b"# A\n\nText \xff\n")
    (problem,) = import_markdown(shared_store, tmp_path, project=project).problems
    assert str(problem).startswith("PLAN_x.md, line 3")


def test_a_file_without_a_project_is_told(tmp_path: Path, shared_store: Store) -> None:
    lay(tmp_path, {"PLAN_x.md": "# A\n"})
    (problem,) = import_markdown(shared_store, tmp_path).problems
    assert "names no project" in str(problem)
    with pytest.raises(StoreError, match="not a directory"):
        import_markdown(shared_store, tmp_path / "nothing")


def test_an_event_that_was_edited_is_refused_with_its_session(
    tmp_path: Path, shared_store: Store, project: str
) -> None:
    mine = shared_store.project(project)
    mine.sessions.create("Work", id="s")
    mine.events.add("note", {"n": 1}, session="s", at=DAY)
    export_markdown(mine, tmp_path)
    file = tmp_path / project / "sessions" / "s.md"
    file.write_text(file.read_text().replace('"n": 1', '"n": 2').replace("title: Work", "title: Other"))
    (problem,) = import_markdown(mine, tmp_path).problems
    assert "says something else" in str(problem)
    assert mine.sessions.get("s").title == "Work"


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "phase"]), DOCUMENTS), TEXTS)
@example({"a": {"x": [1, -1.5, "no", None]}}, "\n---\n")
def test_front_matter_is_read_as_it_was_written(values: dict[str, Json], body: str) -> None:
    values = json.loads(json.dumps(values).replace("x" * 600, "x" * 400))
    found = read(write(values, body))
    assert (found.values, found.body) == (values, body)


@given(st.lists(IDS, unique=True, max_size=12))
def test_names_of_files_differ_whatever_the_system_makes_of_case(ids: list[str]) -> None:
    names = Names()
    made = [names.of(one) for one in ids]
    assert len({name.casefold() for name in made}) == len(ids)
    assert all(0 < len(name) < 200 and "/" not in name and not name.startswith(".") for name in made)


def test_the_commands_tell_what_they_have_done(tmp_path: Path, store_url: str) -> None:
    source = lay(tmp_path / "in", {**OTHER_TOOLS, "plans/broken.md": "---\ntitle: a: b\n---\n"})
    done = exuvia("store", "import-markdown", source, store_url, "--project", "app", "--json")
    assert done.returncode == 8, done.stderr
    told = json.loads(done.stdout)
    assert (told["created"], told["changed"], told["skipped"]) == (4, 0, ["README.md", "notes/idea.md"])
    (problem,) = told["problems"]
    assert (problem["file"], problem["line"], problem["code"]) == ("plans/broken.md", 2, "store.markdown.file")
    told_again = exuvia("store", "import-markdown", source, store_url, "--project", "app")
    assert "0 new, 0 changed, 4 as they were" in told_again.stdout
    assert "plans/broken.md, line 2" in told_again.stderr
    strict = exuvia("store", "import-markdown", source, store_url, "--project", "app", "--strict", "--json")
    assert strict.returncode == 13
    assert json.loads(strict.stderr)["error"]["line"] == 2
    assert "5 files written, 0 as they were" in exuvia("store", "export-markdown", tmp_path / "out", store_url).stdout
    (tmp_path / "out" / "app" / "plans" / "gone.md").write_text("---\nexuvia: plan\nproject: app\n---\n")
    again = exuvia("store", "export-markdown", tmp_path / "out", store_url, "--prune", "--json")
    assert json.loads(again.stdout) == {"written": 0, "unchanged": 5, "stale": ["app/plans/gone.md"], "pruned": True}
    assert exuvia("store", "import-markdown", tmp_path / "nothing", store_url).returncode == 13
