"""Everybody who is measured, in the order of the table."""

from benchmarks.peers.any_llm import AnyLLM
from benchmarks.peers.direct import Direct
from benchmarks.peers.headrace import Headrace
from benchmarks.peers.litellm import LiteLLM
from benchmarks.peers.nginx import Nginx
from benchmarks.peers.peer import Peer
from benchmarks.peers.portkey import Portkey
from benchmarks.peers.proto_check import ProtoCheck
from benchmarks.peers.routers import sglang_router, vllm_router
from benchmarks.peers.vanilla import Vanilla


def everybody() -> list[Peer]:
    return [
        Direct(),
        Nginx(),
        sglang_router(),
        vllm_router(),
        Headrace(),
        ProtoCheck(),
        Vanilla(),
        Portkey(),
        LiteLLM(),
        AnyLLM(),
    ]
