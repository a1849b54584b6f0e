# Shared by the scripts of this folder: `. scripts/lib.sh` from the root of the repository.

die() {
  echo "muster: $*" >&2
  exit 1
}

say() { echo "muster: $*"; }

require_root() { [ "$(id -u)" = 0 ] || die "$1 needs root: run it with sudo"; }

# One line for the contents of files and folders: changes when they do.
stamp_of() { find "$@" -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1; }

muster() { dist/cli.js "$@"; }
