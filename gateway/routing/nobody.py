"""When there is nobody to try: why, in the words of the one reason that matters most to the caller."""

from collections.abc import Sequence

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.errors import Forbidden, GatewayError, InvalidRequest, Unavailable
from gateway.routing.body import output_limit
from gateway.routing.decision import Fallbacks, Kind, Rejection
from gateway.routing.problems import printable
from gateway.routing.suitability import count_input

_SHOWN = 8


class NobodyLeft(Exception):
    """No target of a model may serve the request; other models may."""

    def __init__(
        self,
        model: str,
        chat: ChatRequest,
        rejected: Sequence[Rejection],
        drained: Sequence[Deployment],
        fallbacks: Fallbacks,
        deployments: Sequence[Deployment] = (),
    ) -> None:
        super().__init__(model)
        self.model = model
        self.rejected = tuple(rejected)
        self._chat = chat
        self._drained = drained
        self._fallbacks = fallbacks
        self._deployments = deployments

    @property
    def others(self) -> tuple[str, ...]:
        """The models to turn to, by what is wrong here."""
        if self._only(Kind.CONTEXT):
            return self._fallbacks.on_context_overflow
        return self._fallbacks.on_error

    def told(self) -> GatewayError:
        """400 where the request itself can't be served, 503 where waiting may help, 403 where nothing will."""
        metadata = {"rejected": [{"target": one.target_id, "reason": one.reason} for one in self.rejected[:32]]}
        if self._only(Kind.CONTEXT):
            error: GatewayError = self._too_long()
        elif self._only(Kind.DIALECT):
            error = self._not_carried()
        else:
            error = self._drained_or_forbidden()
        error.metadata.update(metadata)
        return error

    def _only(self, kind: Kind) -> bool:
        """Whether this is what leaves out all that could have served it otherwise."""
        kinds = {one.kind for one in self.rejected} - {Kind.PROVIDER, Kind.DRAINED, Kind.MODEL}
        return kinds == {kind} and not (self._drained and kind is not Kind.CONTEXT)

    def _too_long(self) -> InvalidRequest:
        """In the words that clients of OpenAI look for, with the numbers."""
        limit, counted = output_limit(self._chat.body), count_input(self._chat)
        windows = [one.context_window for one in self._deployments if one.context_window is not None]
        answer = f" and asks for up to {limit} of answer ({counted + limit} in all)" if limit else ""
        return InvalidRequest(
            f"This model's maximum context length is {max(windows, default=0)} tokens. "
            f"However, your request has {counted} tokens of input, about,{answer}. Send less, or name a model that "
            "reads more.",
            code="context_length_exceeded",
            param="messages",
        )

    def _not_carried(self) -> InvalidRequest:
        if self._chat.untranslated is not None:
            param, message = self._chat.untranslated
            return InvalidRequest(message, param=param)
        route = self._chat.dialect.removeprefix("openai_")
        return InvalidRequest(
            f"This model's provider has no route for {route}: name another model. ({self._reasons()})", param="model"
        )

    def _drained_or_forbidden(self) -> GatewayError:
        shown, reasons = printable(self.model), self._reasons()
        if self._drained:
            return Unavailable(
                f"Every target of the model '{shown}' is drained. Try again later. ({reasons})",
                code="no_healthy_target",
                retry_after_s=5,
            )
        return Forbidden(
            f"No target may serve the model '{shown}': {reasons or 'it has none'}.", code="no_eligible_target"
        )

    def _reasons(self) -> str:
        told = (f"{printable(one.target_id)}: {one.reason}" for one in self.rejected[:_SHOWN])
        return "; ".join(dict.fromkeys(told))
