"""The data dir: one gateway at a time."""

import os
from pathlib import Path

import orjson
import pytest

from gateway.data_dir import DataDir, DataDirTakenError


def test_a_second_claim_is_refused_and_names_the_owner(tmp_path: Path) -> None:
    first = DataDir.claim(tmp_path / "data")
    with pytest.raises(DataDirTakenError, match=str(os.getpid())):
        DataDir.claim(tmp_path / "data")
    first.release()
    DataDir.claim(tmp_path / "data").release()


def test_the_directory_is_its_owners_alone(tmp_path: Path) -> None:
    DataDir.claim(tmp_path / "data").release()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_the_gateway_is_announced_while_it_runs(tmp_path: Path) -> None:
    data_dir = DataDir.claim(tmp_path)
    data_dir.announce("http://127.0.0.1:8080")
    assert orjson.loads((tmp_path / "gateway.json").read_bytes()) == {"url": "http://127.0.0.1:8080"}
    data_dir.release()
    assert not (tmp_path / "gateway.json").exists()
