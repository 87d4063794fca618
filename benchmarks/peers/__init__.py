"""Everybody who is measured, in the order of the table."""

from benchmarks.peers.direct import Direct
from benchmarks.peers.headrace import Headrace
from benchmarks.peers.litellm import LiteLLM
from benchmarks.peers.nginx import Nginx
from benchmarks.peers.peer import Peer
from benchmarks.peers.portkey import Portkey
from benchmarks.peers.proto_check import ProtoCheck
from benchmarks.peers.vanilla import Vanilla


def everybody() -> list[Peer]:
    return [Direct(), Nginx(), ProtoCheck(), Vanilla(), Headrace(), Portkey(), LiteLLM()]
