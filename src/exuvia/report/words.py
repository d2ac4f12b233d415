"""Numbers, sizes, durations and untrusted names as a person reads them."""

from __future__ import annotations

import re

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_PASSWORD_IN_AUTHORITY = re.compile(r"(://[^/\s:@]*):[^/\s@]*@")
_PASSWORD_IN_QUERY = re.compile(r"(?i)\b(password|sslpassword|passwd)=[^&\s]*")

# Control characters move a cursor, direction overrides reorder text, and characters without width hide a difference:
# all are shown, not obeyed.
_VISIBLE = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"}
_VISIBLE[0x7F] = "\u2421"
_VISIBLE |= {code: f"\\x{code:02x}" for code in range(0x80, 0xA0)}
_VISIBLE |= {code: f"\\u{code:04x}" for code in (*range(0x2028, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)}
_VISIBLE |= {code: f"\\u{code:04x}" for code in (0x200B, 0x2060, 0xFEFF)}
_VISIBLE |= {code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)}


def plain(text: object) -> str:
    """Return ``text`` with control characters, direction overrides, lone surrogates and the like made visible."""
    return str(text).translate(_VISIBLE)


def one_line(text: object, limit: int = 0) -> str:
    """Return ``text`` on one line, visible as by ``plain``, cut to ``limit`` characters when that is not 0."""
    line = " ".join(plain(text).split())
    return line if not limit or len(line) <= limit else line[: limit - 1] + "…"


def literal(text: object, limit: int = 0) -> str:
    """Return ``text`` on one line with every space kept and line ends and tabs visible, cut as by ``one_line``."""
    line = plain(text).replace("\n", "\u240a").replace("\t", "\u2409")
    return line if not limit or len(line) <= limit else line[: limit - 1] + "…"


def without_password(url: str) -> str:
    """Return a connection URL whose password, if it has one, is replaced by ``***``."""
    return _PASSWORD_IN_QUERY.sub(r"\1=***", _PASSWORD_IN_AUTHORITY.sub(r"\1:***@", url))


def product(version: str) -> str:
    """Return a server's version with the product's name: ``PostgreSQL 18.1``."""
    return f"PostgreSQL {version}" if version[:1].isdigit() else version


def beyond_declared(reason: str, declared: str) -> str:
    """Return a decision's reason without its beginning ``declared X``, for where the declared type stands beside it."""
    return reason.removeprefix(f"declared {declared}").lstrip(" ;,").removeprefix("and ")


def count(number: int) -> str:
    """Return a whole number with thousands separators: ``1,234,567``."""
    return f"{number:,}"


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: ``1 row``, ``2 rows``, ``0 indexes``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def size(number: float) -> str:
    """Return a number of bytes in decimal units with three figures: ``98 B``, ``1.41 MB``, ``23.0 GB``."""
    value, unit = float(number), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    if unit == 0:
        return f"{value:.0f} B"
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{decimals}f} {_UNITS[unit]}"


def duration(seconds: float) -> str:
    """Return a time span: ``4 ms``, ``1.24 s``, ``2 min 05 s``, ``3 h 12 min``."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02d} min"


def clock(seconds: float) -> str:
    """Return a time left as a counter: ``0:07``, ``12:30``, ``1:02:03``."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def rate(number: float, seconds: float) -> str:
    """Return a number of rows per second, ``-`` when no time passed that could be measured."""
    return f"{number / seconds:,.0f} rows/s" if seconds > 0.0005 and number else "-"
