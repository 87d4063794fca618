"""Every Redis key name, its expiry and its cluster hash tag: one function each, and no name is built elsewhere.

Whatever one script touches shares a hash tag, so that each script also runs on a cluster: money and usage of one
account lie in one of 64 partitions (`{p0}` to `{p63}`), the records of API keys under `{keys}`.
"""

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
