#!/usr/bin/env bats
# A damaged store heals by what peers have, without a repair command.

# shellcheck disable=SC2154	# stderr is of run
bats_require_minimum_version 1.5.0
load replicas.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	[ -n "$PYTHON" ] || PYTHON=python3
}

# two: A and B, which know each other, and hold what is in A.
two() {
	local i
	replicas A B
	mkdir A/d
	for i in 1 2 3 4 5; do
		for n in 1 2 3 4 5 6 7 8 9; do
			echo "$i $n" >"A/d/f$i$n"
		done
		echo "$i" >"A/g$i"
		head -c 3000000 /dev/urandom >"A/big$i"
		sada-snap -q -C A >/dev/null
		sada-push -C A -o x B >/dev/null
		sada-pull -C B --merge x >/dev/null
	done
	sada-push -C B -o x A >/dev/null
	sada-pull -C A x >/dev/null
	rm x
}

@test "all packs lost: the need travels, and the answer heals" {
	two
	rm B/.sada/pack/*
	run -74 sada-snap -C B
	[[ $output == *'the store is damaged'* ]]
	run -74 sada-merge -C B
	[[ $output == *'the store is damaged'* ]] || [ "$output" = '' ]
	run -74 sada-push -C B -o 1 A
	[[ $output == *'only asks for'* ]]
	sada-pull -C A 1
	sada-push -C A -o 2 B
	run -0 sada-pull -C B 2
	run -0 sada-verify -C B
	run -0 sada-snap -C B
	[ "$output" = '' ]
	run -0 sada-merge -C B
	# The need is answered once.
	run -0 sada-push -C B -o 3 A
	sada-pull -C A 3
	sada-push -C A -o 4 B
	[ "$(wc -c <4)" -lt 4096 ]
	diff -r -x .sada A B
}

@test "all packs lost: everyday syncs are enough" {
	two
	mkdir s
	for i in 1 2; do for x in A B; do sada-sync -C $x s >/dev/null; done; done
	rm B/.sada/pack/*
	run -74 sada-sync -C B s
	run -0 sada-sync -C A s
	run -74 sada-sync -C B s	# its snap came before the answer
	run -0 sada-sync -C B s
	run -0 sada-sync -C A s
	run -0 sada-verify -C B
	diff -r -x .sada A B
	# And quiet.
	for x in B A; do sada-sync -C $x s >/dev/null; done
	ls s >before
	for x in A B A B; do sada-sync -C $x s >/dev/null; done
	ls s | diff before -
}

@test "any one pack lost heals" {
	two
	mkdir s
	for i in 1 2; do for x in A B; do sada-sync -C $x s >/dev/null; done; done
	cp -a B/.sada/pack packs
	[ "$(ls packs/*.pack | wc -l)" -gt 1 ]
	for p in packs/*.pack; do
		rm -f "B/.sada/pack/$(basename "$p" .pack)".*
		# The first writer finds it, or verify when nobody needs it.
		sada-verify -C B >/dev/null 2>&1 || :
		for i in 1 2 3; do
			sada-sync -C B s >/dev/null 2>&1 || :
			sada-sync -C A s >/dev/null
		done
		run -0 sada-sync -C B s
		run -0 sada-verify -C B
		diff -r -x .sada A B
	done
}

@test "an op that waits for a lost map comes in with it" {
	two
	rm B/.sada/pack/*
	echo more >A/more
	sada-snap -C A
	sada-push -C A -o 1 B
	run -1 sada-pull -C B 1
	[[ $output == *parked* ]]
	run -74 sada-push -C B -o 2 A
	sada-pull -C A 2
	sada-push -C A -o 3 B
	run -0 sada-pull -C B 3
	run -0 sada-merge -C B
	run -0 sada-verify -C B
	[ -z "$(ls B/.sada/parked)" ]
	diff -r -x .sada A B
}

# flip FILE OFFSET: one bit of a byte.
flip() {
	"$PYTHON" - "$1" "$2" <<'END'
import sys
with open(sys.argv[1], 'r+b') as f:
    f.seek(int(sys.argv[2]))
    b = f.read(1)[0]
    f.seek(-1, 1)
    f.write(bytes([b ^ 1]))
END
}

@test "a damaged block heals, and verify is quiet again" {
	two
	mkdir s
	for i in 1 2; do for x in A B; do sada-sync -C $x s >/dev/null; done; done
	for p in B/.sada/pack/*.pack; do
		# Packs are folded meanwhile.
		[ -e "$p" ] || continue
		flip "$p" $(($(wc -c <"$p") / 2))
		run -1 sada-verify -C B
		[[ $output == *'checksum does not match'* ]]
		# What only it held is lost: it stays.
		[ -e "$p" ]
		for i in 1 2 3; do
			for x in B A; do sada-sync -C $x s >/dev/null || :; done
		done
		# Now all of it is held, and it is set aside.
		run -1 sada-verify -C B
		[[ $output == *'moved to .sada/quarantine'* ]]
		[ ! -e "$p" ]
		run -0 sada-verify -C B
		run -0 sada-sync -C B s
		diff -r -x .sada A B
	done
	ls B/.sada/quarantine/*.pack.*
	sada-cat -C B @:g1
}

@test "a pack whose trailer is damaged is written anew" {
	two
	p=$(ls B/.sada/pack/*.pack | head -n 1)
	flip "$p" $(($(wc -c <"$p") - 4))
	run -1 sada-verify -C B
	[[ $output == *'moved to .sada/quarantine'* ]]
	run -0 sada-verify -C B
	sada-snap -C B
}

# wants DIR: how many contents it asks for.
wants() {
	sada-status -C "$1" | awk '$1 == "wants:" { print $2 }'
}

@test "what nobody has is wanted while it lives, and no longer" {
	two
	# Both lose a content, and what stands in the directory, too.
	head -c 100000 /dev/urandom >A/lone
	sada-snap -C A
	sada-push -C A -o x B
	sada-pull -C B --merge x
	sada-push -C B -o x A
	sada-pull -C A x
	for x in A B; do
		for p in $x/.sada/pack/*.pack; do
			n=$(wc -c <"$p")
			[ "$n" -gt 90000 ] && [ "$n" -lt 150000 ] || continue
			flip "$p" $((n / 2))
		done
		run -1 sada-verify -C $x
		[[ $output == *'lone: its content is damaged'* ]] ||
		    [[ $output == *'lone: its content is not held'* ]]
		[ "$(wants $x)" -eq 1 ]
	done
	# It lives: it stays wanted, whatever else comes.
	echo more >A/more
	sada-snap -C A
	sada-push -C A -o x B
	sada-pull -C B --merge x
	[ "$(wants B)" -eq 1 ]
	# It is gone: so is the want.
	rm A/lone
	sada-snap -C A
	sada-push -C A -o x B
	sada-pull -C B --merge x
	[ ! -e B/lone ]
	[ "$(wants B)" -eq 0 ]
	echo b >B/b
	sada-snap -C B
	sada-push -C B -o x A
	sada-pull -C A --merge x
	[ "$(wants A)" -eq 0 ]
}

@test "what can be read is wanted no longer" {
	sada-init -N one A
	head -c 100000 /dev/urandom >A/f
	sada-snap -C A
	p=$(ls -S A/.sada/pack/*.pack | head -n 1)
	cp "$p" good
	flip "$p" 50000
	run -1 sada-verify -C A
	[ "$(wants A)" -eq 1 ]
	cp good "$p"
	run -0 sada-verify -C A
	[ "$(wants A)" -eq 0 ]
}

@test "a damaged index hides nothing" {
	two
	for x in A B; do
		for p in $x/.sada/pack/*.idx; do
			# In the first entry: the objects' names begin.
			flip "$p" $((64 + 1024 + 3))
			flip "$p" $(($(wc -c <"$p") - 32 - 24 - 48))
		done
	done
	for x in A B; do
		sada-cat -C $x @:big1 | cmp - A/big1
		echo new >>$x/g1
		sada-snap -C $x
		sada-push -C $x -o $x.sada
		[ "$(wants $x)" -eq 0 ]
		run -0 --separate-stderr sada-verify -C $x
		[ "$output" = '' ]
		run -0 --separate-stderr sada-verify -C $x
		[ "$stderr" = '' ]
	done
}

# rounds DIR...: syncs through spool s until nobody says a new thing.
rounds() {
	local n x
	ls s >was
	for n in 1 2 3 4 5 6 7 8 9 10; do
		for x; do sada-sync -q -C "$x" s >/dev/null || [ $? -eq 1 ]; done
		ls s | cmp -s - was && return 0
		ls s >was
	done
	return 1
}

@test "two live copies of one store fall silent" {
	two
	mkdir s
	rounds A B
	cp -a B C
	for i in 1 2 3; do
		echo "b$i" >"B/b$i"
		echo "c$i" >"C/c$i"
		rounds A B C
		echo "a$i" >"A/a$i"
		rounds B C A
	done
	for x in A B C; do
		[ "$(sada-snap -C $x)" = '' ]
		sada-verify -C $x
		[ "$(sada-status -C $x --id)" = "$(sada-status -C A --id)" ]
		diff -r -x .sada A $x
	done
	# And through files, from hand to hand.
	echo b >B/last
	echo c >C/last2
	for i in 1 2 3 4; do
		for x in B C; do
			sada-sync -q -C $x s >/dev/null || [ $? -eq 1 ]
			sada-push -C $x -o x A
			sada-pull -C A --merge x
			sada-push -C A -o x B
			sada-pull -C $x --merge x || [ $? -eq 1 ]
		done
	done
	before=$(cat B/.sada/peers/self C/.sada/peers/self | grep incarnation)
	for x in B C B C; do
		sada-push -C $x -o x A
		sada-pull -C A x
		sada-push -C A -o x B
		run -0 sada-pull -C $x x
		[[ $output == 'A 0 known' ]]
	done
	[ "$(cat B/.sada/peers/self C/.sada/peers/self |
	    grep incarnation)" = "$before" ]
	diff -r -x .sada A B
	diff -r -x .sada A C
}

# kill_at CALL DIR COMMAND...: COMMAND, killed at its first CALL in DIR.
kill_at() {
	local call=$1 dir=$2
	shift 2
	strace -f -qq -o trace -P "$dir" -e trace="$call" \
	    -e inject="$call":signal=KILL "$@" >/dev/null 2>&1 && return 1
	grep -q 'killed by SIGKILL' trace
}

@test "what a killed push leaves in a spool goes with a later one" {
	two
	mkdir s
	sada-push -C A -o s B
	echo 1 >A/one
	sada-snap -C A
	ls -A s >before
	# Killed before the rename: a temp, which nobody else may touch.
	kill_at renameat2 "$PWD/s" sada-push -C A -o s B
	tmp=$(ls -A s | grep '^\.tmp-')
	: >s/.tmp-0123456789abcdef
	touch -d '3 days ago' s/.tmp-0123456789abcdef
	echo 2 >A/two
	sada-snap -C A
	sada-push -C A -o s B
	[ -e "s/$tmp" ]
	# A day later it is ours to remove; the stranger's stays.
	touch -d '2 days ago' "s/$tmp"
	echo 3 >A/three
	sada-snap -C A
	sada-push -C A -o s B
	[ ! -e "s/$tmp" ]
	[ -e s/.tmp-0123456789abcdef ]
	[ "$(ls s/*.sada | wc -l)" -eq 1 ]
	# Killed between the rename and the note: the next one replaces it.
	echo 4 >A/four
	sada-snap -C A
	kill_at syncfs "$PWD/s" sada-push -C A -o s B
	[ "$(ls s/*.sada | wc -l)" -eq 2 ]
	sada-push -C A -o s B
	[ "$(ls s/*.sada | wc -l)" -eq 1 ]
	sada-pull -C B --merge s
	diff -r -x .sada A B
	sada-verify -C A
}

@test "each of two spools is known to hold what it holds" {
	two
	mkdir s1 s2
	sada-push -C A -o s1 B
	sada-push -C A -o s2 B
	ls s1 s2 >before
	for s in s1 s2; do
		run -0 sada-push -C A -o $s B
		[ "$output" = '' ]
	done
	ls s1 s2 | diff before -
}

@test "an acknowledgement names what is new, not every author" {
	local names='a b c d e f' x
	# shellcheck disable=SC2086	# a word a name
	replicas $names
	mkdir s
	echo 0 >a/a
	for x in $names; do sada-sync -q -C $x s >/dev/null; done
	for i in 1 2; do
		for x in $names; do
			echo $i >$x/$x
			sada-sync -q -C $x s >/dev/null
		done
	done
	for i in 1 2 3; do
		for x in $names; do sada-sync -q -C $x s >/dev/null; done
	done
	echo new >a/new
	sada-snap -C a
	sada-push -C a -o x b
	sada-pull -C b x
	sada-push -C b -o y a
	# Incarnation, counter, ops that are named, wants.
	run -0 "$PYTHON" "$SRCDIR/t/reader.py" bundle y \
	    a/.sada/key --store a
	[ "$(echo "$output" | awk '$1 == "ack" { print $4 }')" -le 3 ]
	# To one of whom nothing is known it is whole.
	sada-push --full -C b -o y a
	run -0 "$PYTHON" "$SRCDIR/t/reader.py" bundle y \
	    a/.sada/key --store a
	[ "$(echo "$output" | awk '$1 == "ack" { print $4 }')" -eq 6 ]
	sada-pull -C a y
	[ "$(sada-status -C a --id)" = "$(sada-status -C b --id)" ]
}

@test "what was committed last is never cut as torn" {
	pair
	for i in 1 2 precious; do
		echo $i >a/f
		op=$(sada-snap -C a)
	done
	cp a/.sada/log/00000001.log good
	size=$(stat -c %s good)
	# A bit of the last record: no crash leaves that.
	b=$(od -An -tu1 -j $((size - 60)) -N 1 good)
	printf '%b' "\\$(printf %03o $((b ^ 1)))" |
	    dd of=a/.sada/log/00000001.log bs=1 seek=$((size - 60)) \
	    conv=notrunc status=none
	cp a/.sada/log/00000001.log bad
	echo 4 >a/f
	for cmd in sada-log sada-status sada-snap 'sada-push -o out' \
	    sada-merge; do
		run -74 --separate-stderr $cmd -C a
		[[ $stderr == *'log segment 1 is damaged'*sada-verify* ]]
	done
	run -1 sada-verify -C a
	[[ $output == *'log segment 1'* ]]
	cmp bad a/.sada/log/00000001.log

	# Without W the line of the state bears witness.
	mv a/.sada/work w
	run -74 sada-snap -C a
	cmp bad a/.sada/log/00000001.log
	mv w a/.sada/work

	# The copy of the log is back: nothing happened.
	cp good a/.sada/log/00000001.log
	[ "$(sada-cat -C a "$op:f")" = precious ]
	sada-snap -C a
	sada-verify -C a

	# There is none: what bears witness is moved away, the end is cut.
	carry a b
	cp bad a/.sada/log/00000001.log
	mv a/.sada/work a/.sada/states .
	sada-snap -C a
	cmp -n "$(stat -c %s bad)" bad a/.sada/log/00000001.log && return 1
	[ "$(find a/.sada/quarantine -name 'log-1-*' | wc -l)" -eq 1 ]
	carry a b
	carry b a
	[ "$(sada-cat -C a "$op:f")" = precious ]
	carry a b
	same a b
}

@test "a quarantine that was cleaned away is made anew" {
	pair
	echo 1 >a/f
	snap a
	rmdir a/.sada/quarantine
	sada-status -C a
	sada-verify -n -C a
	[ ! -e a/.sada/quarantine ]
	carry a b
	[ -d a/.sada/quarantine ]
	rmdir b/.sada/quarantine
	snap b
	same a b
}
