"""`prefer`: those that miss it come last, in the order that they had."""

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.routing.policies.order import Dice, Order
from gateway.routing.requirements import missed, missed_now
from gateway.routing.schema.policies import RequirementRules
from gateway.stats.snapshot import Prospect


def preferring(rules: RequirementRules, order: Order) -> Order:
    """The same order in two halves: who meets the preference, and who does not."""

    def preferred(chat: ChatRequest, dice: Dice, prospect: Prospect) -> tuple[Deployment, ...]:
        ordered = order(chat, dice, prospect)
        late = {
            deployment.id
            for deployment in ordered
            if missed(rules, deployment) is not None or missed_now(rules, deployment, chat, prospect) is not None
        }
        if not late or len(late) == len(ordered):
            return ordered
        return (
            *[deployment for deployment in ordered if deployment.id not in late],
            *[deployment for deployment in ordered if deployment.id in late],
        )

    return preferred
