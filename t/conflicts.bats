#!/usr/bin/env bats
# Conflicts: why they are, how they are listed, and the commands that settle
# them.

# shellcheck disable=SC2154,SC2016	# stderr is of run; tools get words
bats_require_minimum_version 1.5.0
load conflicts.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	[ -n "$PYTHON" ] || PYTHON=python3
}

# ---- why ----

@test "why: what was not merged says so, the same on all replicas" {
	replicas A B
	printf '%s\n' 1 2 3 >A/same.txt
	cp A/same.txt A/kept.keep
	cp A/same.txt A/kind
	cp A/same.txt A/dir
	printf 'a\0b' >A/binary
	ln -s x A/link
	head -c 9000000 /dev/zero | tr '\0' '\n' >A/large
	printf '*.keep keep-both\n' >A/.sadamerge
	share A B
	for x in A B; do
		sed -i "s/2/2 $x/" "$x/same.txt" "$x/kept.keep" "$x/kind" "$x/dir"
		echo "$x" >"$x/new"
		printf 'a\0%s' "$x" >"$x/binary"
		echo "$x" >>"$x/large"
		ln -sf "$x" "$x/link"
	done
	rm B/kind B/dir
	ln -s kind B/kind
	mkdir B/dir
	snap A
	snap B
	give A B
	give B A
	for x in A B; do
		sada-merge -C "$x" --list --json >list
		"$PYTHON" - >"why.$x" <<-'END'
			import json
			for l in open("list"):
			    d = json.loads(l)
			    assert d["v"] == 1 and d["held"]
			    assert d["authors"] in (["A"], ["B"]), d
			    assert len(d["time"]) >= 20 and d["time"][-1] == "Z"
			    if d["path"] != d["name"]:
			        print(d["path"], d["why"])
		END
		rm list
	done
	diff why.A why.B
	diff - why.A <<-'END'
		binary binary
		dir kind
		kept.keep keep
		kind kind
		large large
		link same
		new no-base
		same.txt same
	END
	conflicts A 8
	heal A B
	conflicts B 8
}

@test "why: a command of this replica's that fails" {
	base A B
	printf '[merge "f"]\n\tcommand = exit 1;\n' >>A/.sada/config
	sed -i 's/^2/2 A/' A/f
	sed -i 's/^8/8 B/' B/f
	snap A
	snap B
	give A B
	give B A
	conflicts B 0
	conflicts A 1
	sada-merge -C A --list | grep -q $'\tcommand: '
	# Without it the next merge does what B's did.
	sed -i '/^\[merge/,$d' A/.sada/config
	heal A B
	conflicts A 0
}

@test "why: the commands of sadamerge(5) merge, on the side that has them" {
	replicas A B
	printf 'ape\nowl\n' >A/words.txt
	printf '1\n2\n3\n' >A/x.conf
	snap A
	give A B
	give B A
	sed -n '/^\[merge/,/^\.Ed/{/^\.Ed/!p}' "$SRCDIR/man/sadamerge.5" |
	    sed 's/\\e/\\/g' >>A/.sada/config
	[ "$(grep -c 'command = ' A/.sada/config)" -eq 2 ]
	printf 'ape\nbee\nowl\n' >A/words.txt
	printf 'ape\ncat\nowl\n' >B/words.txt
	printf '1\n2 A\n3\n' >A/x.conf
	printf '1\n2 B\n3\n' >B/x.conf
	snap A
	snap B
	give A B
	conflicts B 2
	give B A
	conflicts A 0
	[ "$(cat A/words.txt)" = $'ape\nbee\ncat\nowl' ]
	[ "$(cat A/x.conf)" = "$(cat B/x.conf)" ]
}

@test "list: columns, -z and JSON hold for odd names" {
	replicas A B
	name=$'a\tb\nc \377.txt'
	echo 1 >"A/$name"
	mkdir A/d
	echo 1 >"A/d/x y"
	share A B
	for x in A B; do
		echo "$x" >"$x/$name"
		echo "$x" >"$x/d/x y"
	done
	snap A; snap B; give A B; give B A
	run -0 sada-merge -C A --list
	[ "${#lines[@]}" -eq 4 ]
	[[ ${lines[0]} =~ ^[0-9a-f]{12}\ [0-9-]{10}\ [0-9:]{5}\ [AB]\ 2$'\t' ]]
	[[ ${lines[0]} == *$'\t"a\\tb\\nc \\377.txt"\t"a\\tb\\nc \\377.txt"\tmain: '* ]]
	[[ ${lines[2]} == *$'\td/x y\td/x y\tmain: '* ]]
	[[ ${lines[3]} == *$'\td/x y\td/x y~'*$'\tsame: '* ]]
	# Four fields for each, and names as they are.
	sada-merge -C A --list -z >list
	n=0
	while IFS= read -r -d '' line && IFS= read -r -d '' path &&
	    IFS= read -r -d '' at && IFS= read -r -d '' because; do
		n=$((n + 1))
		[ -f "A/$at" ]
		[ -f "A/$path" ]
		[[ $because == main:* || $because == same:* ]]
		[ "$(cut -d ' ' -f 4 <<<"$line")" = "$(cat "A/$at")" ]
	done <list
	[ "$n" -eq 4 ]
	sada-merge -C A --list --json | "$PYTHON" -c '
import base64, json, os, sys
for l in sys.stdin:
    d = json.loads(l)
    p = d.get("name", None)
    p = p.encode() if p is not None else base64.b64decode(d["name_b64"])
    assert ("path" in d) == ("name" in d)
    assert open(b"A/" + p).read().strip() == d["authors"][0]
    assert len(d["version"]) == 64 and d["size"] == 2
'
	# -C into a directory: paths stay those of the replica.
	run -0 sada-merge -C A/d --list
	[ "${#lines[@]}" -eq 4 ]
	run -0 sada-merge -C A/d --show B 'x y'
	[ "$output" = B ]
}

@test "show: one content at a time, with its bytes" {
	base A B
	clash A B
	for which in A B; do
		run -0 sada-merge -C A --show "$which" f
		[ "${lines[4]}" = "5 from $which" ]
		run -0 sada-merge -C A --show "$which" "$copy"
		[ "${lines[4]}" = "5 from $which" ]
	done
	run -0 sada-merge -C B --show mine f
	[ "${lines[4]}" = '5 from B' ]
	id=$(sada-merge -C A --list | awk '$4 == "B" { print $1 }')
	run -0 sada-merge -C A --show "$id" f
	[ "${lines[4]}" = '5 from B' ]
	run -64 sada-merge -C A --show both f
	run -64 sada-merge -C A --show nobody f
	run -64 sada-merge -C A --show A g
	run -64 sada-merge -C A --show 0000 f
}

# ---- commands that settle ----

@test "take: mine, author, version, both; from either side, and it is over" {
	base A B
	for who in A B; do
		for which in mine A B version both; do
			clash A B "$who A $which" "$who B $which"
			w=$which
			[ "$w" != version ] || w=$(sada-merge -C "$who" --list |
			    awk '$4 == "B" { print $1 }')
			sada-merge -C "$who" --show "${w/both/mine}" f >want
			run -0 --separate-stderr sada-merge -C "$who" -n \
			    --take "$w" f
			[ "$output" = '' ]
			conflicts "$who" 1
			run -0 --separate-stderr sada-merge -C "$who" \
			    --take "$w" f
			[ "$stderr" = '' ]
			op=$output
			[[ $op =~ ^[0-9a-f]{64}$ ]]
			# It is durable, and all is laid out.
			[ "$(sada-snap -C "$who")" = '' ]
			[ "$(sada-log -C "$who" -n1 | cut -c 1-12)" = \
			    "${op:0:12}" ]
			conflicts "$who" 0
			heal A B
			conflicts A 0
			conflicts B 0
			if [ "$which" = both ]; then
				[ -f "A/$copy" ]
				rm "A/$copy"
				share A B
			else
				cmp want A/f
				[ "$(copies A)" = '' ]
			fi
		done
	done
}

@test "take: further work on what was not taken does not clash again" {
	base A B C
	clash A B
	give A C
	conflicts C 1
	sada-merge -C A --take A f
	# C goes on with what B wrote, elsewhere in the file.
	name=$(sada-merge -C C --list | awk -F '\t' '$1 ~ / B / { print $3 }')
	sed -i 's/^9/9 from C/' "C/$name"
	if [ "$name" = f ]; then
		heal A B C
		conflicts A 0
		grep -q '^5 from A' A/f
		grep -q '^9 from C' A/f
	else
		# A copy that is touched is a file of its own.
		heal A B C
		[ "$(copies A)" = "$name" ]
		grep -q '^5 from A' A/f
		conflicts A 0
	fi
}

@test "take: what was edited meanwhile is recorded first" {
	base A B
	clash A B
	echo edited >A/g
	sed -i 's/^1/1 edited/' A/f
	sada-merge -C A --take B f || {
		# The edit may have become the other version of f.
		[ $? -eq 64 ]
		sada-merge -C A --take mine f
	}
	[ "$(sada-snap -C A)" = '' ]
	sada-log -C A -p | grep -q '^+1 edited'
	heal A B
	[ "$(cat B/g)" = edited ]
	conflicts B 0
}

@test "take: a directory that has the name stays; both works" {
	base A B
	rm A/f B/f
	mkdir A/f
	echo in >A/f/in
	snap A
	echo file >B/f
	snap B
	give A B
	give B A
	conflicts A 1
	copy=$(copies A)
	[ "$(cat "A/$copy")" = file ]
	run -2 --separate-stderr sada-merge -C A --take B f
	[[ $stderr == *'a directory has the name'* ]]
	[ "$(sada-snap -C A)" = '' ]
	sada-merge -C A --take both f
	heal A B
	conflicts B 0
	[ "$(cat "B/$copy")" = file ]
	[ "$(cat B/f/in)" = in ]
	# The other way round: the directory is taken.
	rm "A/$copy"
	rm -r A/f
	share A B
	mkdir A/f
	echo in >A/f/in
	echo file >B/f
	snap A
	snap B
	give A B
	give B A
	sada-merge -C A --take mine f
	[ "$(copies A)" = '' ]
	heal A B
	conflicts B 0
	[ "$(cat B/f/in)" = in ]
}

# tool.sh: joins line 5 of both sides.
tool() {
	cat >tool.sh <<-'END'
		#!/bin/sh -e
		[ $# -eq 4 ] && [ -f "$1" ] && [ ! -e "$4" ]
		echo "$SADA_PATH" >>"$TMPDIR/ran"
		sed -n 5p "$1" >>"$TMPDIR/bases"
		mine=$(sed -n 5p "$2") theirs=$(sed -n 5p "$3")
		sed "5s/.*/$mine and $theirs/" "$2" >"$4"
	END
	chmod +x tool.sh
	TMPDIR=$PWD
	export TMPDIR
}

@test "tool: what it makes is the new content, everywhere" {
	base A B
	mkdir 'A/d d'
	cp A/f 'A/d d/x y.txt'
	share A B
	tool
	clash A B A B
	for x in A B; do
		sed -i "s/^5/5 $x/" "$x/d d/x y.txt"
		snap "$x"
	done
	give A B
	give B A
	conflicts A 2
	# Only below PATH; the working directory is the caller's.
	run -0 --separate-stderr sada-merge -C A --tool ./tool.sh 'd d'
	[[ $output =~ ^[0-9a-f]{64}$ ]]
	[ "$stderr" = '' ]
	[ "$(cat ran)" = 'd d/x y.txt' ]
	[ "$(cat bases)" = 5 ]
	[ "$(sed -n 5p 'A/d d/x y.txt')" = '5 A and 5 B' ]
	conflicts A 1
	run -0 sada-merge -C A --tool ./tool.sh
	[ "$(sed -n 5p A/f)" = '5 A and 5 B' ]
	conflicts A 0
	[ "$(find A/.sada -name 'tool.*')" = '' ]
	run -0 sada-merge -C A --tool ./tool.sh
	[ "$output" = '' ]
	heal A B
	conflicts B 0
}

@test "tool: a PATH without a conflict is wrong usage, and nothing is run" {
	base A B
	mkdir A/d
	echo x >A/d/x
	share A B
	clash A B
	copy=$(copies A)
	tool
	for p in d d/x nosuch ../A/d f/x fx; do
		for other in '' f; do
			# shellcheck disable=SC2086	# none, or one
			run -64 --separate-stderr sada-merge -C A \
			    --tool ./tool.sh $other -- "$p"
			[ "$output" = '' ]
			[ "${#stderr_lines[@]}" -eq 1 ]
			[[ $stderr == "sada-merge: "*": no conflict there; "* ||
			    $p == ../A/d ]]
		done
		run -64 sada-merge -C A --show mine "$p"
	done
	[ ! -e ran ]
	conflicts A 1
	# The name, a copy and what is above are one.
	run -0 sada-merge -C A --tool ./tool.sh . f "$copy"
	[ "$(cat ran)" = f ]
	conflicts A 0
	run -0 sada-merge -C A --tool ./tool.sh
	run -64 sada-merge -C A --tool ./tool.sh f
	heal A B
}

@test "tool: a failure, or nothing made, leaves the conflict" {
	base A B
	clash A B
	tree A >before
	id=$(sada-status -C A --id)
	for cmd in false true 'exit 3;' 'echo x >"$4"; false' 'kill -9 $$;' \
	    'mkdir "$4";' nonsense; do
		run -1 --separate-stderr sada-merge -C A --tool "$cmd"
		[[ $stderr == *'f: the tool made nothing of it'* ]]
	done
	tree A | diff before -
	[ "$(sada-status -C A --id)" = "$id" ]
	run -64 sada-merge -C A -n --tool true
	run -64 sada-merge -C A --list --tool true
	# An empty file is a content as any other.
	run -0 sada-merge -C A --tool ': >"$4" #'
	[ ! -s A/f ]
	conflicts A 0
	heal A B
}

@test "tool: what changed meanwhile stays; others are not locked out" {
	base A B
	clash A B
	run -1 --separate-stderr sada-merge -C A --tool \
	    'echo new >A/f; sada-snap -C A --wait 0; cp "$2" "$4" #'
	[[ $stderr == *'f: it changed meanwhile'* ]]
	[ "$(cat A/f)" = new ]
	sada-merge -C A --take mine f || sada-merge -C A --take B f
	heal A B
}

@test "tool: three sides are merged one by one; what is no file stays" {
	base A B C
	tool
	for x in A B C; do sed -i "s/^5/5 $x/" "$x/f"; done
	ln -s a A/l
	ln -s b B/l
	for x in A B C; do snap "$x"; done
	give B A
	give C A
	conflicts A 2
	run -1 --separate-stderr sada-merge -C A --tool ./tool.sh
	[[ $stderr == *'l: not all of it are files'* ]]
	[[ $(sed -n 5p A/f) == '5 A and 5 '*' and 5 '* ]]
	[ "$(sort -u bases)" = 5 ]
	sada-merge -C A --take mine l
	heal A B C
	conflicts C 0
}

@test "none: three who change lines of their own, one of them from afar" {
	replicas a b c
	seq 100 >a/f
	share a b c
	line() { sed -i "$2s/.*/$3/" "$1/f"; }
	# c has seen b's first line, b has seen a's; then each goes on alone.
	line a 11 A1
	snap a
	give a b
	line b 41 B1
	snap b
	give b c
	line c 71 C1
	snap c
	line c 71 C2
	for i in 2 3 4; do
		line a 11 "A$i"
		snap a
		line b 41 "B$i"
		snap b
	done
	heal a b c
	[ "$(sada-merge -C a --list)" = '' ]
	[ "$(sed -n '11p;41p;71p' a/f | xargs)" = 'A4 B4 C2' ]
}

@test "none: two who take turns, and what was merged goes along" {
	replicas a b
	seq 100 >a/f
	share a b
	line() { sed -i "$2s/.*/$3/" "$1/f"; }
	line a 2 A1
	snap a
	line b 50 B1
	snap b
	give a b
	# What b shows now only b has, and its edit is not what b sends.
	line b 51 B2
	snap b
	line b 52 B3
	snap b
	line a 2 A2
	snap a
	give b a
	[ "$(sada-status -C a --json | sed 's/.*"wants":\([0-9]*\).*/\1/')" = 0 ]
	[ "$(sada-merge -C a --list)" = '' ]
	[ "$(sed -n '2p;50,52p' a/f | xargs)" = 'A2 B1 B2 B3' ]
	give a b
	same a b
}

@test "none: two that sync in turns through one spool, at any time" {
	replicas a b
	mkdir spool
	sada-remote -C a add spool spool
	sada-remote -C b add spool spool
	seq 100 >a/f
	sada-sync -q -C a
	sada-sync -q -C b
	for n in 1 2 3 4 5 6; do
		sed -i "$((2 * n))s/\$/ A$n/" a/f
		run -0 sada-sync -q -C a
		sed -i "$((2 * n + 40))s/\$/ B$n/" b/f
		run -0 sada-sync -q -C b
	done
	sada-sync -q -C a
	[ "$(grep -c '[AB]' a/f)" -eq 12 ]
	sada-sync -q -C b
	same a b
}

# ---- edits that crossed ----

# crossed: of the file f at all of a b c d, with 100 lines, a and b changed
# lines at once, c and d lines of their own, and then saw those of a and b.
crossed() {
	replicas a b c d
	seq 100 >a/f
	share a b c d
	sed -i '10s/$/\nnew of a/' a/f
	sed -i '60s/$/\nnew of b/' b/f
	sed -i '30s/$/ c/' c/f
	sed -i '80s/$/ d/' d/f
	for x in a b c d; do
		snap "$x"
	done
	for x in c d; do
		give a "$x"
		give b "$x"
		[ "$(grep -c new "$x/f")" -eq 2 ]
	done
}

@test "crossed: what one deletes of them does not come back" {
	crossed
	sed -i '/new of/d' c/f
	snap c
	sed -i '1s/$/ d/' d/f
	snap d
	heal a b c d
	[ "$(sada-merge -C a --list)" = '' ]
	[ "$(grep '[a-z]' a/f | xargs)" = '1 d 30 c 80 d' ]
}

@test "crossed: what one edits further merges with the rest" {
	crossed
	sed -i 's/new of a/newer of a/; s/new of b/newer of b/' c/f
	snap c
	sed -i '1s/$/ d/' d/f
	snap d
	heal a b c d
	[ "$(sada-merge -C a --list)" = '' ]
	[ "$(grep '[cd]$\|new' a/f | xargs)" = \
	    '1 d newer of a 30 c newer of b 80 d' ]
}

@test "crossed: a base that one has as part of more does not hide another" {
	replicas a b c
	seq 60 >a/f
	share a b c
	sed -i '10s/$/\nnew 1/; 20s/$/\nnew 2/' c/f
	snap c
	give c b
	# What a has, in the end, is what all had at first.
	sed -i '30s/$/ a/' a/f
	snap a
	sed -i '30s/ a$//' a/f
	snap a
	# So has c; to b it is an edit beside what came from c.
	sed -i '/new/d' c/f
	snap c
	sed -i '/new 1/d' b/f
	snap b
	give a b
	give a c
	sed -i 's/^40$/& b/' b/f
	snap b
	sed -i 's/^50$/& c/' c/f
	snap c
	heal a b c
	[ "$(sada-merge -C a --list)" = '' ]
	[ "$(grep '[a-z]' a/f | xargs)" = '40 b 50 c' ]
}

@test "crossed: what lived beside an edit did not go into it" {
	replicas a b c d
	seq 100 >a/f
	share a b c d
	# Who has the name depends on ids, so that both bring a line.
	sed -i '50s/.*/of a/; 70s/$/\nnew/' a/f
	sed -i '50s/.*/of b/; 20s/$/\nnew/' b/f
	sed -i '30s/$/ c/' c/f
	sed -i '80s/$/ d/' d/f
	for x in a b c d; do
		snap "$x"
	done
	# The conflict goes, as the name comes to say what stands beside it.
	give b a
	said=$(grep of "a/$(copies a)")
	sed -i "s/^of.*/$said/" a/f
	snap a
	sada-merge -C a
	[ "$(copies a)" = '' ]
	for x in c d; do
		give a "$x"
		[ "$(copies "$x")" = '' ]
		[ "$(grep -c new "$x/f")" -ge 1 ]
	done
	sed -i '/new/d' c/f
	snap c
	sed -i '1s/$/ d/' d/f
	snap d
	heal a b c d
	[ "$(grep '[a-z]' a/f | xargs)" = "1 d 30 c $said 80 d" ]
}

@test "crossed: on two levels, what one takes back is not chosen for all" {
	for order in 'a b' 'b a'; do
		rm -rf a b c d e f
		replicas a b c d e f
		seq 100 >a/f
		share a b c d e f
		read -r one two <<<"$order"
		sed -i '10s/.*/x/' "$one/f"
		sed -i '60s/.*/y/' "$two/f"
		sed -i '40s/$/ c/' c/f
		sed -i '90s/$/ d/' d/f
		sed -i '30s/$/ e/' e/f
		sed -i '80s/$/ f/' f/f
		for x in a b c d e f; do
			snap "$x"
		done
		for x in e f; do
			give a "$x"
			give b "$x"
		done
		# One leaves the x, one takes it back, and two see both.
		sed -i '1s/$/ e/' e/f
		snap e
		sed -i '10s/x/10/' f/f
		snap f
		for x in c d; do
			give e "$x"
			give f "$x"
			# What it merges by, it must ask for.
			give "$x" e
			give e "$x"
			[ "$(sed -n 10p "$x/f")" = 10 ]
		done
		sed -i '10s/10/x/' c/f
		snap c
		sed -i '100s/$/ d/' d/f
		snap d
		heal a b c d e f
		[ "$(copies a)" = '' ]
		[ "$(sed -n '10p;100p' a/f | xargs)" = 'x 100 d' ]
	done
}

@test "crossed: a link beside what merges is the same everywhere" {
	replicas a b c d e
	seq 100 >a/f
	share a b c d e
	sed -i '10s/.*/a/' a/f
	sed -i '60s/.*/b/' b/f
	sed -i '80s/.*/d/' d/f
	touch -d 2002-02-02 c/f
	for x in a b c d; do
		snap "$x"
	done
	for x in c d; do
		give a "$x"
		give b "$x"
	done
	ln -sf target d/f
	snap d
	touch -d 2001-01-01 c/f
	snap c
	# What says what to whom: some must ask others than its author.
	for x in 'c a' 'd a' 'a e' 'a b' 'b e' 'c e'; do
		# shellcheck disable=SC2086	# two names
		give $x
	done
	heal a b c d e
}

@test "crossed: three bases, one by what two of them were made of" {
	replicas a b c d e g
	edit() {
		sed -i "$2s/.*/$1 $3/" "$1/f"
		snap "$1"
	}
	seq 100 >a/f
	share a b c d e g
	edit c 60 c0
	edit d 70 d0
	edit a 10 x
	edit b 20 y
	give a g
	give b g
	edit g 30 b2
	edit a 40 b0
	edit b 50 b1
	edit a 42 b0
	edit b 52 b1
	give a e
	give e c
	for x in c d; do
		for y in a b g; do
			give "$y" "$x"
		done
	done
	# What they merge by, they must ask for.
	for y in a b g; do
		give c "$y"
		give "$y" c
		give d "$y"
		give "$y" d
	done
	edit c 80 c1
	edit d 90 d1
	for _ in 1 2 3; do
		for x in 'd c' 'c d' 'c e' 'e c'; do
			# shellcheck disable=SC2086	# two names
			give $x
		done
	done
	equal c d e
	[ "$(copies e)" = '' ]
	[ "$(grep -c '[a-g]' e/f)" -eq 11 ]
}
