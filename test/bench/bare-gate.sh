#!/bin/sh
# The git commands that a gate cannot do without: URL, path of the review file, allowed signers.
set -e
url=$1 path=$2 signers=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
git init --quiet --bare "$dir/clone.git"
cd "$dir/clone.git"
git fetch --quiet --no-tags "$url" +refs/heads/main:refs/remotes/origin/main
git log -z --topo-order --format='%H%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B' origin/main > "$dir/log"
git log --grep='^review(' --format=%H origin/main > "$dir/shas"
git -c "gpg.ssh.allowedSignersFile=$signers" log --no-walk=unsorted --stdin --format='%H %G? %GS %GF' < "$dir/shas" > "$dir/signatures"
git log --full-history --format=%H origin/main -- "$path" > "$dir/touching"
sed "s|\$|:$path|" "$dir/shas" | git cat-file --batch > "$dir/blobs"
