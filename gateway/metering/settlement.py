"""Who pays what for an attempt, by how it ended: one table, in one function. Pure.

docs/metering.md shows the table and says why each row is as it is.
"""

from math import ceil

from backends.types import Usage
from gateway.catalog.prices import cost
from gateway.metering.records import AttemptStart, Ending, EndState, Source, UsageRecord

UNARY_PACE_TOKENS_PER_S = 50
"""What an upstream is taken to generate while nobody can see it: a unary attempt that was ended before its answer."""

NOTHING = Usage()


def settle(start: AttemptStart, ending: Ending) -> UsageRecord:
    """The record of one attempt."""
    usage, source = _usage(start, ending)
    price = start.price
    if source is Source.NONE:
        cost_nano: int | None = 0
    elif price is None:
        cost_nano = None
    else:
        cost_nano = cost(usage, price)
    return UsageRecord(start, ending, usage, source, cost_nano)


def _usage(start: AttemptStart, ending: Ending) -> tuple[Usage, Source]:
    # 1. The upstream said what it used, in whatever way it ended: that is the bill.
    if ending.usage is not None:
        return ending.usage, Source.PROVIDER
    # 2. Nothing can have been processed, or an error answer came in place of one: nobody bills that.
    state = ending.state
    if not ending.may_have_billed or state is EndState.NEVER_SENT or state is EndState.REFUSED:
        return NOTHING, Source.NONE
    # 3. What could be seen of the answer was counted: streams, and whole answers that report no usage.
    if start.stream or state is EndState.COMPLETE:
        return Usage(input=start.input_estimate, output=ending.content_events), Source.ESTIMATED
    # 4. A unary attempt of a process that died: nobody knows how long the upstream went on, so it is charged its bound.
    if state is EndState.KILLED:
        return Usage(input=start.input_estimate, output=start.output_bound), Source.ESTIMATED
    # 5. A unary attempt that ended without an answer (caller left, clock ran out, connection lost): what was generated
    #    until then, at the usual pace.
    generated = min(start.output_bound, ceil(ending.duration_s * UNARY_PACE_TOKENS_PER_S))
    return Usage(input=start.input_estimate, output=generated), Source.ESTIMATED
