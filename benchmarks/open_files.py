"""How many files a process may hold open: ten thousand streams take more than a login shell usually grants."""

import resource

_WANTED = 32_768


def raise_limit() -> int:
    """Raise our own limit, which every child inherits, as far as we may; the limit then in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    aim = _WANTED if hard == unlimited else min(_WANTED, hard)
    if soft == unlimited or soft >= aim:
        return _WANTED if soft == unlimited else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (aim, hard))
    return aim


def streams_within(limit: int, wanted: int, workers: int) -> int:
    """As many of the wanted streams as the limit bears: the load holds one file a stream, a worker two of its share."""
    spare, unevenness = 500, 1.2  # the kernel deals connections to workers by a hash, not in turn
    by_load = limit - spare
    by_worker = int((limit - spare) * workers / (2 * unevenness))
    return max(1, min(wanted, by_load, by_worker))
