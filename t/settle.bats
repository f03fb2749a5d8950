#!/usr/bin/env bats
# Conflicts settled by hand, merged views and what becomes of them, what is
# not here, and what is restored from the past.

# shellcheck disable=SC2154	# stderr is of run
bats_require_minimum_version 1.5.0
load conflicts.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
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
	same O1 O2 O3 O4 O5 O6
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
	[[ $stderr == *'f'*'it was written by B, who should have it'* ]]
	[[ $stderr == *'; A may have it'* ]]
	[ "$(fifth C/f)" = '5 open' ]
	# What was replaced before it was sent, A has not.
	sed -i 's/^5.*/5 never sent/' B/f
	snap B
	second=$(sada-log -C B -n1 | cut -c 1-12)
	sed -i 's/^5.*/5 sent/' B/f
	snap B
	give B A
	give B C
	echo more >A/more
	snap A
	give A C
	for x in A C; do
		run -69 --separate-stderr sada-cat -C $x "$second:f"
		[[ $stderr == *'it was written by B, who should have it' ]]
	done
	sada-peer -C C retire B
	run -69 --separate-stderr sada-cat -C C "$second:f"
	[[ $stderr == *'it was written by B' ]]
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
	same A B
}

# left DIR: how many names merge could not lay out.
left() {
	sada-status -C "$1" | awk '$1 == "left:" { print $2 }'
}

@test "merge and sync: exit 1 while a name is not laid out" {
	base A B
	mkdir spool
	for x in A B; do sada-remote -C "$x" add s "$PWD/spool"; done
	run -0 sada-sync -q -C A
	echo edit >>B/f
	sada-sync -q -C B >/dev/null
	sada-pull -q -C A >/dev/null
	# An edit that is not recorded yet: a snap is due.
	sed -i 's/^1/1 A/' A/f
	run -1 --separate-stderr sada-merge -C A
	[[ $stderr == *'1 name left as in the directory'* ]]
	[ "$(left A)" -eq 1 ]
	run -1 sada-merge -q -C A
	run -1 sada-merge -q -n -C A
	run -0 sada-sync -q -C A
	[ "$(left A)" -eq 0 ]
	run -0 sada-merge -q -C A
	# What no snap helps: something else stands there.
	echo new >B/new
	sada-sync -q -C B >/dev/null
	mkfifo A/new
	run -1 sada-sync -q -C A
	run -1 sada-sync -q -C A
	rm A/new
	run -0 sada-sync -q -C A
	[ "$(cat A/new)" = new ]
	run -0 sada-sync -q -C B
	same A B
}

@test "merge: an edit that was left where the other deleted comes whole" {
	base A B
	rm B/f
	sada-snap -q -C B --accept-deletes >/dev/null
	sada-push -C B -o b.sada A >/dev/null
	sada-pull -C A b.sada >/dev/null
	sed -i 's/^1/1 A/' A/f
	run -1 sada-merge -q -C A
	snap A
	run -0 sada-merge -q -C A
	# What it was made from is in no slot that B can look at.
	sada-push -C A -o a.sada B >/dev/null
	sada-pull -C B a.sada >/dev/null
	run -0 sada-merge -q -C B
	cmp A/f B/f
	[ "$(sada-status -C B | awk '$1 == "wants:" { print $2 }')" -eq 0 ]
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
