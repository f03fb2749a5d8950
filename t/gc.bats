#!/usr/bin/env bats
# What sada-gc drops and what it leaves, alone and between replicas, killed
# and on a damaged store.

# shellcheck disable=SC2012,SC2094,SC2154	# plain names; no loop; run's
bats_require_minimum_version 1.5.0
load replicas.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	[ -n "$PYTHON" ] || PYTHON=python3
	[ -n "$SRCDIR" ] || SRCDIR=$BATS_TEST_DIRNAME/..
}

teardown() {
	rm -rf "$BATS_TEST_TMPDIR"
}

# deliver FROM TO: all that TO is not known to have, taken in.
deliver() {
	sada-push -C "$1" -o give.sada "$2" >/dev/null
	sada-pull -C "$2" give.sada >/dev/null
}

# give FROM TO: the same, and laid out; the status is that of merge.
give() {
	deliver "$1" "$2"
	sada-merge -q -C "$2"
}

# rounds NAME...: everybody to everybody, three times.
rounds() {
	local n x y
	for n in 1 2 3; do
		for x; do
			for y; do
				[ "$x" = "$y" ] || give "$x" "$y" ||
				    [ $? -eq 1 ]
			done
		done
	done
}

# sweep DIR: keep nothing old; the old packs are gone on return.
sweep() {
	run -0 --separate-stderr sada-gc --keep 0 -C "$1"
	[ "$output$stderr" = '' ]
	sada-verify -C "$1"
	snap "$1"
	[ ! -e "$1/.sada/pack/swept" ]
	sada-verify -C "$1"
}

# random FILE SIZE
random() {
	head -c "$2" /dev/urandom >"$1"
}

# rest NAME...: the same, and nothing is asked for.
rest() {
	local x
	same "$@"
	for x; do
		[ "$(value "$x" wants)" -eq 0 ]
	done
}

# value DIR WHAT: a number of sada-status.
value() {
	sada-status -C "$1" | awk -v w="$2:" '$1 == w { print $2 }'
}

# files DIR: each file of the store with its inode, times and bytes.
files() {
	(cd "$1/.sada" && find . -printf '%p %i %T@ %C@\n' | LC_ALL=C sort &&
	    find . -type f -exec sha256sum {} + | LC_ALL=C sort)
}

# told DIR: what can be said of history without contents.
told() {
	local op
	sada-log -C "$1" --name-status
	sada-log -C "$1" --json
	for op in $(sada-log -C "$1" | cut -d' ' -f1); do
		echo "$op"
		sada-ls -R -l -C "$1" "$op"
	done
}

# readable DIR [REV]: the ids of all contents that can be had.
readable() {
	local op id
	for op in ${2-$(sada-log -C "$1" | cut -d' ' -f1)}; do
		sada-ls -R --json -C "$1" "$op"
	done | sed -En 's/.*"content":"([0-9a-f]{64})".*/\1/p' | sort -u |
	    while read -r id; do
		! sada-cat -C "$1" "content:$id" >/dev/null 2>&1 || echo "$id"
	done
}

# still DIR FILE: all that FILE names can be had.
still() {
	local id
	while read -r id; do
		sada-cat -C "$1" "content:$id" >/dev/null
	done <"$2"
}

# field NAME: that number, of the line of JSON in $output.
field() {
	sed -En "s/.*\"$1\":([0-9]+)[,}].*/\1/p" <<<"$output"
}

# dropped DIR REV:PATH: it is said that it is not here.
dropped() {
	run -69 --separate-stderr sada-cat -C "$1" "$2"
	[ "$output" = '' ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == "sada-cat: the content of ${2##*:} is not here; it was "* ]]
}

# is DIR REV:PATH FILE: that content, there.
is() {
	sada-cat -C "$1" "$2" | cmp - "$3"
}

# history DIR: a replica of some kinds of names, f in 5 contents, which are
# in f.1 to f.5; @~N is that of f.(5 - N).
history() {
	local i
	[ -e "$1/.sada" ] || sada-init -N "$1" "$1" >/dev/null
	mkdir -p "$1/d/empty"
	: >"$1/zero"
	echo always >"$1/d/same"
	ln -s d/same "$1/link"
	for i in 1 2 3 4 5; do
		random "f.$i" 3000
		cp "f.$i" "$1/f"
		echo "$i" >"$1/d/n$i"
		snap "$1"
	done
}

@test "without --keep nothing that was recorded goes" {
	history r
	readable r >before
	# f, d/n*, d/same, zero, link
	[ "$(wc -l <before)" -eq 13 ]
	told r >told
	[ "$(find r/.sada/pack -name '*.pack' | wc -l)" -gt 1 ]
	run -0 --separate-stderr sada-gc -C r
	[ "$output$stderr" = '' ]
	readable r | diff before -
	sada-verify -C r
	# The next writer removes what was put together.
	[ -e r/.sada/pack/swept ]
	[ "$(find r/.sada/pack -name '*.pack' | wc -l)" -gt 1 ]
	snap r
	[ ! -e r/.sada/pack/swept ]
	[ "$(find r/.sada/pack -name '*.pack' | wc -l)" -eq 1 ]
	readable r | diff before -
	told r | diff told -
	for n in 0 1 2 3 4; do is r "@~$n:f" "f.$((5 - n))"; done
	sada-verify -C r
	run -0 sada-gc -n -C r
	[ "$output" = '0 objects of 0 bytes are not needed' ]
	# All of it is young.
	for age in 1h 1d 1y6m2w3d4h 100y 876000h; do
		run -0 sada-gc -n -C r --keep $age
		[ "$output" = '0 objects of 0 bytes are not needed' ]
	done
}

@test "without --keep what no operation names goes" {
	history r
	readable r >before
	random r/f 50000
	# Killed before the op was written: its pack is there.
	run ! strace -f -qq -o trace -P "$PWD/r/.sada/log/00000001.log" \
	    -e trace=pwrite64 -e inject=pwrite64:signal=KILL sada-snap -C r
	cp f.5 r/f
	snap r
	readable r >now
	size=$(du -sb r/.sada/pack | cut -f1)
	[ "$size" -gt 50000 ]
	run -0 sada-gc -C r --json
	[ "$(field bytes)" -ge 50000 ]
	[ "$(field freed)" -ge 50000 ]
	snap r
	[ "$(du -sb r/.sada/pack | cut -f1)" -lt $((size - 50000)) ]
	readable r | diff now -
	sada-verify -C r
}

@test "--keep 0: what is old goes, with the next command its space" {
	history r
	told r >told
	tree r >was
	run -0 --separate-stderr sada-gc -v --keep 0 -C r
	[ "$output" = '' ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	# Gone, though its pack is still there.
	[ -e r/.sada/pack/swept ]
	for n in 1 2 3 4; do dropped r "@~$n:f"; done
	sada-verify -C r
	size=$(du -sb r/.sada/pack | cut -f1)
	snap r
	[ "$(du -sb r/.sada/pack | cut -f1)" -lt $((size - 12000)) ]
	for n in 1 2 3 4; do dropped r "@~$n:f"; done
	# What stays.
	is r @:f f.5
	for n in 1 2 3 4; do
		[ "$(sada-cat -C r "@~$n:d/same")" = always ]
		[ "$(sada-cat -C r "@~$n:link")" = d/same ]
		[ "$(sada-cat -C r "@~$n:zero")" = '' ]
	done
	tree r | diff was -
	told r | sed 's/"held":false/"held":true/' | diff told -
	run -0 sada-ls --json -C r @~1:f
	[[ $output == *'"held":false'* ]]
	run -0 --separate-stderr sada-log -p -C r
	[ "$stderr" = '' ]
	[[ $output == *'Content of f is not held here'* ]]
	[[ $output == *$'+++ b/d/n4\n@@ -0,0 +1 @@\n+4'* ]]
	run -1 sada-diff -p -C r @~3 @~2
	[[ $output == *'Content of f is not held here'* ]]
	# To restore it is refused, all else comes back.
	run -69 --separate-stderr sada-restore -C r @~2 f
	[[ $stderr == *'the content of f is not here'* ]]
	run -1 --separate-stderr sada-restore -C r @~2 -o out
	[[ $stderr == *'the content of f is not here'* ]]
	[ ! -e out/f ]
	[ "$(ls out/d)" = $'empty\nn1\nn2\nn3\nsame' ]
	tree r | diff was -
	[ "$(value r wants)" -eq 0 ]
	# And on.
	echo six >r/f
	snap r
	is r @~1:f f.5
	sada-verify -C r
}

@test "the format page is enough for a store that was swept" {
	history r
	"$PYTHON" "$SRCDIR/t/reader.py" store r >before
	sada-gc --keep 0 -C r
	"$PYTHON" "$SRCDIR/t/reader.py" store r | diff before -
	# The list, by the page.
	"$PYTHON" - r/.sada/pack <<-'END'
	import hashlib, os, struct, sys
	b = open(sys.argv[1] + '/swept', 'rb').read()
	new, old = struct.unpack('<II', b[8:16])
	assert b[:8] == b'sadaswp1' and new >= 1 and old >= 1
	assert len(b) == 48 + 16 * (new + old)
	h = hashlib.blake2b(struct.pack('<Q', len(b) - 32) + b[:-32],
	                    digest_size=32, person=b'sada.file.v1')
	assert h.digest() == b[-32:]
	names = [b[16 + 16 * i:32 + 16 * i].hex() for i in range(new + old)]
	assert len(set(names)) == new + old
	there = {n[:-5] for n in os.listdir(sys.argv[1]) if n.endswith('.pack')}
	assert there == set(names), (there, names)
	END
	snap r
	"$PYTHON" "$SRCDIR/t/reader.py" store r | diff before -
}

@test "-n changes nothing" {
	history r
	snap r
	for what in '' '--keep 0' '--keep 1h' '--keep 0 --json'; do
		files r >before
		# shellcheck disable=SC2086
		run -0 --separate-stderr sada-gc -n $what -C r
		[ "$stderr" = '' ]
		[ "${#lines[@]}" -eq 1 ]
		files r | diff before -
	done
	run -0 sada-gc -n --keep 0 -C r
	[[ $output =~ ^([0-9]+)' objects of '([0-9]+)' bytes are not needed'$ ]]
	[ "${BASH_REMATCH[1]}" -ge 4 ]
	[ "${BASH_REMATCH[2]}" -ge 12000 ]
	sada-verify -C r
}

@test "--json says what -v says" {
	history r
	run -0 --separate-stderr sada-gc --json -n --keep 0 -C r
	dry=$(field objects)/$(field bytes)
	[ "$(field packs_old)/$(field packs_new)" = 0/0 ]
	run -0 --separate-stderr sada-gc --json --keep 0 -C r
	[ "$stderr" = '' ]
	[ "${#lines[@]}" -eq 1 ]
	[ "$(sed -E 's/[0-9]+/N/g' <<<"$output")" = \
	    '{"v":N,"objects":N,"bytes":N,"packs_old":N,"packs_new":N,"freed":N}' ]
	[ "$(field objects)/$(field bytes)" = "$dry" ]
	[ "$(field objects)" -ge 4 ]
	[ "$(field bytes)" -ge 12000 ]
	[ "$(field packs_new)" -eq 1 ]
	freed=$(field freed)
	[ "$freed" -gt 0 ]
	packs=$(find r/.sada/pack -name '*.pack' | wc -l)
	[ "$(field packs_old)" -eq $((packs - 1)) ]
	old=$(du -cb r/.sada/pack/*.pack | awk 'END { print $1 }')
	snap r
	now=$(du -cb r/.sada/pack/*.pack | awk 'END { print $1 }')
	[ $((old - 2 * now)) -eq "$freed" ]
	run -0 --separate-stderr sada-gc --json --keep 0 -C r
	[ "$output" = \
	    '{"v":1,"objects":0,"bytes":0,"packs_old":0,"packs_new":0,"freed":0}' ]
}

@test "what is no age is 64, and nothing is changed" {
	history r
	snap r
	files r >before
	for age in '' 5 d 5x 1d2d 1d1w 1h1d 30dd 30D ' 30d' '30d ' -1d 1.5d 00 \
	    '0 ' 1y101y 101y 1000000h 9999999h 876001h 100y1h 1yy y1 0x; do
		run -64 --separate-stderr sada-gc -C r --keep "$age"
		[ "$output" = '' ]
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ $stderr == 'sada-gc: '*'not an age'* ]]
		run -64 sada-gc -n -C r --keep "$age"
	done
	files r | diff before -
	for age in 0 0h 1h 0d 001d 1y1m1w1d1h 1200m 99y12m; do
		run -0 sada-gc -n -C r --keep "$age"
	done
	files r | diff before -
}

@test "while another command holds the replica it is busy" {
	history r
	files r >before
	run -75 --separate-stderr flock r/.sada/lock \
	    sada-gc --wait 0 --keep 0 -C r
	[ "${#stderr_lines[@]}" -eq 1 ]
	files r | diff before -
}

@test "twice is once" {
	history r
	for how in '' '--keep 1h' '--keep 0'; do
		# shellcheck disable=SC2086
		sada-gc $how -C r
		# shellcheck disable=SC2086
		sada-gc $how -C r
		files r >before
		for _ in 1 2; do
			# shellcheck disable=SC2086
			run -0 sada-gc $how -C r
			[ "$output" = '' ]
			files r | diff before -
		done
		sada-verify -C r
	done
	is r @:f f.5
	dropped r @~1:f
	# In an empty replica there is nothing to do.
	sada-init -N none none
	sada-gc --keep 0 -C none
	[ "$(ls none/.sada/pack)" = '' ]
	sada-verify -C none
}

# times DIR DAYS...: the states' lines are that many days old, oldest first.
times() {
	"$PYTHON" - "$@" <<-'END'
	import sys, time
	from nacl.bindings import crypto_shorthash_siphash24 as siphash
	name = sys.argv[1] + '/.sada/states'
	with open(name) as f:
	    lines = f.read().splitlines()
	assert len(lines) == len(sys.argv[2:]), (lines, sys.argv)
	out = []
	for line, days in zip(lines, sys.argv[2:]):
	    _, what, heads, _ = line.split()
	    ns = time.time_ns() - int(float(days) * 86400 * 10**9)
	    text = '%d %s %s' % (ns, what, heads)
	    mac = siphash(text.encode(), b'sada.states.v1\0\0')
	    out.append('%s %016x\n' % (text, int.from_bytes(mac, 'little')))
	with open(name, 'w') as f:
	    f.write(''.join(out))
	END
}

# old N: a replica B that laid out N states of A's, one after the other.
old() {
	local i
	replicas A B
	for i in $(seq "$1"); do
		random "f.$i" 500
		cp "f.$i" A/f
		snap A
		give A B
	done
}

# holds N...: exactly those of B's states are whole, 0 the newest.
holds() {
	local n all
	all=$(wc -l <B/.sada/states)
	for ((n = 0; n < all; n++)); do
		if [[ " $* " == *" $n "* ]]; then
			is B "@~$n:f" "f.$((all - n))"
		else
			dropped B "@~$n:f"
		fi
	done
	sada-verify -C B
}

@test "an age is kept, and the state in force when it began" {
	old 10
	cp -a B whole
	for try in '20d 9' '9d 9' '7d1h 8' '1w 7' '4d 4'; do
		rm -rf B
		cp -a whole B
		times B 9 8 7 6 5 4 3 2 1 0
		sada-gc --keep "${try% *}" -C B
		# shellcheck disable=SC2046
		holds $(seq 0 "${try#* }")
		snap B
		# shellcheck disable=SC2046
		holds $(seq 0 "${try#* }")
	done
}

@test "an age counts from what is newest, a gap as a quarter of it" {
	old 8
	cp -a B whole
	# In a drawer for years, and a gap of years in it.
	times B 3003 3002 3001 3000 1003 1002 1001 1000
	sada-gc --keep 20d -C B
	holds 0 1 2 3 4 5 6 7
	# Four gaps or more are the age.
	rm -rf B
	cp -a whole B
	times B 700 600 500 400 300 200 100 0
	sada-gc --keep 30d -C B
	holds 0 1 2 3 4
	# A clock that jumped, there and back, makes nothing old.
	rm -rf B
	cp -a whole B
	times B 7 6 5 -9000 4 9000 3 2
	sada-gc --keep 40d -C B
	holds 0 1 2 3 4 5 6 7
	# Nor does one that stands, or runs backwards.
	rm -rf B
	cp -a whole B
	times B 0 0 0 0 1 2 3 4
	sada-gc --keep 1h -C B
	holds 0 1 2 3 4 5 6 7
}

@test "all that a long age covers stays, what was never laid out too" {
	replicas A B
	for i in 1 2 3; do
		random "f.$i" 3000
		cp "f.$i" A/f
		snap A
		deliver A B
	done
	sada-merge -q -C B
	first=$(sada-log -r -C B | head -n 1 | cut -d' ' -f1)
	is B "$first:f" f.1
	run -0 sada-gc -n -C B
	[ "$output" = '0 objects of 0 bytes are not needed' ]
	run -0 sada-gc -n -C B --keep 100y
	[ "$output" = '0 objects of 0 bytes are not needed' ]
	sada-gc -C B --keep 100y
	is B "$first:f" f.1
	sada-verify -C B
}

@test "without the lines of what was laid out the own operations count" {
	history r
	rm r/.sada/states
	sada-gc --keep 1d -C r
	snap r
	for op in $(sada-log -C r | cut -d' ' -f1); do
		sada-cat -C r "$op:f" >/dev/null
	done
	rm -f r/.sada/states
	sweep r
	is r @:f f.5
	ops=$(sada-log -C r | tail -n +2 | cut -d' ' -f1)
	for op in $ops; do dropped r "$op:f"; done
}

@test "a large file that was edited in its middle" {
	sada-init -N r r
	random r/big 6000000
	cp r/big big.1
	snap r
	random piece 300000
	dd if=piece of=r/big bs=1 seek=2500000 conv=notrunc status=none
	cp r/big big.2
	snap r
	run -0 sada-gc --json --keep 0 -C r
	[ "$(field bytes)" -lt 3000000 ]
	[ "$(field bytes)" -ge 300000 ]
	is r @:big big.2
	dropped r @~1:big
	snap r
	is r @:big big.2
	dropped r @~1:big
	sada-verify -C r
	# Recorded again it is whole again.
	cp big.1 r/big
	snap r
	sweep r
	is r @:big big.1
	dropped r @~1:big
	cmp r/big big.1
}

@test "what is recorded again after it was dropped stays" {
	sada-init -N r r
	random x 4000
	random y 4000
	for when in first later; do
		cp x r/f
		snap r
		cp y r/f
		snap r
		sada-gc --keep 0 -C r
		dropped r @~1:f
		# Before anything else, or after another command.
		[ $when = first ] || snap r
		cp x r/f
		snap r
		for next in 'sada-snap' 'sada-gc' 'sada-snap' 'sada-gc --keep 0' \
		    'sada-snap' 'sada-gc --keep 0' 'sada-snap'; do
			is r @:f x
			sada-verify -C r
			$next -C r
		done
		is r @:f x
		cp y r/f
		snap r
		rm r/f
		snap r
		sweep r
		dropped r @~1:f
		dropped r @~2:f
	done
}

@test "contents that come and go, with a sweep after each" {
	sada-init -N r r
	for i in 1 2 3 4 5 6; do
		printf '%s\n' $((i % 2)) >r/f
		snap r
		sada-gc --keep 0 -C r
		sada-verify -C r
		[ "$(sada-cat -C r @:f)" = $((i % 2)) ]
	done
	snap r
	sada-verify -C r
}

@test "a conflict is what it was, and can be settled" {
	replicas A B
	seq 20 >A/f
	echo one >A/g
	snap A
	give A B
	give B A
	for x in A B; do
		echo $x >$x/g
		snap $x
		echo $x$x >$x/g
		snap $x
	done
	rounds A B
	run -0 sada-merge --list -C A
	[ "${#lines[@]}" -eq 2 ]
	list=$output
	tree A >was
	id=$(sada-status --id -C A)
	for x in A B; do
		sweep $x
		run -1 sada-merge -C $x
		run -0 sada-merge --list -C $x
		[ "$output" = "$list" ]
		tree $x | diff was -
		[ "$(sada-status --id -C $x)" = "$id" ]
	done
	rest A B
	[ "$(sada-merge --show A g -C B)" = AA ]
	[ "$(sada-merge --show B g -C A)" = BB ]
	sada-merge --take B g -C A
	rounds A B
	rest A B
	[ "$(cat A/g)" = BB ]
	[ "$(ls A)" = $'f\ng' ]
}

# shared: A and B hold f, and A knows that B does.
shared() {
	replicas A B
	seq 20 >A/f
	snap A
	give A B
	give B A
}

@test "an edit of a peer that has an old state merges at once" {
	shared
	for i in a b c; do
		sed -i "1s/.*/$i/" A/f
		snap A
		sweep A
	done
	sed -i '20s/.*/B/' B/f
	snap B
	sweep B
	give B A
	[ "$(head -n 1 A/f)$(tail -n 1 A/f)" = cB ]
	give A B
	rest A B
	# The merged content is in no map, and is what the next merge needs.
	sweep A
	sweep B
	sed -i '2s/.*/A/' A/f
	sed -i '19s/.*/B/' B/f
	snap A
	snap B
	sweep A
	sweep B
	deliver A B
	deliver B A
	# What one dropped that the other takes to be there comes later.
	rounds A B
	rest A B
	[ "$(sed -n '1p;2p;19p;20p' A/f | tr -d '\n')" = cABB ]
}

@test "an edit of a peer follows a rename" {
	shared
	mv A/f A/h
	snap A
	sed -i '1s/.*/A/' A/h
	snap A
	sweep A
	sed -i '20s/.*/B/' B/f
	snap B
	sweep B
	give B A
	[ "$(ls A)" = h ]
	[ "$(head -n 1 A/h)$(tail -n 1 A/h)" = AB ]
	sweep A
	give A B
	rest A B
}

@test "an edit of a state that was never acknowledged merges in the end" {
	shared
	sed -i '1s/.*/A/' A/f
	snap A
	deliver A B
	sada-merge -C B
	sed -i '2s/.*/A/' A/f
	snap A
	sweep A
	sed -i '20s/.*/B/' B/f
	snap B
	sweep B
	run -1 give B A
	sada-verify -C A
	rounds A B
	rest A B
	[ "$(sed -n '1p;2p;20p' A/f | tr -d '\n')" = AAB ]
}

@test "a change is sent small, and applies" {
	replicas A B
	random A/f 400000
	random A/big 5000000
	snap A
	give A B
	give B A
	for i in 1 2 3; do
		printf 'x%s' $i | dd of=A/f bs=1 seek=200000 conv=notrunc status=none
		printf 'x%s' $i | dd of=A/big bs=1 seek=${i}000000 conv=notrunc \
		    status=none
		snap A
	done
	sweep A
	sweep B
	sada-push -C A -o x B
	[ "$(wc -c <x)" -lt 20000 ]
	sada-pull -C B x
	sada-merge -C B
	rest A B
}

@test "a change whose old content was dropped comes whole later" {
	replicas A B
	random B/f 200000
	random B/big 3000000
	snap B
	# A has it, but B does not know that yet.
	deliver B A
	sada-merge -C A
	echo A >>A/f
	printf A | dd of=A/big bs=1 seek=1000000 conv=notrunc status=none
	snap A
	sada-push -C A -o x B
	random B/f 100
	random B/big 100
	snap B
	sweep B
	sada-pull -C B x
	run -1 sada-merge -C B
	sada-verify -C B
	sweep B
	rounds A B
	rest A B
	[ "$(ls B | wc -l)" -eq 4 ]
}

@test "a new peer gets what is there" {
	replicas A B
	history A
	sweep A
	give A B
	rest A B
	told A >told.A
	told B | diff told.A -
	is B @:f f.5
	rm -rf B
	sada-init -N B B >key
	sada-peer -C A retire B
	sada-peer -C A add B2 "$(cut -d' ' -f2 <key)"
	sada-peer -C B add <key.A
	sada-push --full -C A -o x B2
	sada-pull -C B x
	sada-merge -C B
	rest A B
	sweep B
	rest A B
}

@test "a retired peer holds nothing back" {
	replicas A B
	random A/f 3000
	snap A
	give A B
	give B A
	random A/f 2000
	snap A
	sweep A
	is A @~1:f B/f
	sada-peer -C A retire B
	sweep A
	dropped A @~1:f
}

@test "what a parked bundle brought is there when it is admitted" {
	shared
	random A/f 5000
	random A/big.2 2000000
	snap A
	sada-push -C A -o 2 B
	random A/f 6000
	random A/big 2000000
	mkdir A/d
	random A/d/x 300
	snap A
	sada-push -C A --since @~1 -o 3 B
	run -1 sada-pull -C B 3
	[ "$(value B parked)" -eq 1 ]
	for _ in 1 2; do
		sada-gc --keep 0 -C B
		sada-verify -C B
		snap B
	done
	[ "$(value B parked)" -eq 1 ]
	sada-pull -C B 2
	[ "$(value B parked)" -eq 0 ]
	sada-merge -C B
	rest A B
}

@test "what was dropped here a peer can bring back" {
	shared
	random A/f 3000
	cp A/f was
	snap A
	give A B
	give B A
	rm A/f
	echo other >A/g
	snap A
	give A B
	give B A
	[ ! -e B/f ]
	sweep A
	dropped A @~1:f
	run -69 --separate-stderr sada-restore -C A @~1 f
	[[ $stderr == *'B may have it'* ]]
	sada-restore -C B @~1 f
	cmp B/f was
	snap B
	give B A
	cmp A/f was
	give A B
	rest A B
	sweep A
	cmp A/f was
	is A @:f was
}

@test "what a peer asked for stays" {
	shared
	random A/f 5000
	cp A/f was
	snap A
	give A B
	give B A
	# B loses it, and asks.
	for p in B/.sada/pack/*.pack; do
		[ "$(wc -c <"$p")" -gt 5000 ] || continue
		printf '\377\377\377\377' |
		    dd of="$p" bs=1 seek=2500 conv=notrunc status=none
	done
	run -1 sada-verify -C B
	[ "$(value B wants)" -ge 1 ]
	deliver B A
	random A/f 100
	snap A
	sada-peer -C A retire B
	sweep A
	is A @~1:f was
}

# slow SIZE: a pull of x into B that waits for more after SIZE bytes.
slow() {
	mkfifo pipe
	sada-pull -C B - <pipe >pulled 2>&1 3>&- &
	pull=$!
	exec 8>pipe
	# A pipe holds 64 KiB: all else was read when this is done.
	head -c "$1" x >&8
}

# done_with_it: the rest, and what became of it.
done_with_it() {
	tail -c "+$(($1 + 1))" x >&8
	exec 8>&-
	wait "$pull"
}

@test "a pull that is under way meanwhile misses nothing" {
	shared
	# B had what A now sends.
	random x1 300000
	random x2 2000000
	cp x1 B/one
	cp x2 B/two
	snap B
	rm B/one B/two
	snap --accept-deletes B 2>/dev/null || sada-snap -C B --accept-deletes
	cp x1 A/a
	cp x2 A/b
	random A/c 4000000
	snap A
	sada-push -C A -o x B
	slow 5000000
	for _ in 1 2; do
		sada-gc --keep 0 -C B
		snap B
	done
	dropped B @~1:one
	done_with_it 5000000
	[[ $(cat pulled) == *taken* ]]
	sada-verify -C B
	run -0 sada-merge -C B
	cmp A/a B/a
	cmp A/b B/b
	cmp A/c B/c
	[ "$(value B wants)" -eq 0 ]
	for _ in 1 2; do
		sada-verify -C B
		sada-gc --keep 0 -C B
		snap B
	done
	give B A
	rest A B
}

@test "maps that came whole stay, for nothing makes them again" {
	replicas A B
	for i in 1 2 3 4; do
		seq 50 | sed "s/^/$i /" >A/f
		for j in $(seq 60); do echo "$i" >"A/$j"; done
		snap A
	done
	give A B
	for i in 1 2 3 4; do
		echo "$i" >B/g
		snap B
		is B @:g B/g
	done
	give B A
	give A B
	sada-gc --keep 0 -C B
	snap B
	for i in 1 2 3 4; do
		[ "$(sada-ls -C B "@~$i" | wc -l)" -ge 61 ]
	done
	run -0 --separate-stderr sada-log --name-status -C B
	[[ $output != *'not held'* ]]
	sada-verify -C B
}

@test "a pull that replays meanwhile keeps the map that it makes" {
	replicas A B C
	mkdir A/d
	for i in $(seq 2000); do echo "$i" >"A/d/$i"; done
	snap A
	for x in B C; do
		give A $x
		give $x A
	done
	# B goes on from there, and knows that A has that.
	for i in $(seq 2000); do echo "b $i" >"B/d/$i"; done
	sada-snap -q -C B --accept-deletes >/dev/null
	give B A
	give A B
	# What C makes of the old state comes through A, slowly.
	echo new >C/new
	random C/c 4000000
	snap C
	give C A
	sada-push -C A -o x B
	slow 3000000
	for _ in 1 2; do
		sada-gc --keep 0 -C B
		snap B
	done
	done_with_it 3000000
	[[ $(cat pulled) == *taken* ]]
	sada-verify -C B
	run -0 sada-merge -C B
	sada-verify -C B
	[ "$(cat B/new B/d/7)" = $'new\nb 7' ]
	give B A
	give A B
	rest A B
}

# kill_at CALL N COMMAND...: COMMAND, killed at its Nth CALL; 1 if it has
# fewer of them.
kill_at() {
	local call=$1 n=$2
	shift 2
	strace -f -qq -o trace -e trace="$call" \
	    -e inject="$call:signal=KILL:when=$n" "$@" >/dev/null 2>&1 &&
	    return 1
	grep -q 'killed by SIGKILL' trace
}

# whole DIR: what lives is there, no temp is, and nothing is to be recorded.
whole() {
	[ "$(sada-snap -C "$1")" = '' ]
	sada-verify -C "$1"
	tree "$1" | diff was -
	[ "$(find "$1/.sada/pack" -type f ! -name '*.pack' ! -name '*.idx')" \
	    = '' ]
	rm -rf out
	sada-restore -q -o out -C "$1" @
	diff -r --no-dereference -x .sada "$1" out
}

# fresh: r, as image is, once more; a copy gets a new epoch first.
fresh() {
	rm -rf r
	cp -a image r
	snap r 2>/dev/null
}

@test "killed anywhere, the next command goes on" {
	history image
	tree image >was
	fresh
	sada-gc --keep 0 -C r
	snap r
	best=$(du -sb r/.sada/pack | cut -f1)
	kills=0
	for call in pwrite64 renameat2 fsync unlinkat exit_group; do
		for n in $(seq 20); do
			fresh
			kill_at $call "$n" sada-gc --keep 0 -C r || break
			kills=$((kills + 1))
			echo "$call $n"
			sada-verify -C r
			if [ $((n % 2)) -eq 0 ]; then
				sada-gc --keep 0 -C r
			fi
			whole r
			sada-gc --keep 0 -C r
			whole r
			[ "$(du -sb r/.sada/pack | cut -f1)" -le $((best + 200)) ]
		done
	done
	echo "$kills kills"
	[ "$kills" -ge 12 ]
}

@test "killed while it removes the old packs, the next command goes on" {
	history image
	tree image >was
	fresh
	sada-gc --keep 0 -C r
	snap r
	best=$(du -sb r/.sada/pack | cut -f1)
	kills=0
	for call in unlinkat fsync; do
		for n in $(seq 30); do
			fresh
			sada-gc --keep 0 -C r
			kill_at $call "$n" sada-snap -C r || break
			kills=$((kills + 1))
			echo "$call $n"
			sada-verify -C r
			# Readers do as before.
			is r @:f f.5
			dropped r @~1:f
			if [ $((n % 2)) -eq 0 ]; then
				# To go on recording is safe.
				cp f.1 r/f
				snap r
				is r @:f f.1
				snap r
				is r @:f f.1
				sada-verify -C r
				continue
			fi
			whole r
			[ "$(du -sb r/.sada/pack | cut -f1)" -eq "$best" ]
		done
	done
	echo "$kills kills"
	[ "$kills" -ge 10 ]
}

# flip FILE OFFSET: one bit of a byte.
flip() {
	"$PYTHON" - "$1" "$2" <<-'END'
	import sys
	with open(sys.argv[1], 'r+b') as f:
	    f.seek(int(sys.argv[2]))
	    b = f.read(1)[0]
	    f.seek(-1, 1)
	    f.write(bytes([b ^ 1]))
	END
}

@test "a damaged pack is left, and nothing goes for it" {
	history image
	done=0 left=0
	for p in image/.sada/pack/*.pack; do
		p=$(basename "$p")
		size=$(wc -c <"image/.sada/pack/$p")
		for at in $((size / 2)) $((size - 100)) $((size - 4)) 2; do
			fresh
			[ -e "r/.sada/pack/$p" ]
			flip "r/.sada/pack/$p" "$at"
			cp "r/.sada/pack/$p" damaged
			echo "$p $at"
			# What lives and can be read before.
			readable r @ >lives
			run sada-gc --keep 0 -C r
			echo "$status $output"
			if [ "$status" -eq 74 ]; then
				[[ $output == *'nothing was dropped'* ]]
				[ ! -e r/.sada/pack/swept ]
			else
				[ "$status" -eq 0 ]
				done=$((done + 1))
			fi
			still r lives
			run sada-snap -C r
			run sada-snap -C r
			still r lives
			# It is there as it was, for who can mend it; or the
			# bit was in what nothing needs, and all else moved.
			if [ -e "r/.sada/pack/$p" ]; then
				cmp damaged "r/.sada/pack/$p"
				left=$((left + 1))
			else
				sada-verify -C r
			fi
			cp "image/.sada/pack/$p" "r/.sada/pack/$p"
			rm -f r/.sada/pack/*.idx
			sada-verify -C r
			is r @:f f.5
			sweep r
			is r @:f f.5
		done
	done
	[ "$done" -ge 1 ]
	[ "$left" -ge 10 ]
}

@test "new packs that turn out damaged take nothing over" {
	history image
	readable image >had
	for at in 2 40 half -100 -4 gone short; do
		fresh
		ls r/.sada/pack/*.pack >old
		sada-gc --keep 0 -C r
		new=$(find r/.sada/pack -name '*.pack' | grep -vFf old)
		size=$(wc -c <"$new")
		case $at in
		gone)	rm "$new" ;;
		short)	truncate -s -1 "$new" ;;
		half)	flip "$new" $((size / 2)) ;;
		-*)	flip "$new" $((size + at)) ;;
		*)	flip "$new" "$at" ;;
		esac
		echo "$at"
		run -0 sada-snap -C r
		run -0 sada-snap -C r
		# No list, the old ones are there, and so is all they held.
		[ ! -e r/.sada/pack/swept ]
		while read -r p; do [ -e "$p" ]; done <old
		still r had
		# Damage is what verify is for.
		run sada-verify -C r
		[ "$status" -le 1 ]
		sada-verify -C r
		sweep r
		is r @:f f.5
	done
}

@test "a list that does not hold is none" {
	history image
	readable image >had
	for at in 0 8 12 16 -40 -1 gone short long empty; do
		fresh
		sada-gc --keep 0 -C r
		s=r/.sada/pack/swept
		n=$(wc -c <$s)
		case $at in
		gone)	rm $s ;;
		short)	truncate -s -1 $s ;;
		long)	echo >>$s ;;
		empty)	: >$s ;;
		-*)	flip $s $((n + at)) ;;
		*)	flip $s "$at" ;;
		esac
		echo "$at"
		still r had
		sada-verify -C r
		snap r
		[ ! -e $s ]
		still r had
		sada-verify -C r
		sada-gc --keep 0 -C r
		snap r
		is r @:f f.5
		dropped r @~1:f
		sada-verify -C r
	done
}

@test "with everything an acknowledgement, syncs and gc fall silent" {
	replicas A B C
	mkdir s
	for x in A B C; do
		sada-remote -C $x add s s
		echo $x >$x/$x
		sada-snap -q -C $x >/dev/null
	done
	for i in 1 2 3 4 5; do
		for x in A B C; do
			random "$x/$x" 2000
			run sada-sync -q -C $x --join
			[ "$status" -le 1 ]
			sada-gc --keep 0 -C $x
		done
	done
	for _ in 1 2 3 4; do
		for x in A B C; do sada-sync -q -C $x --join >/dev/null; done
	done
	for x in A B C; do sada-gc --keep 0 -C $x; done
	rest A B C
	ls s >before
	for x in A B C A B C; do
		sada-sync -q -C $x >/dev/null
		sada-gc --keep 0 -C $x
	done
	ls s | diff before -
	rest A B C
}
