"""Our own HTTP/1.1 for the generating routes: callbacks and bytes. Every other connection is aiohttp's."""
