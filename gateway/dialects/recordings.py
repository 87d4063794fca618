"""How many tokens a recording is likely to be: for upstreams that count none, or count seconds."""

import struct

TOKENS_PER_S = 10
"""OpenAI's audio models read a hundred milliseconds as one token."""
BYTES_PER_S = 16_000
"""Of compressed sound: MP3 at 128 kbit/s."""
_RIFF = struct.Struct("<4sI4s4sIHHIIHH")


def estimate_tokens(recording: memoryview) -> int:
    """From the duration where the file says it plainly (WAV), else from its size."""
    byte_rate = BYTES_PER_S
    if len(recording) >= _RIFF.size:
        riff, _, wave, chunk, _, _, _, _, rate, _, _ = _RIFF.unpack_from(recording)
        if (riff, wave, chunk) == (b"RIFF", b"WAVE", b"fmt ") and rate:
            byte_rate = rate
    return max(len(recording) * TOKENS_PER_S // byte_rate, 1)
