#!/usr/bin/env bats
# Looking: revisions, ls, cat, log, status, restore, conflicts, verify.

# shellcheck disable=SC2154	# stderr is of run
bats_require_minimum_version 1.5.0
load replicas.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export TZ=UTC
}

teardown() {
	for r in a b; do
		[ ! -d "$r/.sada" ] || sada-verify -C "$r"
	done
}

# one: replica a with three states; ids in $one $two $three.
one() {
	sada-init -N ann a >/dev/null
	mkdir -p a/d/e a/empty
	echo 1 >a/x
	echo f >a/d/e/f
	ln -s x a/l
	chmod 755 a/x
	one=$(sada-snap -C a -m first)
	echo 2 >a/x
	two=$(sada-snap -C a)
	echo 3 >a/x
	rm a/d/e/f
	three=$(sada-snap -C a --accept-deletes)
}

# shared: replicas a and b with one common state.
shared() {
	pair
	echo base >a/x.txt
	echo base >a/y
	sada-snap -C a >/dev/null
	carry a b
}

# clash: a conflict at x.txt in a, bob's as a copy in $copy.
clash() {
	shared
	echo ann >a/x.txt
	echo bob >b/x.txt
	sada-snap -C b >/dev/null
	sada-snap -C a >/dev/null
	sada-push -C b -o bundle >/dev/null
	sada-pull -C a bundle >/dev/null
	run -1 sada-merge -C a
	copy=$(cd a && echo x~*.txt)
	[ "${#copy}" -eq 16 ]
}

@test "REV: the forms" {
	one
	for rev in @ @+ @~0 "$three" "${three:0:4}" '@{now}' \
	    '@{2100-01-01}' '@{2100-01-01 10:00:30+01:00}'; do
		run -0 sada-cat -C a "$rev:x"
		[ "$output" = 3 ]
	done
	for rev in @~1 @~ @^ "$three^" "$two"; do
		run -0 sada-cat -C a "$rev:x"
		[ "$output" = 2 ]
	done
	for rev in @~2 @^^ "$two^"; do
		run -0 sada-cat -C a "$rev:x"
		[ "$output" = 1 ]
	done
	run -0 sada-ls -C a "$one^"
	[ "$output" = '' ]
}

@test "REV: what is none is 64" {
	one
	for rev in '' @~3 @~x @- nobody@ zz "${one:0:3}" "$one^^" "${one}0" \
	    '@{}' '@{yesterday}' '@{2026-02-30}' '@{3 days ago}' \
	    0000000000000000 '@{now'; do
		run -64 --separate-stderr sada-ls -C a "$rev"
		[ "$output" = '' ]
		[ "${#stderr_lines[@]}" -eq 1 ]
	done
}

@test "REV: an ambiguous start names two ops" {
	sada-init a >/dev/null
	for i in $(seq 40); do
		echo "$i" >a/x
		sada-snap -C a >>ids
	done
	# Four digits rarely clash; one op's whole id never does.
	while read -r id; do
		run -0 sada-cat -C a "$id:x"
	done <ids
	[ "$output" = 40 ]
}

@test "REV: what a peer has acknowledged" {
	shared
	run -0 sada-ls -C b ann@
	[ "$output" = "$(printf 'x.txt\ny')" ]
	run -0 sada-ls -C a bob@
	[ "$output" = '' ]
	carry b a
	run -0 sada-ls -C a bob@
	[ "$output" = "$(printf 'x.txt\ny')" ]
	run -64 sada-ls -C a ann@
}

@test "REV: @+ is ahead of @ until it is merged" {
	shared
	echo new >a/n
	sada-snap -C a >/dev/null
	sada-push -C a -o bundle >/dev/null
	sada-pull -C b bundle >/dev/null
	run -0 sada-ls -C b
	[[ $output != *n* ]]
	run -0 sada-ls -C b @+
	[ "$output" = "$(printf 'n\nx.txt\ny')" ]
	run -0 sada-log -C b @..@+
	[ "${#lines[@]}" -eq 1 ]
	run -0 sada-status -C b --json
	[[ $output == *'"unmerged":1,'* ]]
	[ "$(sada-status -C b --id)" = "$(sada-status -C a --id)" ]
	sada-merge -C b
}

@test "ls: children, all, one file, long" {
	one
	run -0 sada-ls -C a "$one"
	[ "$output" = "$(printf 'd\nempty\nl\nx')" ]
	run -0 sada-ls -C a -R "$one"
	[ "$output" = "$(printf 'd\nd/e\nd/e/f\nempty\nl\nx')" ]
	run -0 sada-ls -C a "$one:d"
	[ "$output" = d/e ]
	run -0 sada-ls -C a "$one:d/e/f"
	[ "$output" = d/e/f ]
	run -0 sada-ls -C a/d "$one:e"
	[ "$output" = d/e/f ]
	run -0 sada-ls -C a -l @:x
	[[ $output == -rwxr-xr-x*' x' ]]
	run -64 sada-ls -C a @:nothing
	run -64 sada-ls -C a @:../..
	run -0 sada-ls -C a @:empty
	[ "$output" = '' ]
}

@test "cat: files, links, contents; not directories" {
	one
	head -c 3000000 /dev/urandom >a/big
	: >a/none
	sada-snap -C a >/dev/null
	sada-cat -C a @:big | cmp - a/big
	sada-cat -C a @:none | cmp - /dev/null
	run -0 sada-cat -C a @:l
	[ "$output" = x ]
	run -64 sada-cat -C a @:d
	run -64 sada-cat -C a @:no
	run -64 sada-cat -C a @
	id=$(sada-ls -C a --json @:big |
	    sed 's/.*"content":"\([0-9a-f]*\)".*/\1/')
	sada-cat -C a "content:$id" | cmp - a/big
	run -64 sada-cat -C a content:12
	run sada-cat -C a "content:${one}"
	[ "$status" -ne 0 ]
}

@test "names with anything in them" {
	sada-init a >/dev/null
	n=$(printf 'a"b\nc:d@{x}')
	echo odd >"a/$n"
	sada-snap -C a >/dev/null
	run -0 sada-ls -C a
	[ "$output" = '"a\"b\nc:d@{x}"' ]
	run -0 sada-cat -C a "@:$n"
	[ "$output" = odd ]
	run -0 sada-cat -C a "@{now}:$n"
	[ "$output" = odd ]
	run -0 sada-log -C a -p
	[[ $output == *'+++ "b/a\"b\nc:d@{x}"'* ]]
}

@test "log: order, count, range, paths, reverse" {
	one
	run -0 sada-log -C a
	[ "${#lines[@]}" -eq 3 ]
	[[ ${lines[0]} == "${three:0:12}"* ]]
	[[ ${lines[2]} == "${one:0:12}"*first ]]
	run -0 sada-log -C a -r
	[[ ${lines[0]} == "${one:0:12}"* ]]
	run -0 sada-log -C a -n 1
	[ "${#lines[@]}" -eq 1 ]
	[[ ${lines[0]} == "${three:0:12}"* ]]
	run -0 sada-log -C a -n 2 -r
	[[ ${lines[0]} == "${two:0:12}"* ]]
	run -0 sada-log -C a "$one..$two"
	[ "${#lines[@]}" -eq 1 ]
	run -0 sada-log -C a "$one.."
	[ "${#lines[@]}" -eq 2 ]
	run -0 sada-log -C a "$two"
	[ "${#lines[@]}" -eq 2 ]
	run -0 sada-log -C a -- d
	[ "${#lines[@]}" -eq 2 ]
	run -0 sada-log -C a/d -- e/f
	[ "${#lines[@]}" -eq 2 ]
	run -0 sada-log -C a -- nothing
	[ "$output" = '' ]
	run -64 sada-log -C a "$one..zz"
}

@test "log: letters" {
	one
	rm a/x
	mkdir a/x
	chmod 600 a/l 2>/dev/null || :
	sada-snap -C a >/dev/null
	chmod 700 a/empty
	sada-snap -C a >/dev/null
	run -0 sada-log -C a --name-status -n 1
	[ "${lines[1]}" = 'P empty' ]
	run -0 sada-log -C a --name-status -n 1 @^
	[ "${lines[1]}" = 'T x' ]
	run -0 sada-log -C a --name-status "$three^..$three"
	[ "$(printf '%s\n' "${lines[@]:1}")" = "$(printf 'D d/e/f\nM x')" ]
	run -0 sada-log -C a --name-status "$one" -- d
	[ "$(printf '%s\n' "${lines[@]:1}")" = \
	    "$(printf 'A d\nA d/e\nA d/e/f')" ]
}

@test "log -p: a patch that applies" {
	one
	printf 'a\nb\nc\n' >a/t
	sada-snap -C a >/dev/null
	mkdir old
	cp -p a/t old
	printf 'a\nB\nc\nd' >a/t
	printf '\0\1' >a/bin
	chmod 755 a/t
	sada-snap -C a >/dev/null
	sada-log -C a -p -n 1 >p
	grep -qx 'old mode 100644' p
	grep -qx 'new mode 100755' p
	grep -qx 'Binary files /dev/null and b/bin differ' p
	sed -n '/^diff --git a\/t /,$p' p >pt
	# No repository that holds the build directory is meant.
	(cd old && GIT_CEILING_DIRECTORIES=${PWD%/*} git apply ../pt)
	cmp old/t a/t
	[ -x old/t ]
}

@test "status: counts, skipped names" {
	one
	mkfifo a/pipe a/d/pipe
	printf '%s\n' /ign >a/.sadaignore
	mkfifo a/ign
	run -0 sada-status -C a --json
	[[ $output == *'"ops":3,"heads":1,'* ]]
	[[ $output == *'"skipped":2,'* ]]
	[[ $output == *'"forks":0'* ]]
	run -0 sada-status -C a --id
	[[ $output =~ ^[0-9a-f]{64}$ ]]
	rm a/pipe a/d/pipe a/ign
}

@test "restore: one file, with mode and mtime" {
	one
	before=$(sada-ls -C a -l "$one:x")
	run -0 sada-restore -C a "$one" x
	[ "$(cat a/x)" = 1 ]
	sada-snap -C a >/dev/null
	[ "$(sada-ls -C a -l @:x)" = "$before" ]
	run -0 sada-restore -C a/d "$one" e/f
	[ "$(cat a/d/e/f)" = f ]
	run -64 sada-restore -C a @ nothing
}

@test "restore: an edit that is not recorded is kept" {
	one
	echo mine >a/x
	run -2 --separate-stderr sada-restore -C a "$one"
	[[ $stderr == *'x: what stands there is not recorded'*-k* ]]
	[ ! -e a/d/e/f ]
	[ "$(cat a/x)" = mine ]
	run -0 sada-restore -C a -k "$one"
	[ "$(cat a/x)" = mine ]
	[ "$(cat a/d/e/f)" = f ]
	sada-snap -C a >/dev/null
	run -0 sada-restore -C a "$one"
	[ "$(cat a/x)" = 1 ]
	run -0 sada-cat -C a @:x
	[ "$output" = mine ]
}

@test "restore: all of a directory that was emptied" {
	one
	(cd a && find . -path ./.sada -prune -o \
	    -printf '%P %y %m %T@ %l\n' | sort) >before
	rm -rf a/d a/empty a/l a/x
	run -0 sada-restore -C a @
	(cd a && find . -path ./.sada -prune -o \
	    -printf '%P %y %m %T@ %l\n' | sort) >after
	diff before after
	run -0 sada-snap -C a
	[ "$output" = '' ]
}

@test "restore: kinds that changed" {
	one
	rm -rf a/x a/d
	mkdir a/x
	echo file >a/d
	sada-snap -C a --accept-deletes >/dev/null
	# A file gives way to the directory it was; not the other way round.
	run -0 sada-restore -C a "$one" d
	[ "$(cat a/d/e/f)" = f ]
	run -2 --separate-stderr sada-restore -C a "$one" x
	[[ $stderr == *'a directory stands there'* ]]
	rmdir a/x
	ln -s nowhere a/x
	sada-snap -C a >/dev/null
	run -0 sada-restore -C a "$one" x
	[ ! -L a/x ]
	[ "$(cat a/x)" = 1 ]
}

@test "restore: never through a link" {
	one
	mkdir out
	rm -rf a/d
	ln -s ../out a/d
	run -2 sada-restore -C a "$one" d/e/f
	[ -z "$(ls out)" ]
	sada-snap -C a --accept-deletes >/dev/null
	run -0 sada-restore -C a "$one" d/e/f
	[ -z "$(ls out)" ]
	[ ! -L a/d ]
	[ "$(cat a/d/e/f)" = f ]
}

@test "restore -n changes nothing" {
	one
	run -0 sada-restore -C a -n "$one"
	[ "$output" = "$(printf 'A d/e/f\nM x')" ]
	[ "$(cat a/x)" = 3 ]
	[ ! -e a/d/e/f ]
	run -0 sada-restore -C a -n -o out "$one"
	[ ! -e out ]
}

@test "restore -o: a fresh copy" {
	one
	run -0 sada-restore -C a -o out "$one"
	[ "$(cd out && find . | sort | tr '\n' ' ')" = \
	    '. ./d ./d/e ./d/e/f ./empty ./l ./x ' ]
	[ "$(cat out/x)" = 1 ]
	[ -x out/x ]
	[ "$(readlink out/l)" = x ]
	run -2 --separate-stderr sada-restore -C a -o out @
	[[ $stderr == *'it exists'*-k* ]]
	[ "$(cat out/x)" = 1 ]
	rm out/l
	run -0 sada-restore -C a -k -o out @
	[ "$(cat out/x)" = 1 ]
	[ -L out/l ]
	run -0 sada-restore -C a -o part "$one" d/e
	[ "$(cd part && find . | sort | tr '\n' ' ')" = \
	    '. ./d ./d/e ./d/e/f ' ]
	run -64 sada-restore -C a -o new "$one" nothing
	[ ! -e new ]
	sada-init b >/dev/null
	run -64 sada-restore -C a -o b "$one"
	run -69 sada-restore -C a -o no/such "$one"
}

@test "restore -o: not into a store, nor a new replica there" {
	one
	sada-init b >/dev/null
	mkdir a/.sadax a/sub
	ln -s a/.sada into
	ln -s a/.sada/new nowhere
	find a b | sort >before
	for d in a/.sada a/.sada/new a/.sada/pack a/.sada/pack/new/ b/.sada/new \
	    a/sub/../.sada/new into into/new "$PWD/a/.sada/new" sub/.sada; do
		mkdir -p sub
		run -64 --separate-stderr sada-restore -C a -o "$d" @ x
		[ "$stderr" = "sada-restore: $d lies inside of a replica's \
store" ]
		run -64 sada-restore -C a -n -o "$d" @ x
		run -64 --separate-stderr sada-init "$d"
		[ "$stderr" = "sada-init: $d lies inside of a replica's store" ]
	done
	run -64 sada-restore -C a -o nowhere @ x
	run -64 sada-restore -C a -o a/x/y @ x
	(cd a/.sada && run -64 sada-restore -o . @ x)
	find a b | sort | cmp - before
	[ -z "$(ls -A sub)" ]
	# Only this name is a store's.
	run -0 sada-restore -C a -o a/.sadax/new @ x
	cmp a/x a/.sadax/new/x
	sada-verify -C a
	sada-verify -C b
}

@test "restore: sparse and large contents" {
	sada-init a >/dev/null
	truncate -s 4M a/hole
	printf end >>a/hole
	head -c 5000000 /dev/urandom >a/big
	sada-snap -C a >/dev/null
	cp a/big a/hole .
	rm a/big a/hole
	run -0 sada-restore -C a @
	cmp big a/big
	cmp hole a/hole
	[ "$(stat -c %b a/hole)" -lt 1000 ]
}

@test "conflicts: listed, shown" {
	clash
	run -0 sada-merge -C a --list
	[ "${#lines[@]}" -eq 2 ]
	# Which of two equally old versions has the name is chance.
	[[ ${lines[0]} == *$'\tx.txt\tx.txt\tmain: '* ]]
	[[ ${lines[1]} == *$'\tx.txt\t'"$copy"$'\tno-base: '* ]] ||
	    [[ ${lines[1]} == *$'\tx.txt\t'"$copy"$'\tsame: '* ]]
	[[ $output == *ann*bob* || $output == *bob*ann* ]]
	run -0 sada-merge -C a --show mine x.txt
	[ "$output" = ann ]
	run -0 sada-merge -C a --show bob x.txt
	[ "$output" = bob ]
	run -0 sada-merge -C a --show bob "$copy"
	[ "$output" = bob ]
	run -64 sada-merge -C a --show carl x.txt
	run -64 sada-merge -C a --show mine y
	run -0 sada-ls -C a
	[ "$output" = "$(printf '%s\n' x.txt "$copy" y)" ]
	sada-cat -C a "@:$copy" | cmp - "a/$copy"
}

@test "conflicts: a directory without a version has no date" {
	pair
	mkdir a/d
	echo 1 >a/d/1
	sada-snap -C a >/dev/null
	carry a b
	rm -r a/d
	echo file >a/d
	echo 2 >b/d/2
	sada-snap -C a --accept-deletes >/dev/null
	sada-snap -C b >/dev/null
	sada-push -C a -o bundle >/dev/null
	sada-pull -C b bundle >/dev/null
	run -1 sada-merge -C b
	run -0 sada-merge -C b --list
	[ "${#lines[@]}" -eq 2 ]
	[ "${lines[0]}" = $'- - - 0\td\td\tmain: it has the name' ]
	[[ ${lines[1]} =~ ^[0-9a-f]{12}\ 20[0-9-]{8}\ [0-9:]{5}\ ann\ 5 ]]
	run -0 sada-merge -C b --list --json
	[[ ${lines[0]} == *'"name":"d","authors":[],"kind":"d",'* ]]
	[[ ${lines[1]} == *'"version":"'*'","time":"20'* ]]
}

@test "conflicts: take the one, or the other, or both" {
	for which in mine bob both; do
		rm -rf a b bundle
		clash
		run -0 sada-merge -C a --take "$which" x.txt x.txt
		case $which in
		mine)	[ "$(cat a/x.txt)" = ann ] ;;
		bob)	[ "$(cat a/x.txt)" = bob ] ;;
		both)	[ "$(cat a/x* | sort)" = "$(printf 'ann\nbob')" ] ;;
		esac
		[ "$which" = both ] || [ ! -e "a/$copy" ]
		run -0 sada-merge -C a --list
		[ "$output" = '' ]
		carry a b || :
		carry b a
		carry a b
		diff -r -x .sada a b
		[ "$(sada-status -C a --id)" = "$(sada-status -C b --id)" ]
		run -0 sada-merge -C b --list
		[ "$output" = '' ]
	done
}

@test "conflicts: what was edited meanwhile is recorded first" {
	clash
	echo mine >a/x.txt
	run -64 sada-merge -C a --take bob y
	run -0 sada-merge -C a --take mine x.txt
	[ "$(cat a/x.txt)" = mine ] || [ "$(cat a/x.txt)" = ann ]
	sada-log -C a -p | grep -qx '+mine'
	run -0 sada-merge -C a --list
	[ "$output" = '' ]
}

@test "verify: a lost content becomes a want" {
	one
	run -0 sada-verify -C a
	[ "$output" = '' ]
	for p in a/.sada/pack/*.pack; do
		cp "$p" keep
		printf X | dd of="$p" bs=1 seek=60 conv=notrunc status=none
		run -1 sada-verify -C a
		[ "$output" != '' ]
		cp keep "$p"
		rm -f a/.sada/wants
	done
	run -0 sada-verify -C a
}

@test "verify: caches may go" {
	shared
	for f in work states wants peers/self peers/sent; do
		rm -f "b/.sada/$f"
		run -0 sada-verify -C b
	done
	for f in b/.sada/pack/*.idx b/.sada/peers/*.ack b/.sada/work; do
		[ -e "$f" ] || continue
		: >"$f"
		run -0 sada-verify -C b
		run -0 sada-snap -C b
		[ "$output" = '' ]
	done
	run -69 sada-verify -C /
}

@test "verify -n: the same is told, and nothing is changed" {
	pair
	for i in 1 2 3; do
		head -c 3000 /dev/urandom >a/f$i
		sada-snap -C a >/dev/null
		carry a b
	done
	# What the store of b holds, with each time and content.
	held() {
		find b -exec stat -c '%n %i %s %y' {} + | sort
		find b/.sada -type f -exec sha256sum {} + | sort
	}
	# verify is to exit with $1; with -n it tells the same before.
	both() {
		held >before
		for i in 1 2; do
			run "-$1" --separate-stderr sada-verify -n -C b
			held | cmp - before
		done
		was=$output
		run "-$1" --separate-stderr sada-verify -C b
		[ "$output" = "$was" ]
	}
	both 0
	# An index, the caches, and a line that is none.
	p=$(ls b/.sada/pack/*.pack | head -n 1)
	: >"${p%.pack}.idx"
	for f in wants peers/self peers/*.ack; do
		for g in b/.sada/$f; do echo x >>"$g"; done
	done
	echo none >>b/.sada/states
	both 0
	held | run -1 cmp -s - before
	# A content is lost, and a pack is only damaged at its end.
	for at in 60 $(($(wc -c <"$p") - 4)); do
		cp "$p" keep
		printf XYZ | dd of="$p" bs=1 seek="$at" conv=notrunc status=none
		both 1
		held | run -1 cmp -s - before
		cp keep "$p"
	done
}
