"""What the project of the benchmark is about: the parts of a shop, each with what people say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PEOPLE: Final = ("ada", "grace", "edsger", "barbara", "donald", "radia")


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the system.

    Args:
        topic: Its name.
        parts: What it is made of.
        goals: What its plans are for.
        choices: What was chosen, and why.
        troubles: What went wrong, and why.
        lessons: What was learnt.
    """

    topic: str
    parts: tuple[str, ...]
    goals: tuple[str, ...]
    choices: tuple[tuple[str, str], ...]
    troubles: tuple[tuple[str, str], ...]
    lessons: tuple[str, ...]


AREAS: Final = (
    Area(
        "auth",
        ("login form", "token service", "password reset", "session cookie", "consent screen"),
        (
            "Let customers sign in with passkeys",
            "Rotate refresh tokens",
            "Single sign-on for partners",
            "Lock accounts after guesses",
            "Move sessions out of memory",
        ),
        (
            ("Refresh tokens rotate on every use", "a stolen token is then used twice, which we can see"),
            ("Passkeys come before passwords on the form", "most support requests are about forgotten passwords"),
            ("Sessions live for 12 hours", "the partners' auditors ask for less than a day"),
        ),
        (
            ("Users are signed out when two tabs refresh at once", "both used the same refresh token"),
            ("The consent screen loops on Safari", "the cookie is dropped by its tracking prevention"),
        ),
        (
            "A clock that is 30 seconds off breaks one-time codes; accept the code before, too.",
            "Test with two browsers, never with two tabs only.",
        ),
    ),
    Area(
        "checkout",
        ("basket", "address form", "order summary", "voucher field", "confirmation page"),
        (
            "Check out in under a second",
            "Guest checkout",
            "Vouchers that can be combined",
            "Save the basket across devices",
            "Ask for the address once",
        ),
        (
            ("The basket is kept on the server", "people change from phone to laptop before they pay"),
            ("Vouchers are applied cheapest first", "it is the order that customers expect in the survey"),
            ("Guests may order without an account", "a third of the visitors left at the account form"),
        ),
        (
            ("The order is placed twice after a slow click", "the button is not disabled while the request runs"),
            ("Vouchers of 100 percent cannot be paid", "the payment provider refuses an amount of zero"),
        ),
        (
            "Every field that was removed from the form raised conversion by about one percent.",
            "Show the delivery costs before the address, not after it.",
        ),
    ),
    Area(
        "payments",
        ("card adapter", "refund job", "ledger", "webhook receiver", "dunning mails"),
        (
            "A second payment provider",
            "Refunds without a person",
            "A ledger that always balances",
            "Retry failed card payments",
            "Pay by invoice",
        ),
        (
            ("Webhooks are stored before they are answered", "the provider gives up after ten seconds"),
            ("Amounts are integers of cents", "a float has lost a cent in the quarterly report"),
            ("Refunds above 500 euros need a second person", "the auditors of the bank ask for it"),
        ),
        (
            ("Refunds are booked twice when the webhook is repeated", "the handler was not idempotent"),
            ("Card payments fail for names with an apostrophe", "the adapter escapes it twice"),
        ),
        (
            "Ask the provider for the state; never trust the order in which webhooks come.",
            "Keep the provider's raw answer: it settled three disputes.",
        ),
    ),
    Area(
        "search",
        ("query parser", "synonym list", "ranking model", "suggestion box", "index builder"),
        (
            "Forgive typing errors",
            "Rank by what sells",
            "Synonyms that editors maintain",
            "Index new products within a minute",
            "Facets that answer quickly",
        ),
        (
            ("Synonyms are edited in the back office", "developers were asked for a new one twice a day"),
            ("The ranking uses sales of 28 days", "seven days jump with every campaign"),
            ("Suggestions come from completed searches only", "typing errors were suggested to everyone"),
        ),
        (
            ("Umlauts are not found without them", "the analyser folds accents for the index but not for the query"),
            ("Facet counts differ from the list", "the filter is applied after the counting"),
        ),
        (
            "Half of the searches have one word; tune for those first.",
            "Log searches without a hit: they are the list of products that are missing.",
        ),
    ),
    Area(
        "shipping",
        ("label printer", "carrier adapter", "parcel planner", "returns portal", "tracking page"),
        (
            "A carrier for Switzerland",
            "Labels in batches",
            "Returns without paper",
            "Split orders by warehouse",
            "Promise a delivery day",
        ),
        (
            ("Orders are split by warehouse at noon", "the carriers collect at three"),
            ("Returns use a QR code", "nobody under thirty has a printer"),
            ("The promised day counts from payment", "invoices were promised too early"),
        ),
        (
            ("Labels for islands carry the wrong zone", "the postcode list of the carrier is of last year"),
            ("The tracking page shows parcels of others", "tracking numbers are reused after 90 days"),
        ),
        (
            "Carriers change their interfaces in December; freeze ours in November.",
            "Print a test label every morning.",
        ),
    ),
    Area(
        "infra",
        ("deployment pipeline", "database pool", "load balancer", "log collector", "backup job"),
        (
            "Deploy without downtime",
            "Restore a backup every week",
            "Halve the bill for logs",
            "PostgreSQL 18",
            "Alerts that mean something",
        ),
        (
            ("Backups are restored every Sunday by a job", "a backup that nobody has restored is a hope"),
            ("Logs are kept for 14 days", "nobody has looked at an older one in a year"),
            ("The pool has 20 connections for each service", "more made the database slower in the load test"),
        ),
        (
            ("Deployments hang while a report runs", "the migration waits for a lock without a timeout"),
            ("The load balancer drops long uploads", "its idle timeout is 60 seconds"),
        ),
        (
            "Set lock_timeout before every migration.",
            "An alert without a runbook is deleted.",
        ),
    ),
)

WORK: Final = (
    "wrote the first version of the {part}",
    "moved the {part} behind a feature flag",
    "covered the {part} with tests of its errors",
    "measured the {part} under load",
    "went through the {part} with {person}",
    "removed the old {part} and its settings",
    "documented the {part} for the people on call",
    "reviewed {person}'s change to the {part}",
)
REASONS: Final = (
    "so that the {other} no longer has to know about it",
    "because the {other} was in the way twice this week",
    "which takes the load off the {other}",
    "as agreed with {person} on Monday",
    "before the {other} is touched at all",
    "since the numbers of the {other} did not explain the delay",
)
BACKGROUND: Final = (
    "Support counted {number} requests about the {part} last quarter, and most of them came on Mondays.",
    "The {part} was written when the shop had {number} orders a day; it has ten times as many now.",
    "{person} has looked at how others do it, and found no reason for our {part} to be special.",
    "The {part} and the {other} share a table, which is why a change to one has broken the other {few} times.",
    "A prototype of the {part} took {few} days and answered the main question: it can be done without a new service.",
)
STEPS: Final = (
    "Write down what the {part} promises to the {other}.",
    "Put the new {part} beside the old one, and send it {few} percent of the traffic.",
    "Compare the answers of both for a week, and look at each difference by hand.",
    "Teach the {other} to go on when the {part} is away.",
    "Move the settings of the {part} to where the {other} has its own.",
    "Delete the old {part} once nobody has used it for {few} weeks.",
)
RISKS: Final = (
    "The {other} may depend on an error message of the {part}; search for its text first.",
    "If the {part} is late, the {other} cannot be released before the freeze.",
    "Nobody but {person} knows how the {part} is deployed.",
    "The load test has {number} users; the sale had more.",
)
