"""nginx as a plain reverse proxy: what relaying alone costs in C."""

import subprocess

from benchmarks import install
from benchmarks.child import Child
from benchmarks.loopback import free_port
from benchmarks.peers.peer import SHARED_RATES, Capacity, Place, Running, await_chat, clean_environment, descendants

_CONFIG = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 100000000;
    client_body_buffer_size 256k;
    upstream mock {{ server 127.0.0.1:{mock}; keepalive 1024; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""


class Nginx:
    name = "nginx"
    does = "relays; no key, no body parsed, nothing counted"
    carries = Capacity(rates_per_s=SHARED_RATES)

    def __init__(self) -> None:
        self._program = ""

    def prepare(self) -> str:
        self._program = str(install.debian_package("nginx-light", "nginx"))
        told = subprocess.run([self._program, "-v"], capture_output=True, text=True, check=True).stderr
        return told.strip().rpartition("/")[2]

    def start(self, place: Place) -> Running:
        port = free_port()
        config = place.folder / "nginx.conf"
        config.write_text(_CONFIG.format(folder=place.folder, port=port, mock=place.mock_port))
        command = [self._program, "-p", str(place.folder), "-c", str(config)]
        log = place.folder / "nginx.log"
        child = Child.start(command, cores=place.cores, log=log, env=clean_environment(), cwd=place.folder)
        try:
            ready_s = await_chat(child, port, {}, limit_s=20)
        except BaseException:
            child.stop()
            raise
        return Running(port, child, ready_s, workers=descendants(child))
