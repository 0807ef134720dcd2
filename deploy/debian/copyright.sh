#!/bin/sh
# The copyright file of the package: ours, and that of the libraries whose code is in the binaries, as
# Debian's packages have it. Usage: copyright.sh
set -eu
cat <<'END'
Newsprint
Copyright 2026 the Newsprint maintainers

The programs contain code of the following libraries. What they link to dynamically is in packages of its own.
END
for package in libfaiss-dev libxxhash-dev nlohmann-json3-dev; do
  printf '\n%s\n%s\n\n' "$package" ------------------------------------------------------------
  cat "/usr/share/doc/$package/copyright"
done
