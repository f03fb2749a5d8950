#!/usr/bin/env bats
# The number of an op is never given twice: epochs of a store that has
# written, was copied or set back, and writes again.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	sada-init -N A A >key.A
	sada-init -N B B >key.B
	sada-peer -C A add <key.B
	sada-peer -C B add <key.A
	write B 1
	write B 2
}

# write NAME TEXT: record it in the file f.
write() {
	echo "$2" >"$1/f"
	sada-snap -q -C "$1" >/dev/null
}

# dots NAME: epoch and number of B's ops in NAME's log, sorted.
dots() {
	sada-log -C "$1" --json | grep '"author":"B"' |
	    grep -o '"epoch":"[0-9a-f]*","seq":[0-9]*' | LC_ALL=C sort
}

# epochs NAME: how many of B's are in NAME's log.
epochs() {
	dots "$1" | cut -d, -f1 | uniq | wc -l
}

@test "ops in a row count up in one epoch" {
	write B 3
	[ "$(dots B | cut -d: -f3 | tr '\n' ' ')" = "1 2 3 " ]
	[ "$(epochs B)" -eq 1 ]
}

@test "a copy that takes the store's place opens an epoch at once" {
	cp -a B/.sada old
	write B 3
	sada-push -C B -o b.sada A >/dev/null
	sada-pull -C A b.sada >/dev/null
	rm -r B/.sada
	mv old B/.sada
	write B 4
	[ "$(epochs B)" -eq 2 ]
	sada-push -C B -o b.sada A >/dev/null
	sada-pull -C A b.sada >/dev/null
	[ "$(epochs A)" -eq 2 ]
	[ "$(dots A | uniq -d | wc -l)" -eq 0 ]
	[ "$(dots A | wc -l)" -eq 4 ]
	sada-verify -C A
}

@test "a copy beside the store opens an epoch, the store does not" {
	cp -a B B2
	write B 3
	write B2 4
	[ "$(epochs B)" -eq 1 ]
	[ "$(epochs B2)" -eq 2 ]
	sada-verify -C B2
}

@test "own ops that come back unknown open an epoch" {
	cp -a B/.sada old
	write B 3
	sada-push -C B -o b.sada A >/dev/null
	sada-pull -C A b.sada >/dev/null
	sada-push -C A -o a.sada --full B >/dev/null
	# The same files, so that nothing shows that it was set back.
	cp old/log/* B/.sada/log/
	sada-pull -C B a.sada >/dev/null
	sada-merge -q -C B || [ $? -eq 1 ]
	write B 4
	[ "$(epochs B)" -eq 2 ]
	[ "$(dots B | uniq -d | wc -l)" -eq 0 ]
}
