#!/usr/bin/env bash
# Makes switchboard-demo.gguf anew: vocabulary, held-out set, two rounds of training, file, evaluation. Resumes where it was stopped.
# Needs PyTorch (apt install python3-torch). Arguments go to train.py, for example --threads 2.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-/usr/bin/python3}

"$python" -c 'import torch' 2>/dev/null || { echo "PyTorch is missing: apt install python3-torch" >&2; exit 1; }
[ -e build/checkpoint.pt ] || "$python" vocabulary.py --seed 1
"$python" generator.py holdout --seed 1
if [ ! -e build/second.pt ]; then
  "$python" train.py --seed 1 "$@"
  "$python" export_gguf.py
fi
# Whether one longer round does as well has not been tried.
"$python" train.py --seed 2 --from switchboard-demo.gguf --checkpoint build/second.pt --steps 11000 --hold 2000 "$@"
"$python" export_gguf.py --checkpoint build/second.pt
"$python" evaluate.py
