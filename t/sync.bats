#!/usr/bin/env bats
# Two and three replicas that exchange bundles: conflicts, joins, bad
# bundles, restored and copied stores, caches that went away.

# shellcheck disable=SC2154	# stderr is of run
bats_require_minimum_version 1.5.0
load replicas.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	[ -n "$PYTHON" ] || PYTHON=python3
}

# base NAME...: replicas that share the files f and g.
base() {
	local x
	replicas "$@"
	echo one >"$1/f"
	echo one >"$1/g"
	snap "$1"
	for x in "${@:2}"; do
		give "$1" "$x"
		give "$x" "$1"
	done
}

# give FROM TO: all that TO is not known to have, and laid out; the status
# is that of merge.
give() {
	sada-push -C "$1" -o give.sada "$2" >/dev/null
	sada-pull -C "$2" give.sada >/dev/null || [ $? -eq 1 ]
	sada-merge -q -C "$2"
}

# cross A B: both record what they have, and their bundles cross.
cross() {
	snap "$1"
	snap "$2"
	sada-push -C "$1" -o ab.sada "$2" >/dev/null
	sada-push -C "$2" -o ba.sada "$1" >/dev/null
	sada-pull -C "$2" ab.sada >/dev/null
	sada-pull -C "$1" ba.sada >/dev/null
	sada-merge -q -C "$1" || [ $? -eq 1 ]
	sada-merge -q -C "$2" || [ $? -eq 1 ]
}

# heal NAME...: everybody to everybody until nobody changes.
heal() {
	local n x y last=''
	for n in 1 2 3 4 5 6; do
		for x; do snap "$x"; done
		for x; do
			for y; do
				[ "$x" = "$y" ] || give "$x" "$y" ||
				    [ $? -eq 1 ]
			done
		done
		y=$(for x; do sada-status -C "$x" --id; done)
		[ "$y" != "$last" ] || return 0
		last=$y
	done
	return 1
}

@test "edits on both sides: both stand, under the same names" {
	base A B
	echo two >A/f
	echo three >B/f
	cross A B
	run -1 --separate-stderr sada-merge -C A
	same A B
	[ "$(cat A/f A/"$(copies A)" | LC_ALL=C sort)" = $'three\ntwo' ]
	[ "$(copies A | wc -l)" -eq 1 ]
}

@test "an edit lives on against a deletion, from either side" {
	base A B
	echo two >A/f
	rm B/f
	rm A/g
	echo two >B/g
	cross A B
	run -0 sada-merge -C A
	same A B
	[ "$(cat A/f A/g)" = $'two\ntwo' ]
	[ "$(copies A)" = '' ]
}

@test "deleted on both sides is deleted" {
	base A B
	rm A/f B/f
	cross A B
	same A B
	[ ! -e A/f ]
}

@test "a file and a directory at one name: the directory keeps it" {
	base A B
	echo file >A/x
	mkdir B/x
	echo below >B/x/y
	cross A B
	same A B
	[ "$(cat A/x/y)" = below ]
	[ "$(cat A/"$(copies A)")" = file ]
}

@test "a file becomes a directory here and is edited there" {
	base A B
	rm A/f
	mkdir A/f
	echo below >A/f/y
	echo two >B/f
	cross A B
	same A B
	[ "$(cat A/f/y)" = below ]
	[ "$(cat A/"$(copies A)")" = two ]
}

@test "a directory is deleted here and gets a file there" {
	base A B
	mkdir A/d
	echo x >A/d/x
	snap A
	give A B
	rm -r A/d
	echo y >B/d/y
	cross A B
	[ "$(cat A/d/y B/d/y)" = $'y\ny' ]
	[ ! -e A/d/x ]
	[ ! -e B/d/x ]
	same A B
}

@test "the same edit on both sides is none to argue about" {
	base A B
	echo two >A/f
	cp -p A/f B/f
	cross A B
	run -0 sada-merge -C A
	same A B
	[ "$(copies A)" = '' ]
}

@test "three sides, three contents, and no more copies than that" {
	base A B C
	for x in A B C; do echo $x >$x/f; done
	heal A B C
	same A B C
	[ "$(copies A | wc -l)" -eq 2 ]
	[ "$(cat A/f* | LC_ALL=C sort)" = $'A\nB\nC' ]
}

# conflict: A and B with a conflict at f, laid out; its copy is $copy.
conflict() {
	base A B
	echo two >A/f
	echo three >B/f
	cross A B
	copy=$(copies A)
	main=$(cat A/f)
	side=$(cat "A/$copy")
}

@test "an edited copy is a file of its own" {
	conflict
	echo more >>"A/$copy"
	snap A
	give A B
	same A B
	[ "$(cat A/f)" = "$main" ]
	[ "$(cat "B/$copy")" = "$side"$'\nmore' ]
	[ "$(ls B | wc -l)" -eq 3 ]
}

@test "a renamed copy is a file of its own" {
	conflict
	mv "A/$copy" A/mine
	snap A
	give A B
	same A B
	[ "$(cat B/f B/mine)" = "$main"$'\n'"$side" ]
	[ "$(ls B | wc -l)" -eq 3 ]
}

@test "a deleted copy is gone, and the conflict with it" {
	conflict
	rm "A/$copy"
	snap A
	give A B
	same A B
	[ "$(cat B/f)" = "$main" ]
	[ "$(ls B | wc -l)" -eq 2 ]
}

@test "the copy takes the name when the main one is deleted" {
	conflict
	rm A/f
	snap A
	sada-merge -C A
	give A B
	same A B
	[ "$(cat B/f)" = "$side" ]
	[ "$(ls B | wc -l)" -eq 2 ]
}

@test "an edit of the main name leaves the copy" {
	conflict
	echo four >A/f
	snap A
	run -1 give A B
	same A B
	[ "$(cat B/f "B/$copy")" = $'four\n'"$side" ]
}

@test "the copy over the main name resolves it everywhere" {
	conflict
	mv "A/$copy" A/f
	snap A
	give A B
	same A B
	[ "$(cat B/f)" = "$side" ]
	[ "$(ls B | wc -l)" -eq 2 ]
}

@test "both resolve it, each in his way: nothing is lost or multiplied" {
	conflict
	mv "A/$copy" A/f
	rm "B/$copy"
	cross A B
	heal A B
	same A B
	[ "$(cat A/f*)" = "$side" ]
}

@test "--take: theirs, mine, both" {
	conflict
	who=$(sada-merge -C A --list | awk -F'\t' -v c="$copy" \
	    '$3 == c { split($1, w, " "); print w[4] }')
	[ "$(sada-merge -C A --show "$who" f)" = "$side" ]
	sada-merge -C A --take "$who" f
	give A B
	same A B
	[ "$(cat B/f)" = "$side" ]
	[ "$(ls B | wc -l)" -eq 2 ]
	echo five >A/f
	echo six >B/f
	cross A B
	[ "$(copies A | wc -l)" -eq 1 ]
	sada-merge -C A --take mine f
	give A B
	same A B
	[ "$(cat B/f)" = five ]
	echo seven >A/f
	echo eight >B/f
	cross A B
	sada-merge -C B --take both f
	give B A
	same A B
	[ "$(cat A/f* | LC_ALL=C sort)" = $'eight\nseven' ]
	[ "$(sada-merge -C A --list)" = '' ]
}

@test "an unrecorded edit stays where merge would write, and is recorded" {
	base A B
	echo two >A/f
	snap A
	echo three >B/f
	run -1 give A B
	[ "$(cat B/f)" = three ]
	heal A B
	same A B
	[ "$(cat A/f* | LC_ALL=C sort)" = $'three\ntwo' ]
}

@test "two filled directories join, only when told to" {
	replicas A B
	mkdir A/d B/d
	echo same >A/d/same
	cp -p A/d/same B/d/same
	echo a >A/a
	echo b >B/b
	echo a >A/c
	echo b >B/c
	snap A
	snap B
	id=$(sada-status -C B --id)
	sada-push -C A -o ab.sada B
	run -2 --separate-stderr sada-pull -C B ab.sada
	[[ $stderr == *--join* ]]
	[ "$(sada-status -C B --id)" = "$id" ]
	sada-pull -C B --join ab.sada
	run -1 sada-merge -C B
	# The answer needs no word: it says that both groups are one.
	sada-push -C B -o ba.sada A
	sada-pull -C A ba.sada
	run -1 sada-merge -C A
	same A B
	[ "$(ls A)" = "$(printf 'a\nb\nc\n%s\nd' "$(copies A)")" ]
	echo more >A/a
	snap A
	sada-push -C A -o ab.sada B
	sada-pull -C B ab.sada
}

@test "both join at once, and a third that has nothing" {
	replicas A B C
	echo a >A/a
	echo b >B/b
	snap A
	snap B
	sada-push -C A -o ab.sada B C
	sada-push -C B -o ba.sada A C
	sada-pull -C B --join ab.sada
	sada-pull -C A --join ba.sada
	sada-pull -C C ab.sada
	run -2 sada-pull -C C ba.sada
	sada-pull -C C --join ba.sada
	for x in A B C; do sada-merge -C $x; done
	heal A B C
	same A B C
	[ "$(ls C)" = $'a\nb' ]
}

@test "a bundle twice, a bundle of yesterday" {
	base A B
	echo two >A/f
	snap A
	sada-push -C A -o 1.sada B
	sada-pull -C B 1.sada
	sada-merge -C B
	id=$(sada-status -C B --id)
	[ "$(sada-pull -C B 1.sada 1.sada)" = $'A 0 known\nA 0 known' ]
	echo three >A/f
	snap A
	give A B
	[ "$(sada-pull -C B 1.sada)" = 'A 0 known' ]
	sada-merge -C B
	[ "$(cat B/f)" = three ]
	same A B
	[ "$(sada-status -C B --id)" != "$id" ]
}

@test "not for us is 65, from a stranger is 77, and of several the worst" {
	base A B C
	echo two >A/f
	snap A
	sada-push -C A -o b.sada B
	run -65 sada-pull -C C b.sada
	sada-init -N D D
	sada-peer -C D add <key.B
	echo x >D/x
	snap D
	sada-push -C D -o d.sada B
	run -77 --separate-stderr sada-pull -C B d.sada
	# It says what to do, and D's self whom it is about.
	[[ $stderr == *'sada-peer add'* ]]
	id=$(sada-peer -C D self --json | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
	[ "${#id}" -eq 64 ]
	[[ $stderr == *"$id"* ]]
	[ ! -e B/x ]
	: >empty.sada
	run -65 sada-pull -C B empty.sada
	run -69 sada-pull -C B none.sada
	# All are tried.
	run -77 --separate-stderr sada-pull -C B none.sada d.sada b.sada
	[ "$output" = 'A 1 taken' ]
	[ "${#stderr_lines[@]}" -eq 2 ]
	# In a spool, others' and strangers' are passed over.
	mkdir spool
	sada-push -C D -o spool B
	sada-push -C A -o spool C
	run -0 --separate-stderr sada-pull -C B spool
	[ "$output$stderr" = '' ]
}

# refused: B refuses each bad-*.sada with 65, a line each, and stays as it is.
refused() {
	local id before n
	id=$(sada-status -C B --id)
	before=$(tree B)
	n=$(find . -maxdepth 1 -name 'bad-*.sada' | wc -l)
	[ "$n" -gt 0 ]
	find . -maxdepth 1 -name 'bad-*.sada' -print0 | sort -z |
	    xargs -0 sh -c 'sada-pull -C B "$@" >out 2>err; echo $? >rc' -
	[ "$(cat rc)" = 65 ]
	[ ! -s out ]
	[ "$(wc -l <err)" -eq "$n" ]
	sada-merge -C B
	[ "$(sada-status -C B --id)" = "$id" ]
	[ "$(tree B)" = "$before" ]
	sada-verify -C B
}

@test "a bundle cut anywhere is refused" {
	base A B
	echo two >A/f
	mkdir A/d
	head -c 300000 /dev/urandom >A/d/big
	snap A
	sada-push -C A -o good.sada B
	"$PYTHON" - <<-'END'
	import os, random
	seed = int(os.environ.get('SADA_TEST_SEED', 1))
	print('# seed', seed)
	r = random.Random(seed)
	b = open('good.sada', 'rb').read()
	full = 'SADA_TEST_ROUNDS' in os.environ
	cut = set(range(8193)) if full else \
	    set(r.sample(range(8193), 200)) | set(range(0, 300, 9))
	cut |= set(r.sample(range(len(b)), 50)) | {len(b) - 1, len(b) - 16}
	for n in cut:
	    open('bad-%06d.sada' % n, 'wb').write(b[:n])
	open('bad-more.sada', 'wb').write(b + b'\0')
	open('bad-twice.sada', 'wb').write(b + b)
	END
	refused
	[ "$(sada-pull -C B good.sada)" = 'A 1 taken' ]
}

@test "a bundle with any byte changed is refused" {
	base A B
	echo two >A/f
	snap A
	sada-push -C A -o good.sada B
	"$PYTHON" - <<-'END'
	import random
	r = random.Random(1)
	b = open('good.sada', 'rb').read()
	assert len(b) < 8192
	for i in range(len(b)):
	    bad = bytearray(b)
	    bad[i] ^= 1 << r.randrange(8)
	    open('bad-%06d.sada' % i, 'wb').write(bad)
	END
	refused
	[ "$(sada-pull -C B good.sada)" = 'A 1 taken' ]
}

@test "through a pipe, in one pass" {
	base A B
	head -c 3000000 /dev/urandom >A/big
	snap A
	sada-push -C A -o - B | sh -c 'sada-pull -C B -'
	sada-merge -C B
	same A B
	# shellcheck disable=SC2016	# for that bash
	run -65 bash -c 'sada-push -C A --full -o - B | head -c 5000 |
	    sada-pull -C B -'
	same A B
}

@test "lost bundles and lost answers only cost bytes" {
	base A B
	for i in 1 2 3 4 5; do
		echo $i >A/f
		snap A
		sada-push -C A -o lost.sada B
	done
	give A B
	same A B
	# B's answer is lost: A sends the same again, and that is known.
	sada-push -C B -o lost.sada A
	sada-push -C A -o again.sada B
	[[ $(sada-pull -C B again.sada) == 'A 0 known' ]]
	give B A
	sada-push -C A -v -o none.sada B 2>said
	grep ': 0 ops' said
}

@test "bundles in any order: what waits for its parents is parked" {
	base A B
	for i in 1 2 3 4; do
		echo $i >>A/f
		echo $i >A/new$i
		op=$(sada-snap -C A)
		sada-push -C A --since "$op^" -o $i.sada B
	done
	for i in 4 2 3; do
		run -1 --separate-stderr sada-pull -C B $i.sada
		[ "$output" = 'A 1 parked' ]
		[[ $stderr == *'needs op'* ]]
		sada-verify -C B
	done
	[ ! -e B/new4 ]
	run -0 sada-pull -C B 1.sada
	sada-merge -C B
	[ "$(ls B/.sada/parked)" = '' ]
	[ "$(sada-status -C A --id)" = "$(sada-status -C B --id)" ]
	# A change that came before what it changes is asked for again.
	heal A B
	same A B
}

@test "what was parked heals when the rest never comes" {
	base A B
	echo 1 >A/f
	snap A
	echo 2 >A/f
	op=$(sada-snap -C A)
	sada-push -C A --since "$op^" -o 2.sada B
	run -1 sada-pull -C B 2.sada
	heal A B
	same A B
	[ "$(ls B/.sada/parked)" = '' ]
}

# unseen NAME COPY: the store is as in COPY, and nothing tells: the lock
# is the same file as before.
unseen() {
	find "$1/.sada" -mindepth 1 -maxdepth 1 ! -name lock \
	    -exec rm -rf {} +
	find "$2" -mindepth 1 -maxdepth 1 ! -name lock \
	    -exec cp -a {} "$1/.sada" \;
}

# went_back HOW: B goes back to a copy of its store and writes on.
went_back() {
	base A B C
	cp -a B/.sada old
	echo two >B/f
	echo two >B/lost
	snap B
	give B A
	case $1 in
	over)	cp -a old/. B/.sada ;;
	new)	rm -r B/.sada && cp -a old B/.sada ;;
	unseen)	unseen B old ;;
	esac
	rm B/lost
	echo other >B/f
	echo new >B/new
	snap B
	give B C
	give A C || [ $? -eq 1 ]
	heal A B C
	same A B C
	# All of it is somewhere: what A took, what B wrote after.
	[ "$(cat A/f* | LC_ALL=C sort)" = $'other\ntwo' ]
	[ "$(cat B/new A/new)" = $'new\nnew' ]
	[ "$(cat B/lost)" = two ]
	echo on >B/on
	snap B
	heal A B C
	same A B C
}

@test "a store copied back over itself heals" {
	went_back over
}

@test "a store replaced by an older copy heals" {
	went_back new
	[ "$(sada-log -C A --json | grep '"author":"B"' |
	    grep -o '"epoch":"[0-9a-f]*"' | sort -u | wc -l)" -ge 2 ]
}

@test "a store set back unseen heals" {
	went_back unseen
	[ "$(sada-log -C A --json | grep '"author":"B"' |
	    grep -o '"epoch":"[0-9a-f]*"' | sort -u | wc -l)" -ge 2 ]
}

@test "a whole directory restored from last week's copy" {
	base A B
	cp -a B old
	echo two >B/f
	echo two >B/only
	snap B
	give B A
	rm -r B
	cp -a old B
	run -0 sada-snap -C B
	heal A B
	same A B
	[ "$(cat B/f B/only)" = $'two\ntwo' ]
}

@test "two copies of one store both write: nothing is lost" {
	base A B
	cp -a B B2
	echo b >B/f
	echo b >B/b
	echo b2 >B2/f
	echo b2 >B2/b2
	snap B
	snap B2
	sada-push -C B -o 1.sada A
	sada-push -C B2 -o 2.sada A
	sada-pull -C A 1.sada 2.sada
	run -1 sada-merge -C A
	[ "$(cat A/f* | LC_ALL=C sort)" = $'b\nb2' ]
	for i in 1 2 3; do
		sada-push -C A --full -o a.sada B
		for x in B B2; do
			sada-pull -C $x a.sada || [ $? -eq 1 ]
			sada-merge -q -C $x || [ $? -eq 1 ]
			snap $x
			give $x A || [ $? -eq 1 ]
		done
	done
	same A B B2
	[ "$(sada-log -C A --json | grep '"author":"B"' |
	    grep -o '"epoch":"[0-9a-f]*"' | sort -u | wc -l)" -eq 2 ]
}

@test "copies of one store that do not notice: one dot, two ops" {
	base A B
	echo 0 >B/h
	snap B
	give B A
	cp -a B/.sada first
	echo eins >B/f
	echo 1 >B/x
	snap B
	sada-push -C B -o 1.sada A
	unseen B first
	echo two >B/f
	echo 2 >B/y
	rm B/x
	snap B
	sada-push -C B -o 2.sada A
	sada-pull -C A 2.sada 1.sada
	run -1 sada-merge -C A
	[ "$(cat A/f* | LC_ALL=C sort)" = $'eins\ntwo' ]
	[ "$(cat A/x A/y)" = $'1\n2' ]
	sada-status -C A | grep '^fork: *B [0-9]* [0-9a-f]* [0-9a-f]* copied$'
	heal A B
	same A B
	echo three >B/z
	snap B
	give B A || [ $? -eq 1 ]
	same A B
}

# spoil NAME: bytes in the middle of its largest pack change.
spoil() {
	local p
	p=$(ls -S "$1"/.sada/pack/*.pack | head -n 1)
	printf spoiled | dd of="$p" conv=notrunc status=none bs=1 \
	    seek=$(($(stat -c %s "$p") / 2))
}

@test "contents that went away come back from a peer" {
	base A B
	head -c 100000 /dev/urandom >A/big
	snap A
	give A B
	give B A
	spoil B
	run -1 sada-verify -C B
	for i in 1 2 3; do
		give B A
		give A B
	done
	sada-cat -C B @:big | cmp - A/big
	run sada-verify -C B
	[[ $output != *lost* ]]
	equal A B
}

@test "a content that is not here yet: the name keeps what it has" {
	base A B
	head -c 100000 /dev/urandom >A/f
	snap A
	sada-push -C A -o 1.sada B
	sada-pull -C B 1.sada
	spoil B
	run -1 sada-verify -C B
	run sada-merge -C B
	[ "$(cat B/f)" = one ]
	[ "$(sada-snap -C B)" = '' ]
	for i in 1 2 3; do
		give B A
		give A B
	done
	equal A B
}

@test ".sadaignore: only what is not recorded yet is kept out" {
	replicas A B
	echo x >A/kept.o
	snap A
	printf '*.o\n!need.o\ndir/\n/top\n' >A/.sadaignore
	mkdir A/dir A/sub A/sub/dir A/sub/top
	touch A/a.o A/need.o A/dir/x A/sub/dir/x A/sub/top/x A/top A/sub/a.o
	touch A/.gitignore A/sub/dirx
	mkdir A/.git
	touch A/.git/config
	printf 'dirx\n' >A/sub/.sadaignore
	echo y >A/kept.o
	snap A
	[ "$(sada-ls -RC A)" = '.git
.git/config
.gitignore
.sadaignore
kept.o
need.o
sub
sub/.sadaignore
sub/top
sub/top/x' ]
	[ "$(sada-cat -C A @:kept.o)" = y ]
	give A B
	# What is ignored is never taken for deleted, nor deleted.
	rm A/.sadaignore A/sub/.sadaignore
	snap A
	give A B
	[ -e B/need.o ]
	same A B
	echo '*' >B/.sadaignore
	snap B
	give B A
	[ -e A/sub/top/x ]
	same A B
}

@test "merge lays out over an ignored file without losing it" {
	base A B
	echo '*.o' >B/.sadaignore
	echo mine >B/x.o
	snap B
	echo theirs >A/x.o
	snap A
	give A B || [ $? -eq 1 ]
	[ "$(cat B/x.o)" = mine ]
	[ "$(cat A/x.o)" = theirs ]
	[ "$(sada-cat -C B @+:x.o)" = theirs ]
}

# many A: 40 files in A, all recorded.
many() {
	for i in $(seq 40); do echo "$i" >"$1/n$i"; done
	snap "$1"
}

@test "an empty directory is not an order to delete" {
	base A B
	many A
	give A B
	rm A/n* A/f A/g
	id=$(sada-status -C A --id)
	run -2 --separate-stderr sada-snap -C A
	[[ $stderr == *--accept-deletes* ]]
	[ "$(sada-status -C A --id)" = "$id" ]
	# Meanwhile the rest goes on, and merge brings nothing back.
	echo two >B/f
	snap B
	run -1 give B A
	[ ! -e A/n1 ]
	run -2 sada-snap -C A --accept-deletes=10
	sada-snap -C A --accept-deletes
	give A B
	[ "$(ls B)" = f ]
	heal A B
	same A B
}

@test "moving everything is no deletion" {
	base A B
	many A
	give A B
	mkdir A/below
	mv A/n* A/f A/g A/below
	snap A
	give A B
	same A B
}

@test "setting everything back counts as a deletion" {
	base A B
	many A
	cp -a A old
	for f in A/n*; do echo x >>"$f"; done
	snap A
	cp -a old/n* A
	run -2 sada-snap -C A
}

@test "merge stops for a mass deletion that nobody accepted" {
	base A B
	# Two paths: deleting one at a time is no mass deletion, all is.
	echo x >A/x
	snap A
	give A B
	rm A/x A/f A/g
	run -2 sada-snap -C A
	sada-snap -C A --accept-deletes
	run -0 give A B
	[ "$(ls B)" = '' ]
}

@test "what cannot be recorded is told, and never a deletion" {
	base A B
	rm A/f
	mkfifo A/f A/pipe
	run -1 --separate-stderr sada-snap -C A
	[ "$output" = '' ]
	[[ $stderr == *'f: it is no file'* ]]
	[ "$(sada-ls -C A)" = $'f\ng' ]
	give A B
	[ "$(cat B/f)" = one ]
	# And what others wrote there does not replace it.
	echo two >B/f
	snap B
	give B A || [ $? -eq 1 ]
	[ -p A/f ]
	rm A/f A/pipe
	heal A B || [ $? -eq 1 ]
}

@test "special files are passed over, and are nothing to look at" {
	base A B
	mkdir A/d
	mkfifo A/pipe A/d/pipe
	"$PYTHON" -c 'import socket
socket.socket(socket.AF_UNIX).bind("A/s")'
	run -0 --separate-stderr sada-snap -C A
	[ "${#output}" -eq 64 ]
	[ "$stderr" = '' ]
	run -0 --separate-stderr sada-snap -C A -v
	[ "$output" = '' ]
	[[ $stderr == *'d/pipe: it is no file'*'s: it is no file'* ]]
	[[ $stderr == *'3 special files passed over'* ]]
	[[ $(sada-status -C A --json) == *'"skipped":3,'* ]]
	echo x >A/x
	[[ $(sada-snap -C A --json) == *'"skipped":0,"special":3}' ]]
	# One that cannot be recorded counts all the same.
	mkdir A/.Sada
	run -1 sada-snap -C A
	rmdir A/.Sada
	mkdir spool
	run -0 sada-sync -C A spool
	give A B
	[ "$(cd B && echo *)" = 'd f g x' ]
}

@test "an unreadable directory is told, and nothing below it deleted" {
	base A B
	mkdir A/d
	echo x >A/d/x
	snap A
	give A B
	chmod 0 A/d
	if [ "$(id -u)" -eq 0 ]; then
		# Root reads everything, without these capabilities not.
		drop='setpriv --bounding-set=-all --inh-caps=-all'
	fi
	run ${drop-} sada-snap -C A
	chmod 755 A/d
	[ "$(sada-ls -RC A)" = $'d\nd/x\nf\ng' ]
	give A B
	[ -e B/d/x ]
}

@test "a name that folds to .sada is skipped, at any depth" {
	base A B
	mkdir -p A/d/.SADA A/.Sada
	echo x >A/d/.SADA/x
	echo x >A/.Sada/x
	run -1 --separate-stderr sada-snap -C A
	[[ $stderr == *.SADA* ]]
	[ "$(sada-ls -RC A)" = $'d\nf\ng' ]
}

@test "no store, no replica; its parts are not guessed" {
	base A B
	mv A/.sada aside
	run -69 sada-snap -C A
	run -69 sada-merge -C A
	mkdir A/.sada
	run -69 sada-snap -C A
	rmdir A/.sada
	mv aside A/.sada
	[ "$(sada-snap -C A)" = '' ]
}

# caches NAME: the files that are only caches, names relative to .sada.
caches() {
	(cd "$1/.sada" && find work states wants peers pack -type f \
	    ! -name '*.pack' -print | sort)
}

@test "each cache may go away, one by one and all at once" {
	conflict
	mkdir A/d
	echo x >A/d/x
	snap A
	give A B || [ $? -eq 1 ]
	give B A || [ $? -eq 1 ]
	cp -a A keep
	for c in $(caches A) ALL; do
		if [ "$c" = ALL ]; then
			for x in $(caches A); do rm "A/.sada/$x"; done
		else
			rm "A/.sada/$c"
		fi
		[ "$(sada-snap -C A)" = '' ] || return 1
		run sada-merge -C A
		[ "$status" -eq 1 ]
		[ "$(sada-snap -C A)" = '' ]
		sada-verify -C A
		tree A >now
		tree keep | diff now -
		[ "$(sada-status -C A --id)" = \
		    "$(sada-status -C B --id)" ]
		give A B || [ $? -eq 1 ]
		give B A || [ $? -eq 1 ]
		same A B
	done
}

@test "an edit is still an edit after the stat cache is gone" {
	conflict
	echo four >A/f
	rm A/.sada/work
	sada-merge -q -C A || [ $? -eq 1 ]
	[ "$(cat A/f)" = four ]
	[ "$(sada-snap -C A)" != '' ]
	give A B || [ $? -eq 1 ]
	same A B
	[ "$(cat B/f "B/$copy")" = $'four\n'"$side" ]
	# A deletion too.
	rm A/g A/.sada/work
	[ "$(sada-snap -C A)" != '' ]
	give A B || [ $? -eq 1 ]
	[ ! -e B/g ]
	same A B
}

@test "what was pulled and not merged is not taken for deleted without W" {
	base A B
	echo x >B/new
	echo two >B/f
	snap B
	sada-push -C B -o b.sada A
	sada-pull -C A b.sada
	rm A/.sada/work
	[ "$(sada-snap -C A)" = '' ]
	sada-merge -C A
	same A B
	[ "$(cat A/f A/new)" = $'two\nx' ]
}

@test "sync through a spool: everyday use, quiet at the end" {
	replicas A B C
	mkdir stick
	for x in A B C; do
		sada-remote -C $x add stick stick
		echo $x >$x/$x
		echo $x >$x/all
	done
	sada-sync -q -C A
	for i in 1 2 3 4; do
		for x in B C A; do
			sada-sync -q -C $x --join || [ $? -eq 1 ]
		done
	done
	same A B C
	[ "$(cat A/all* | LC_ALL=C sort)" = $'A\nB\nC' ]
	ls -l stick >before
	for x in A B C; do
		run -1 --separate-stderr sada-sync -C $x
		[[ $output != *taken* ]]
	done
	ls -l stick | diff before -
}
