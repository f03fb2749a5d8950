#!/usr/bin/env bats
# contrib/replay: a history's merges, and edits of real files, come out as
# git merge-file makes them; and a difference is found.

# shellcheck disable=SC2154	# stderr is of run
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	replay=$SRCDIR/contrib/replay
	if [ -w /dev/shm ]; then
		TMPDIR=$(mktemp -d /dev/shm/replay-XXXXXX)
		export TMPDIR
	fi
}

teardown() {
	case $TMPDIR in
	/dev/shm/replay-*) rm -rf "$TMPDIR" ;;
	esac
}

history() {
	git init -q --bare "$1"
	"$SRCDIR/t/history.py" "$2" "$3" |
	    git --git-dir="$1" fast-import --quiet
}

# Print how many files of a kind there were.
kind() { sed -n "s/^$1  *\\([0-9][0-9]*\\).*/\\1/p" <<<"$output"; }

@test "30 merges of a history" {
	history h.git 30 7
	run -0 --separate-stderr "$replay" -s 1 h.git
	echo "$output"
	[[ "${lines[0]}" = "32 merges, "*", seed 1" ]]
	for k in binary 'both added' 'both edited, conflict' \
	    'both edited, merged' 'edit against deletion' \
	    'renamed and edited, merged' 'git -M50: edit follows rename'; do
		[ "$(kind "$k")" -gt 0 ]
	done
}

# The part of the kernel's tree that every C compiler's library brings.
@test "files of the kernel, edited on both sides" {
	run -0 --separate-stderr "$replay" -n 500 -s 2 /usr/include/linux
	echo "$output"
	[ "${lines[0]}" = "500 files, seed 2" ]
	[ "$(kind 'both edited, conflict')" -gt 100 ]
	[ "$(kind 'both edited, merged')" -gt 100 ]
}

@test "another merge than git merge-file's is named" {
	history h.git 4 7
	mkdir bin
	cat >bin/git <<-END
		#!/bin/sh
		$(command -v git) "\$@" || exit
		[ "\$1" != merge-file ] || echo more
	END
	chmod +x bin/git
	PATH=$PWD/bin:$PATH run -1 --separate-stderr "$replay" h.git
	[[ "$output" = *", merged: other bytes"* ]]
	[[ "$stderr" = "replay: the replicas are in "* ]]
}

@test "what is no tree, and what has no merges" {
	run -1 --separate-stderr "$replay" nothing
	[ -n "$stderr" ]
	git init -q --bare empty.git
	run -1 --separate-stderr "$replay" empty.git
	[ -n "$stderr" ]
}
