#!/usr/bin/env bash
# Makes switchboard-demo.gguf anew: vocabulary, held-out set, training, file, evaluation. Resumes where it was stopped.
# Needs PyTorch (apt install python3-torch). Arguments go to train.py, for example --threads 1.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-/usr/bin/python3}

"$python" -c 'import torch' 2>/dev/null || { echo "PyTorch is missing: apt install python3-torch" >&2; exit 1; }
[ -e build/checkpoint.pt ] || "$python" vocabulary.py --seed 1
"$python" generator.py holdout --seed 1
"$python" train.py --seed 1 --steps 20200 --hold 3600 --threads 2 "$@"
"$python" export_gguf.py
"$python" evaluate.py
