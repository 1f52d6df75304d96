#!/usr/bin/env bash
# bash scripts/test.sh                  everything: lint, types, unit tests, slow tests
# bash scripts/test.sh -k prompts       only the tests that pytest selects by these arguments
set -euo pipefail
source "$(dirname "$0")/environment.sh"
# Tests never reach for a hub; tiny models are slower on several threads.
export HF_HUB_OFFLINE=1 WANDB_MODE=offline OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" TOKENIZERS_PARALLELISM=false
if [ $# -gt 0 ]; then
    exec python -m pytest "$@"
fi
ruff check .
ruff format --check .
mypy
python -m pytest -m "not slow and not thorough" -n 2 --durations 5
python -m pytest -m "thorough and not slow" -n 2 --durations 5
python -m pytest -m slow -n 2 --dist loadfile --durations 5
