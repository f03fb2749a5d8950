#!/usr/bin/env bats
# Conflicts: why they are, how they are listed, and every way to settle
# them, by command and by hand; and what is restored from the past.

# shellcheck disable=SC2154	# stderr is of run
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	[ -n "$PYTHON" ] || PYTHON=python3
}

# replicas NAME...: each a directory of its name; all know each other.
replicas() {
	local x y
	for x; do
		sada-init -N "$x" "$x" >"key.$x"
	done
	for x; do
		for y; do
			[ "$x" = "$y" ] || sada-peer -C "$x" add <"key.$y"
		done
	done
}

snap() {
	sada-snap -q -C "$1" >/dev/null
}

# give FROM TO: all that TO is not known to have, and laid out.
give() {
	sada-push -C "$1" -o give.sada "$2" >/dev/null
	sada-pull -C "$2" give.sada >/dev/null || [ $? -eq 1 ]
	sada-merge -q -C "$2" || [ $? -eq 1 ]
}

# share NAME...: the others get what the first has, and say so.
share() {
	local x
	snap "$1"
	for x in "${@:2}"; do
		give "$1" "$x"
		give "$x" "$1"
	done
}

# base NAME...: replicas that share f, nine lines, and g.
base() {
	replicas "$@"
	printf '%s\n' 1 2 3 4 5 6 7 8 9 >"$1/f"
	echo one >"$1/g"
	share "$@"
}

# tree DIR: each name, kind, mode and mtime, and each content.
tree() {
	(cd "$1" && find . -name .sada -prune -o -type d -printf '%P %y %m\n' \
	    -o -printf '%P %y %m %T@ %l\n' | LC_ALL=C sort &&
	    find . -name .sada -prune -o -type f -exec sha256sum {} + |
	    LC_ALL=C sort)
}

# equal NAME...: one state, equal trees, and nobody has anything to record.
equal() {
	local x
	tree "$1" >tree.first
	for x; do
		[ "$(sada-snap -C "$x")" = '' ]
		[ "$(sada-status -C "$x" --id)" = \
		    "$(sada-status -C "$1" --id)" ]
		tree "$x" | diff tree.first -
		sada-verify -C "$x"
	done
}

# heal NAME...: everybody to everybody until all are alike, then equal.
heal() {
	local x y
	for _ in 1 2 3 4 5 6; do
		for x; do snap "$x"; done
		for x; do
			for y; do
				[ "$x" = "$y" ] || give "$x" "$y"
			done
		done
		# One id, laid out everywhere, and nothing that is missing.
		[ "$(for x; do sada-status -C "$x"; done | awk '
		    /^(id|laid):/ { print $2 }
		    /^(wants|left):/ && $2 > 0' | sort -u | wc -l)" -gt 1 ] ||
		    break
	done
	equal "$@"
}

copies() {
	(cd "$1" && find . -name .sada -prune -o -name '*~*' -printf '%P\n' |
	    LC_ALL=C sort)
}

# clash A B [TEXT TEXT]: both change line 5 of f; COPY is the other's name.
clash() {
	sed -i "s/^5.*/5 ${3-from $1}/" "$1/f"
	sed -i "s/^5.*/5 ${4-from $2}/" "$2/f"
	snap "$1"
	snap "$2"
	give "$1" "$2"
	give "$2" "$1"
	copy=$(copies "$1")
	[ "$(copies "$2")" = "$copy" ]
	[ "$(wc -l <<<"$copy")" -eq 1 ]
}

# conflicts X N: all say that X has N of them.
conflicts() {
	[ "$(sada-status -C "$1" | awk '$1 == "conflicts:" { print $2 }')" \
	    -eq "$2" ]
	[ "$(sada-merge -C "$1" --list | cut -f 2 | sort -u | wc -l)" -eq "$2" ]
	if [ "$2" -gt 0 ]; then
		run -1 --separate-stderr sada-merge -C "$1"
	else
		run -0 --separate-stderr sada-merge -C "$1"
	fi
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

# ---- by hand ----

# by_hand WHO CONFLICTS COMMAND...: in WHO's directory, with $copy and fresh
# contents; then all are equal, and settled but for CONFLICTS.
by_hand() {
	local who=$1 left=$2
	shift 2
	clash A B "$RANDOM A" "$RANDOM B"
	main=$(sed -n 5p A/f)
	other=$(sed -n 5p "A/$copy")
	(cd "$who" && "$@")
	snap "$who"
	sada-merge -q -C "$who" || [ $? -eq 1 ]
	[ "$(sada-snap -C "$who")" = '' ]
	conflicts "$who" "$left"
	heal A B
	conflicts A "$left"
	conflicts B "$left"
}

fifth() { sed -n 5p "$1"; }

@test "by hand: an edit of the name leaves the copies" {
	base A B
	for who in A B; do
		by_hand "$who" 1 sed -i 's/^1.*/1 edited/' f
		[ "$(head -n 1 B/f)" = '1 edited' ]
		[ "$(copies A)" = "$copy" ]
		[ "$(fifth "B/$copy")" = "$other" ]
		rm "A/$copy"
		share A B
	done
}

@test "by hand: a copy that is touched or edited is a file of its own" {
	base A B
	for who in A B; do
		for how in 'touch -d 2001-02-03' 'sed -i 2d' 'chmod 600'; do
			# shellcheck disable=SC2016
			by_hand "$who" 0 sh -c "$how"' "$(ls | grep "~")"'
			[ "$(fifth A/f)" = "$main" ]
			[ "$(copies A)" = "$copy" ]
			[ "$(fifth "B/$copy")" != "$main" ]
			rm "A/$copy"
			share A B
		done
	done
}

@test "by hand: deletions of the name, of a copy, of all" {
	base A B
	echo more >A/h
	echo more >A/k
	share A B
	for who in A B; do
		by_hand "$who" 0 rm f
		[ "$(copies B)" = '' ]
		[ "$(fifth B/f)" = "$other" ]
		# shellcheck disable=SC2016
		by_hand "$who" 0 sh -c 'rm "$(ls | grep "~")"'
		[ "$(copies B)" = '' ]
		[ "$(fifth B/f)" = "$main" ]
		# shellcheck disable=SC2016
		by_hand "$who" 0 sh -c 'rm f "$(ls | grep "~")"'
		[ ! -e A/f ]
		[ "$(ls B)" = $'g\nh\nk' ]
		printf '%s\n' 1 2 3 4 5 6 7 8 9 >A/f
		share A B
	done
}

@test "by hand: renames of a copy over the name, of the name, of a copy" {
	base A B
	for who in A B; do
		# shellcheck disable=SC2016
		by_hand "$who" 0 sh -c 'mv "$(ls | grep "~")" f'
		[ "$(copies B)" = '' ]
		[ "$(fifth B/f)" = "$other" ]
		by_hand "$who" 0 mv f h
		[ "$(copies B)" = '' ]
		[ "$(fifth B/f)" = "$other" ]
		[ "$(fifth B/h)" = "$main" ]
		# shellcheck disable=SC2016
		by_hand "$who" 0 sh -c 'mv "$(ls | grep "~")" k'
		[ "$(copies B)" = '' ]
		[ "$(fifth B/f)" = "$main" ]
		[ "$(fifth B/k)" = "$other" ]
		rm A/h A/k
		share A B
	done
}

@test "by hand: of three, the next takes the name, and two are left" {
	base A B C
	for x in A B C; do sed -i "s/^5/5 $x/" "$x/f"; done
	for x in A B C; do snap "$x"; done
	heal A B C
	[ "$(copies A | wc -l)" -eq 2 ]
	rm A/f
	snap A
	conflicts A 1
	heal A B C
	[ "$(copies C | wc -l)" -eq 1 ]
	conflicts C 1
	rm "B/$(copies B)"
	heal A B C
	conflicts A 0
}

@test "by hand: both sides settle it in different ways" {
	base A B
	clash A B
	main=$(fifth A/f)
	other=$(fifth "A/$copy")
	rm A/f
	rm "B/$copy"
	heal A B
	[ ! -e A/f ]
	[ "$(copies A)" = '' ]
	printf '%s\n' 1 2 3 4 5 6 7 8 9 >A/f
	share A B
	clash A B
	sed -i '1s/$/ A/' A/f
	sed -i '9s/$/ B/' B/f
	heal A B
	[ "$(sed -n '1p;9p' A/f)" = $'1 A\n9 B' ]
	conflicts A 1
	# One of two opposite decisions holds, the same on both sides.
	sada-merge -C A --take mine f
	sada-merge -C B --take mine f
	heal A B
}

# ---- merged views ----

# merged A B: line 2 is changed there, line 8 here, and both have both.
merged() {
	base "$@"
	sed -i "s/^2/2 $1/" "$1/f"
	sed -i "s/^8/8 $2/" "$2/f"
	snap "$1"
	snap "$2"
	give "$1" "$2"
	give "$2" "$1"
	for x in "$1" "$2"; do
		[ "$(sed -n '2p;8p' "$x/f")" = "2 $1"$'\n'"8 $2" ]
		conflicts "$x" 0
		[ "$(sada-snap -C "$x")" = '' ]
	done
}

@test "merged: an edit, a mode, a rename and a deletion take all of it" {
	merged A B
	sed -i 's/^5/5 more/' A/f
	heal A B
	[ "$(sed -n '2p;5p;8p' B/f)" = $'2 A\n5 more\n8 B' ]
	conflicts B 0
	for x in A B; do sed -i "s/^${x/B/9}/&/;$([ "$x" = A ] && echo 1 ||
	    echo 9)s/\$/ $x/" "$x/f"; done
	snap A; snap B; give A B; give B A
	conflicts A 0
	chmod 600 B/f
	heal A B
	[ "$(stat -c %a A/f)" -eq 600 ]
	[ "$(sed -n '1p;9p' A/f)" = $'1 A\n9 B' ]
	for x in A B; do
		sed -i "$([ "$x" = A ] && echo 3 || echo 7)s/\$/ $x/" "$x/f"
	done
	snap A; snap B; give A B; give B A
	mv A/f A/moved
	heal A B
	[ ! -e B/f ]
	[ "$(sed -n '3p;7p' B/moved)" = $'3 A\n7 B' ]
	for x in A B; do
		sed -i "$([ "$x" = A ] && echo 3 || echo 7)s/\$/ $x/" \
		    "$x/moved"
	done
	snap A; snap B; give A B; give B A
	rm A/moved
	heal A B
	[ "$(ls B)" = g ]
}

@test "merged: what an edit takes back stays away" {
	base A B
	for who in A B; do
		for line in 2 8; do
			printf '%s\n' 1 2 3 4 5 6 7 8 9 >A/f
			share A B
			sed -i 's/^2/2 A/' A/f
			sed -i 's/^8/8 B/' B/f
			snap A
			snap B
			give A B
			give B A
			other=A
			[ "$who" != A ] || other=B
			sed -i "s/^$line .*/$line/" "$who/f"
			sed -i 's/^5/5 else/' "$other/f"
			heal A B
			conflicts A 0
			[ "$(sed -n "${line}p" A/f)" = "$line" ]
			[ "$(sed -n 5p A/f)" = '5 else' ]
		done
	done
}

@test "merged: one side goes on, or deletes, while the other has merged" {
	base A B
	sed -i 's/^2/2 A/' A/f
	sed -i 's/^8/8 B/' B/f
	snap A
	snap B
	give B A
	[ "$(sed -n '2p;8p' A/f)" = $'2 A\n8 B' ]
	sed -i 's/^5/5 B/' B/f
	snap B
	sed -i 's/^1/1 A/' A/f
	snap A
	heal A B
	[ "$(sed -n '1p;2p;5p;8p' B/f)" = $'1 A\n2 A\n5 B\n8 B' ]
	conflicts A 0
	# A deletion takes what it saw; the edit that it did not see lives.
	sed -i 's/^3/3 A/' A/f
	snap A
	rm B/f
	snap B
	heal A B
	[ "$(sed -n 3p B/f)" = '3 A' ]
	conflicts A 0
}

@test "merged: a third version that clashes stands beside it" {
	base A B C
	sed -i 's/^2/2 A/' A/f
	sed -i 's/^8/8 B/' B/f
	sed -i 's/^2/2 C/' C/f
	for x in A B C; do snap "$x"; done
	heal A B C
	conflicts A 1
	[ "$(copies A | wc -l)" -eq 1 ]
	sada-merge -C A --list | grep -Eq ' (A,B|B,A|C,B|B,C) '
	# The merged one is edited: both of its versions are replaced.
	sed -i 's/^5/5 more/' A/f
	heal A B C
	conflicts B 1
	[ "$(sada-merge -C C --list | wc -l)" -eq 2 ]
	id=$(sada-merge -C C --list | awk -F '\t' '$2 != $3 {
	    print substr($1, 1, 12) }')
	sada-merge -C B --take "$id" f
	heal A B C
	conflicts C 0
	[ "$(copies B)" = '' ]
}

# orders NAME TEXTS...: A, B and C write, and six others take their bundles
# in every order, looking after each.
orders() {
	local i o x order
	replicas A B C O1 O2 O3 O4 O5 O6
	printf '%s\n' 1 2 3 4 5 6 7 8 9 >A/f
	snap A
	sada-push -C A -o first.sada >/dev/null
	for x in B C O1 O2 O3 O4 O5 O6; do
		sada-pull -C "$x" first.sada >/dev/null
		sada-merge -q -C "$x"
	done
	for x in A B C; do
		sed -i "$1" "$x/f"
		shift
		snap "$x"
		sada-push -C "$x" -o "$x.sada" >/dev/null
	done
	i=0
	for order in 'A B C' 'A C B' 'B A C' 'B C A' 'C A B' 'C B A'; do
		i=$((i + 1))
		for x in $order; do
			sada-pull -C "O$i" "$x.sada" >/dev/null
			sada-merge -q -C "O$i" || [ $? -eq 1 ]
		done
		sada-merge -C "O$i" --list | cut -f 2- >"list.$i"
		diff list.1 "list.$i"
	done
	equal O1 O2 O3 O4 O5 O6
}

@test "orders: three that clash have the same names, whoever came first" {
	orders 's/^5/5 A/' 's/^5/5 B/' 's/^5/5 C/'
	[ "$(copies O1 | wc -l)" -eq 2 ]
}

@test "orders: two that merge and one that clashes" {
	orders 's/^2/2 A/' 's/^8/8 B/' 's/^2/2 C/'
	[ "$(copies O1 | wc -l)" -eq 1 ]
}

@test "orders: three that merge" {
	orders 's/^1/1 A/' 's/^5/5 B/' 's/^9/9 C/'
	[ "$(copies O1)" = '' ]
	[ "$(sed -n '1p;5p;9p' O1/f)" = $'1 A\n5 B\n9 C' ]
}

@test "no conflict of conflicts: copies are never sent as files" {
	base A B C
	for n in 1 2 3; do
		for x in A B C; do
			sed -i "s/^5.*/5 $x $n/" "$x/f"
			snap "$x"
		done
		for x in A B C; do
			for y in A B C; do
				[ "$x" = "$y" ] || give "$x" "$y"
			done
		done
		! copies A | grep '~.*~' || return 1
	done
	heal A B C
	! copies A | grep '~.*~' || return 1
}

# ---- what is not here ----

# lacking: C has both versions of f, and not what they were made from.
lacking() {
	replicas A B C
	printf '%s\n' 1 2 3 4 5 6 7 8 9 >A/f
	share A B
	sed -i 's/^2/2 A/' A/f
	snap A
	sada-push -C A -o a.sada C >/dev/null
	sed -i 's/^8/8 B/' B/f
	snap B
	sada-push -C B -o b.sada C >/dev/null
}

@test "lacking: both stand until the common version comes, and no op" {
	for order in 'a b' 'b a'; do
		rm -rf A B C
		lacking
		for x in $order; do
			sada-pull -C C "$x.sada" >/dev/null
			sada-merge -q -C C || [ $? -eq 1 ]
			[ "$(sada-snap -C C)" = '' ]
		done
		conflicts C 1
		[ "$(copies C | wc -l)" -eq 1 ]
		sada-merge -C C --list --json | grep '"why":"lacking"' |
		    grep -q 'it was written by A'
		[ "$(sada-status -C C | awk '$1 == "wants:" { print $2 }')" \
		    -ge 1 ]
		ops=$(sada-log -C C | wc -l)
		# The next exchange brings it.
		sada-push -C C -o c.sada A >/dev/null
		sada-pull -C A c.sada >/dev/null
		sada-merge -q -C A
		[ "$(sada-snap -C A)" = '' ]
		sada-push -C A -o a2.sada C >/dev/null
		sada-pull -C C a2.sada >/dev/null
		# A snap before the merge takes the old view for no edit.
		[ "$(sada-snap -C C)" = '' ]
		run -0 --separate-stderr sada-merge -C C
		[ "$(sed -n '2p;8p' C/f)" = $'2 A\n8 B' ]
		[ "$(copies C)" = '' ]
		[ "$(sada-snap -C C)" = '' ]
		[ "$(sada-log -C C | wc -l)" -eq "$ops" ]
		conflicts C 0
		[ "$(sada-status -C C | awk '$1 == "wants:" { print $2 }')" \
		    -eq 0 ]
		heal A B C
		[ "$(sada-log -C C | wc -l)" -eq "$ops" ]
	done
}

@test "lacking: an edit meanwhile is an edit, and meets the rest" {
	lacking
	sada-pull -C C a.sada b.sada >/dev/null
	sada-merge -q -C C || [ $? -eq 1 ]
	sed -i 's/^5/5 C/' C/f
	heal A B C
	conflicts A 0
	[ "$(sed -n '2p;5p;8p' B/f)" = $'2 A\n5 C\n8 B' ]
}

@test "take, show, restore: what is not here is named with who may have it" {
	base A B C
	# B's first version of f goes nowhere but to A.
	sed -i 's/^5/5 secret/' B/f
	snap B
	first=$(sada-log -C B -n1 | cut -c 1-12)
	give B A
	give A B
	sed -i 's/^5.*/5 open/' B/f
	rm B/g
	sada-snap -q -C B --accept-deletes >/dev/null
	sada-push -C B -o b.sada C >/dev/null
	sada-pull -C C b.sada >/dev/null
	sada-merge -q -C C
	give A C
	run -69 --separate-stderr sada-cat -C C "$first:f"
	[[ $stderr == *'f is not here; it was written by B'* ]]
	run -69 --separate-stderr sada-restore -C C "$first" f
	[[ $stderr == *'f'*'it was written by B'*'A may have it'* ]]
	[ "$(fifth C/f)" = '5 open' ]
}

# ---- restore ----

@test "restore: any point of any author's history that is held here" {
	replicas A B
	mkdir -p A/d/e
	echo 1 >A/d/e/f
	echo 1 >A/d/g
	ln -s e A/d/l
	chmod 640 A/d/g
	echo top >A/top
	share A B
	tree A | grep -v '^ d' >state.1
	echo 2 >B/d/e/f
	snap B
	two=$(sada-log -C B -n1 | cut -c 1-12)
	give B A
	rm -r B/d
	echo file >B/d
	sada-snap -q -C B --accept-deletes >/dev/null
	gone=$(sada-log -C B -n1 | cut -c 1-12)
	give B A
	[ "$(cat A/d)" = file ]
	# A file, a directory, all: of B's history, at A, beside or in place.
	sada-restore -C A -o out.f "$two" d/e/f
	[ "$(cat out.f/d/e/f)" = 2 ]
	[ "$(find out.f -type f | wc -l)" -eq 1 ]
	sada-restore -C A -o out.all "$two^"
	tree out.all | grep -v '^ d' | diff state.1 -
	run -0 --separate-stderr sada-restore -C A "$gone^" d
	[ "$(cat A/d/e/f)" = 2 ]
	[ "$(readlink A/d/l)" = e ]
	[ "$(stat -c %a A/d/g)" -eq 640 ]
	snap A
	heal A B
	[ "$(cat B/d/e/f)" = 2 ]
	# What the peer acknowledged, what was here before, and at a time.
	sada-restore -C A 'B@' d
	sada-restore -C A '@~1' top
	sada-restore -C A '@{now}'
	[ "$(sada-snap -C A)" = '' ]
	# A file where a directory is recorded: it says what to do.
	run -2 --separate-stderr sada-restore -C A "$gone" d
	[[ $stderr == *'d: a directory stands there; move it away'* ]]
	[ "$(sada-snap -C A)" = '' ]
	mv A/d A/moved
	sada-restore -C A "$gone" d
	[ "$(cat A/d)" = file ]
	snap A
	heal A B
	[ "$(cat B/moved/e/f)" = 2 ]
}

@test "restore: what is lost everywhere is named; the rest is restored" {
	replicas A B
	mkdir A/d
	echo kept >A/d/kept
	share A B
	# A secret that B never passes on.
	head -c 3000 /dev/urandom >B/d/secret
	echo other >B/only
	snap B
	op=$(sada-log -C B -n1 | cut -c 1-12)
	rm B/d/secret B/only
	sada-snap -q -C B --accept-deletes >/dev/null
	give B A
	run -69 --separate-stderr sada-restore -C A "$op" only
	[[ $stderr == *'the content of only is not here; it was written by B'* ]]
	[[ $stderr != *'may have it'* ]]
	[ ! -e A/only ]
	rm A/d/kept
	run -1 --separate-stderr sada-restore -C A "$op" d
	[[ $stderr == *'the content of d/secret is not here; it was'* ]]
	[ "$(cat A/d/kept)" = kept ]
	# Several operands: all are tried.
	rm A/d/kept
	run -69 --separate-stderr sada-restore -C A "$op" only d/kept
	[ "$(cat A/d/kept)" = kept ]
	run -69 sada-restore -C A -n "$op" only
	[ "$(sada-snap -C A)" = '' ]
}

@test "sync: exits 1 while a conflict is left, and goes on" {
	base A B
	mkdir spool
	for x in A B; do sada-remote -C "$x" add s "$PWD/spool"; done
	for x in A B; do sed -i "s/^5/5 $x/" "$x/f"; done
	sada-sync -q -C A >/dev/null
	run -1 sada-sync -q -C B
	run -1 sada-sync -q -C A
	conflicts A 1
	sada-merge -C A --take mine f
	run -0 sada-sync -q -C A
	run -0 sada-sync -q -C B
	conflicts B 0
	equal A B
}

# ---- with renames ----

@test "renames: a clash with an edit that followed one is settled alike" {
	base A B
	for which in mine B both tool; do
		printf '%s\n' 1 2 3 4 5 6 7 8 9 >A/f
		share A B
		mv A/f A/h
		snap A
		sed -i 's/^5/5 A/' A/h
		sed -i 's/^5/5 B/' B/f
		snap A
		snap B
		give A B
		give B A
		[ ! -e A/f ]
		conflicts A 1
		copy=$(copies A)
		[ "$(copies B)" = "$copy" ]
		case $which in
		tool)	sada-merge -C A --tool 'cat "$2" "$3" >"$4" #' ;;
		*)	sada-merge -C A --take "$which" h ;;
		esac
		heal A B
		conflicts A 0
		conflicts B 0
		case $which in
		mine)	[ "$(sed -n 5p B/h)" = '5 A' ] ;;
		B)	[ "$(sed -n 5p B/h)" = '5 B' ] ;;
		both)	[ "$(sed -n 5p "B/h" "B/$copy" | wc -l)" -eq 1 ]
			[ "$(cat "B/h" "B/$copy" | grep -c '^5 [AB]$')" -eq 2 ]
			;;
		tool)	[ "$(grep -c '^5 [AB]$' B/h)" -eq 2 ] ;;
		esac
		[ ! -e B/f ]
		rm -f A/h "A/$copy"
		share A B
	done
}
