"""Every Redis key name, its expiry and its cluster hash tag: one function each, and no name is built elsewhere.

Whatever one script touches shares a hash tag, so that each script also runs on a cluster: money and usage of one
account lie in one of 64 partitions (`{p0}` to `{p63}`), the records of API keys under `{keys}`.
"""

from datetime import date, timedelta
from zlib import crc32

PARTITIONS = 64
DAY_S = 86_400
HOUR_USAGE_KEPT_S = 62 * DAY_S
"""Hours are for the last two months; days are kept for good."""
REQUESTS_KEPT_S = 7 * DAY_S
REQUESTS_KEPT = 5_000
"""Recent requests per partition."""


def partition_of(account_id: str) -> int:
    """The partition that an account lives in; the same in every process and every release."""
    return crc32(account_id.encode()) % PARTITIONS


def key(key_id: str) -> str:
    """One API key's record. No expiry."""
    return f"hr:{{keys}}:key:{key_id}"


def key_by_hash(sha256_hex: str) -> str:
    """From the hash of a key's secret to its id. No expiry."""
    return f"hr:{{keys}}:keyhash:{sha256_hex}"


def keys_index() -> str:
    """Ids of all API keys, by creation. No expiry."""
    return "hr:{keys}:index"


def invalidations() -> str:
    """The channel on which a changed key is announced to every worker of every gateway."""
    return "hr:{keys}:invalidations"


def applied(partition: int) -> str:
    """Hash: journal id → number of the last record of that journal that this partition's counters hold.

    No expiry: a number that vanished would let its journal be counted twice. It goes with its journal's files.
    """
    return f"hr:{{p{partition}}}:applied"


def dimensions(partition: int) -> str:
    """Hash: id of a combination of key, team, model, ... → what it stands for. No expiry."""
    return f"hr:{{p{partition}}}:dimensions"


def usage_of_hour(partition: int, hour: int) -> str:
    """Hash of one hour's counters; `hour` counts hours since the epoch. Expires with `usage_hour_expires_at`."""
    return f"hr:{{p{partition}}}:usage:hour:{hour}"


def usage_hour_expires_at(hour: int) -> int:
    """Epoch seconds at which an hour's counters go."""
    return hour * 3_600 + HOUR_USAGE_KEPT_S


def usage_of_day(partition: int, day: int) -> str:
    """Hash of one UTC day's counters; `day` counts days since the epoch. No expiry."""
    return f"hr:{{p{partition}}}:usage:day:{day}"


def days(partition: int) -> str:
    """Set of the days that have counters. No expiry."""
    return f"hr:{{p{partition}}}:days"


def recent(partition: int) -> str:
    """Sorted set: request id by time of admission. Trimmed to REQUESTS_KEPT and REQUESTS_KEPT_S."""
    return f"hr:{{p{partition}}}:recent"


def requests(partition: int) -> str:
    """Hash: request id → its attempts as a JSON array. Trimmed together with `recent`."""
    return f"hr:{{p{partition}}}:requests"


def response(key_id: str, stem: str) -> str:
    """Hash: one answer of the Responses API, what it was given to, and the turns before it; only for its own API key.

    Expires when HEADRACE_RESPONSES_TTL has passed since its last use; the two below with the last one of them.
    """
    return f"hr:{{p{partition_of(key_id)}}}:response:{key_id}:{stem}"


def responses_by_use(key_id: str) -> str:
    """Sorted set: an API key's kept answers by the epoch second of their last use."""
    return f"hr:{{p{partition_of(key_id)}}}:responses:use:{key_id}"


def responses_sizes(key_id: str) -> str:
    """Hash: an API key's kept answers → their bytes, and `total`."""
    return f"hr:{{p{partition_of(key_id)}}}:responses:sizes:{key_id}"


def observations() -> str:
    """Hash: worker → what it has observed of the targets' speed. Expires after a minute of silence."""
    return "hr:{stats}:observations"


def rates(account_id: str) -> str:
    """Hash: an account's last minute by the second, and who holds how many of its requests in flight.

    Fields: `r:SECOND` requests, `t:SECOND` tokens, `c:HOLDER` a number and when it ends. Expires after two minutes.
    """
    return f"hr:{{p{partition_of(account_id)}}}:rates:{account_id}"


def money(account_id: str, period: str) -> str:
    """Hash: what an account has spent in a period (`settled`), what is out on leases (`open`), and the server's `run`.

    Expires with `money_expires_at`.
    """
    return f"hr:{{p{partition_of(account_id)}}}:money:{period}:{account_id}"


def money_prefix(partition: int) -> str:
    """What the names of a partition's money hashes begin with; `lease_field` follows."""
    return f"hr:{{p{partition}}}:money:"


def of_money(name: str) -> tuple[str, str]:
    """Account and period of a money hash's name."""
    _, _, _, period, account_id = name.split(":", 4)
    return account_id, period


def money_expires_at(period: str) -> int:
    """Epoch seconds at which a period's money is forgotten, long after its last second in any time zone; 0: never.

    A period is named `d2026-10-05`, `w2026-10-05` (its Monday), `m2026-10-01` or `total`.
    """
    if period == "total":
        return 0
    begins = date.fromisoformat(period[1:])
    ends = begins + timedelta(days={"d": 1, "w": 7, "m": 31}[period[0]])
    return (ends - date(1970, 1, 1)).days * DAY_S + HOUR_USAGE_KEPT_S


def leases(partition: int, holder: str) -> str:
    """Hash: the money that one journal's process holds. Per account and period `g:` all it was ever granted, less what
    it gave back; `s:` what of that is spent; `q:` its latest call.

    No expiry: money comes back by its holder's return, or by the closing of the journal.
    """
    return f"hr:{{p{partition}}}:leases:{holder}"


def lease_field(account_id: str, period: str) -> str:
    """What follows `g:`, `s:` and `q:` there; an account's id may hold any character."""
    return f"{period}:{account_id}"


def holders(partition: int) -> str:
    """Set: the journals that hold money of accounts in this partition. No expiry."""
    return f"hr:{{p{partition}}}:holders"


def starving() -> str:
    """The channel on which a request that waits for others' leases is heard: a money hash's name, or rates'."""
    return "hr:{limits}:starving"


def allowances() -> str:
    """Hash: account id of a team or of the organisation → its limits and its budget. No expiry."""
    return "hr:{keys}:allowances"


def allowances_changed() -> str:
    """The channel on which such a change is announced to every worker of every gateway."""
    return "hr:{keys}:allowances:changed"
