"""The tiny model: the same bytes each time, so that a failing test is never the model's fault."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from tests.support.gateway import ROOT

pytestmark = pytest.mark.vllm


def test_the_tiny_model_is_the_same_bytes_each_time(engine_venv: Path, tmp_path: Path) -> None:
    digests = []
    for name in ("once", "again"):
        out = tmp_path / name
        maker = ROOT / "scripts" / "make_tiny_qwen3.py"
        subprocess.run([engine_venv / "bin" / "python", maker, out], check=True, stdout=subprocess.DEVNULL, timeout=60)
        digests.append({file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in out.iterdir()})

    assert digests[0] == digests[1]
    assert sorted(digests[0]) == [
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
