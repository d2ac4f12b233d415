"""The words that say what kind of thing, in what state, is asked about; and the words that say nothing."""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NOUNS: Final = {
    "decision": "decision",
    "choice": "decision",
    "rationale": "decision",
    "reasoning": "decision",
    "bug": "bug",
    "defect": "bug",
    "problem": "bug",
    "issue": "bug",
    "learning": "learning",
    "insight": "learning",
    "lesson": "learning",
    "pattern": "pattern",
    "task": "task",
    "goal": "goal",
    "objective": "goal",
    "validation": "validation",
    "plan": "plan",
    "session": "session",
    "frame": "frame",
    "anchor": "anchor",
    "fact": "anchor",
    "constraint": "constraint",
    "risk": "risk",
    "todo": "todo",
    "to-do": "todo",
    "document": "document",
    "doc": "document",
    "paper": "document",
    "annotation": "annotation",
    "node": "node",
    "workflow": "workflow",
    "message": "message",
    "chat": "message",
    "conversation": "message",
    "thread": "thread",
    "event": "event",
}
"""Kinds by their names in the singular."""
VERBS: Final = {
    **dict.fromkeys(
        _words("decide decided decides deciding chose choose chosen choosing agree agreed settled concluded"),
        "decision",
    ),
    **dict.fromkeys(_words("broke broken breaks crashed crash crashes"), "bug"),
    **dict.fromkeys(_words("learn learned learnt learns"), "learning"),
    **dict.fromkeys(_words("accomplished accomplish achieved achieve finished"), "task"),
    **dict.fromkeys(_words("pinned"), "anchor"),
}
"""Kinds by what was done."""
WHY_VERBS: Final = _words(
    "use used pick picked drop dropped ditch ditched switch switched move moved reject rejected prefer preferred adopt"
    " adopted abandon abandoned replace replaced go went"
)
"""What a decision was, after ``why``."""
KIND_WORDS: Final = (
    *(f"{noun}s" for noun in NOUNS if len(noun) > 4),
    *(noun for noun in (*NOUNS, *VERBS) if len(noun) > 5),
)
"""Names of kinds that a typing error leaves recognisable."""
STATUSES: Final = {
    **dict.fromkeys(_words("open unfinished outstanding pending remaining unsolved unresolved unfixed undone"), "open"),
    **dict.fromkeys(_words("blocked stuck"), "blocked"),
    **dict.fromkeys(_words("complete completed done finish finished closed solved resolved fixed"), "complete"),
    **dict.fromkeys(_words("active ongoing running"), "active"),
    "planned": "planned",
    "paused": "paused",
    **dict.fromkeys(_words("cancelled canceled"), "cancelled"),
    "superseded": "superseded",
    "abandoned": "abandoned",
    **dict.fromkeys(_words("failed failing"), "failed"),
}
STATUS_KINDS: Final = {
    **dict.fromkeys(_words("done finished completed accomplished achieved"), "task"),
    **dict.fromkeys(_words("unsolved unresolved unfixed solved resolved fixed"), "bug"),
    "planned": "plan",
}
"""What a state is of, where the question names nothing."""
PRIORITIES: Final = _words("low medium high critical")
TESTED: Final = _words("test tests check checks validation validations ci")
PASSED: Final = _words("pass passed passing")
HAPPENING: Final = _words("happened happen happening new news changed")
ABOUT: Final = _words("about regarding concerning re mention mentions mentioned mentioning")
NEGATIONS: Final = _words("not without except excluding never no")
PEOPLE: Final = _words("i my mine myself")
PRONOUNS: Final = _words("we it i they you he she this that there")
STOP: Final = _words(
    """
    a an the this that these those and or but if then than so such also just only very much many more most less least
    what which who whom whose when where why how is are am was were be been being do does did done doing have has had
    having can could will would shall should may might must ought supposed need needs us we our ours you your they
    them their he him his she her it its me i my mine myself ourselves
    of in on at to for from with by about into onto over under through during within between against regarding
    concerning re as per via up down out off back around across along upon behind
    any some all every each both either neither few several lot lots anything something everything nothing anyone
    anybody someone somebody everyone everybody one ones thing things stuff people
    here there now ever yet still already again too once else other others another same own
    please pls plz thanks thank hey hi hello ok okay well uhm uh um hmm lol rn btw like really actually maybe yes no
    tell show list give get got getting find found look see seen know known knew knows remember remind recall mention
    mentions mentioned mentioning say said says talk talked discuss discussed want wants wanted let make made makes
    making take took taken come came go going went gone put set use used using uses work worked working works happen
    happened happening happens deal deals handle exist exists there's date dated concern concerns apply applies call
    called idea ideas reason reasons miss missed define defined discover discovered encounter encountered capture
    captured report reported touch touched record recorded write wrote written run ran change changed changes started
    pinned
    latest last recent recently newest earliest first oldest new news left next previous current currently so far
    project projects topic topics tag tags tagged time times kind kinds entry entries memory memories information
    info details overview summary status state number count total often long ago
    not without except excluding never and/or 's did didn does doesn is isn ti ever e.g i.e etc responsible explain
    assigned history add added owned sent team guys going
    summarise summarize summarised summarized describe
    """
)
"""Words that a question has and a search has no use for."""
IDIOMS: Final = (
    ("on", "earth"),
    ("the", "hell"),
    ("the", "heck"),
    ("by", "the", "way"),
    ("by", "now"),
    ("right", "now"),
    ("took", "place"),
    ("take", "place"),
    ("so", "far"),
    ("up", "to", "now"),
    ("at", "all"),
)
"""Phrases that say nothing."""


def kind_of(word: str) -> str | None:
    """Return the kind that a word names."""
    return NOUNS.get(word) or NOUNS.get(singular(word)) or VERBS.get(word)


def singular(word: str) -> str:
    """Return a word without its plural, by English rules of thumb."""
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3 else word


def stem(word: str) -> str:
    """Return what a word shares with its inflections: ``deploy`` of deployed, deployment and deployments."""
    bare = singular(word)
    for ending in ("ments", "ment", "ings", "ing", "ions", "ion", "ed", "er"):
        if bare.endswith(ending) and len(bare) - len(ending) >= 4:
            return bare[: -len(ending)]
    return bare[:-1] if bare.endswith("e") and len(bare) > 4 else bare
