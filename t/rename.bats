#!/usr/bin/env bats
# Renames: found by snap, carried as hints, shown by log and diff.

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

# shows REPLICA LINE...: the newest op has these changes, and no others.
shows() {
	local r=$1
	shift
	run -0 sada-log -C "$r" --name-status -n 1
	[ "$(printf '%s\n' "${lines[@]:1}")" = "$(printf '%s\n' "$@")" ]
}

# settled REPLICA: nothing is left to be recorded.
settled() {
	[ "$(sada-snap -C "$1")" = '' ]
	run -0 sada-diff -C "$1"
	[ "$output" = '' ]
}

@test "a file is renamed, edited and not" {
	sada-init a >/dev/null
	seq 100 >a/one
	seq 100 200 >a/two
	ln -s one a/l
	sada-snap -C a >/dev/null
	mv a/one a/x
	mv a/two a/y
	echo more >>a/y
	mv a/l a/m
	run -1 sada-diff -C a --name-status
	[ "$output" = $'R\tl\tm\nR\tone\tx\nR\ttwo\ty' ]
	sada-snap -C a >/dev/null
	shows a $'R\tl\tm' $'R\tone\tx' $'R\ttwo\ty'
	settled a
	run -0 sada-log -C a -p -n 1 -- x y two
	[[ $output == *'diff --git a/two b/y
similarity index '*'%
rename from two
rename to y
--- a/two
+++ b/y
@@ -99,3 +99,4 @@
 198
 199
 200
+more' ]]
	# Only one end of it was asked for.
	[[ $output == *'diff --git a/x b/x
new file mode 100644'* ]]
	run -0 sada-log -C a --json --name-status -n 1 -- x one
	[[ ${lines[1]} == *'"change":"R","path":"x","from":"one"}' ]]
	sada-log -C a -z --name-status -n 1 -- x one | tail -c +1 |
	    tr '\0' '\n' >z
	[ "$(tail -n 3 z)" = $'R\none\nx' ]
}

@test "a new version has what the old name showed as ancestors" {
	pair
	seq 100 >a/one
	sada-snap -C a >/dev/null
	carry a b
	mv a/one a/x
	sada-snap -C a >/dev/null
	carry a b
	# Both edit what was renamed: merged by the common text.
	sed -i 's/^10$/ten/' a/x
	sed -i 's/^90$/ninety/' b/x
	sada-snap -C a >/dev/null
	sada-snap -C b >/dev/null
	carry a b
	grep -qx ten b/x
	grep -qx ninety b/x
	carry b a
	[ "$(sada-status -C a --id)" = "$(sada-status -C b --id)" ]
}

@test "a directory of 50 files moves, with an edit and a small file" {
	pair
	mkdir -p a/d/sub
	for i in $(seq 50); do
		echo "file $i" >a/d/f$i
	done
	echo deep >a/d/sub/g
	sada-snap -C a >/dev/null
	carry a b
	carry b a
	mv a/d a/n
	echo other >a/n/f7
	sada-snap -C a >/dev/null
	run -0 sada-log -C a --name-status -n 1
	[ "${lines[1]}" = $'R\td\tn' ]
	[ "$(grep -c $'^R\t' <<<"$output")" -eq 53 ]
	[ "${#lines[@]}" -eq 54 ]
	settled a
	sada-push -C a -o bundle >/dev/null
	sada-pull -C b bundle >/dev/null
	run -0 sada-status -C b --json
	[[ $output == *'"wants":0,'* ]]
	sada-merge -C b
	run -0 sada-log -C b --name-status -n 1
	[ "$(grep -c $'^R\t' <<<"$output")" -eq 53 ]
	[ "$(cat b/n/f7)" = other ]
	[ ! -e b/d ]
}

@test "100 renames make a small bundle, and nothing is wanted" {
	pair
	mkdir a/d
	for i in $(seq 100); do
		head -c 2000 /dev/urandom >a/d/f$i
	done
	sada-snap -C a >/dev/null
	carry a b
	carry b a
	python3 -c 'import os
for i in range(1, 101): os.rename("a/d/f%d" % i, "a/d/g-%d" % i)'
	sada-snap -C a >/dev/null
	sada-push -C a -o bundle >/dev/null
	[ "$(stat -c %s bundle)" -lt 16384 ]
	sada-pull -C b bundle >/dev/null
	run -0 sada-status -C b --json
	[[ $output == *'"wants":0,'* ]]
	sada-merge -C b
	[ "$(sada-status -C a --id)" = "$(sada-status -C b --id)" ]
	settled b
}

@test "more renames than an op can tell: nothing is wanted either" {
	pair
	mkdir a/d
	for i in $(seq 1200); do
		echo "content $i" >a/d/$i
	done
	sada-snap -C a >/dev/null
	carry a b
	carry b a
	python3 -c 'import os
for i in range(1, 1201): os.rename("a/d/%d" % i, "a/d/new-%d" % i)'
	sada-snap -C a >/dev/null
	run -0 sada-log -C a --name-status -n 1
	[ "$(grep -c $'^R\t' <<<"$output")" -eq 1024 ]
	sada-push -C a -o bundle >/dev/null
	sada-pull -C b bundle >/dev/null
	run -0 sada-status -C b --json
	[[ $output == *'"wants":0,'* ]]
	sada-merge -C b
	[ "$(sada-status -C a --id)" = "$(sada-status -C b --id)" ]
}

@test "a swap, a rename over a file, only the case: no hints needed" {
	sada-init a >/dev/null
	seq 100 >a/one
	seq 200 300 >a/two
	seq 400 500 >a/three
	echo low >a/low
	sada-snap -C a >/dev/null
	mv a/one a/t
	mv a/two a/one
	mv a/t a/two
	sada-snap -C a >/dev/null
	shows a 'M one' 'M two'
	mv a/three a/two
	sada-snap -C a >/dev/null
	shows a 'D three' 'M two'
	mv a/low a/LOW
	sada-snap -C a >/dev/null
	shows a $'R\tlow\tLOW'
	settled a
}

@test "empty files are never matched" {
	sada-init a >/dev/null
	: >a/one
	sada-snap -C a >/dev/null
	mv a/one a/two
	sada-snap -C a --accept-deletes >/dev/null
	shows a 'D one' 'A two'
}

@test "hostile names" {
	pair
	n=$'a\tb\nc "d"'
	m=$'\xff\xfe'
	mkdir "a/$n"
	seq 100 >"a/$n/$m"
	echo k >a/k
	sada-snap -C a >/dev/null
	carry a b
	mv "a/$n" "a/$m"
	sada-snap -C a >/dev/null
	shows a $'R\t"a\\tb\\nc \\"d\\""\t"\\377\\376"' \
	    $'R\t"a\\tb\\nc \\"d\\"/\\377\\376"\t"\\377\\376/\\377\\376"'
	run -0 sada-log -C a --json --name-status -n 1
	[[ ${lines[1]} == *'"path_b64":"//4=","from":"a\tb\nc \"d\""}' ]]
	run -0 sada-log -C a -p -n 1
	[[ $output == *'rename from "a\tb\nc \"d\"/\377\376"'* ]]
	carry a b
	[ -e "b/$m/$m" ]
}

@test "a rename beside a conflict's copy" {
	pair
	seq 100 >a/x
	seq 200 300 >a/y
	sada-snap -C a >/dev/null
	carry a b
	echo ann >a/x
	echo bob >b/x
	sada-snap -C a >/dev/null
	sada-snap -C b >/dev/null
	sada-push -C b -o bundle >/dev/null
	sada-pull -C a bundle >/dev/null
	run -1 sada-merge -C a
	copy=$(cd a && echo x~*)
	mv a/y a/z
	mv "a/$copy" a/mine
	sada-snap -C a >/dev/null
	run -0 sada-log -C a --name-status -n 1
	[[ $output == *$'R\ty\tz'* ]]
	[[ $output == *'A mine'* ]]
	settled a
	[ "$(sada-merge -C a --list)" = '' ]
}

@test "a move and edits of half a directory trip no guard" {
	sada-init a >/dev/null
	mkdir a/d
	for i in $(seq 60); do
		seq "$i" "$((i + 100))" >a/d/$i
	done
	echo stays >a/s
	sada-snap -C a >/dev/null
	mv a/d a/e
	for i in $(seq 60); do
		echo edited >>a/e/$i
	done
	sada-snap -C a >/dev/null
	run -0 sada-log -C a --name-status -n 1
	[ "$(grep -c $'^R\t' <<<"$output")" -eq 61 ]
}

@test "diff: between states and the disk" {
	sada-init a >/dev/null
	mkdir a/d
	seq 50 >a/d/f
	echo 1 >a/x
	printf 'a\0b' >a/bin
	one=$(sada-snap -C a)
	run -0 --separate-stderr sada-diff -C a
	[ "$output$stderr" = '' ]
	echo 2 >a/x
	chmod 700 a/bin
	touch -d '2001-01-01' a/d/f
	run -1 sada-diff -C a --name-status
	[ "$output" = $'P bin\nM x' ]
	run -1 sada-diff -C a
	[ "$output" = "$(printf '%s\n' 'diff --git a/bin b/bin' \
	    'old mode 100644' 'new mode 100755' 'diff --git a/x b/x' \
	    '--- a/x' '+++ b/x' '@@ -1 +1 @@' -1 +2)" ]
	# Nothing is recorded by it.
	[ "$(sada-log -C a | wc -l)" -eq 1 ]
	two=$(sada-snap -C a)
	run -0 sada-diff -C a
	run -1 sada-diff -C a --name-status "$one"
	[ "$output" = $'P bin\nM x' ]
	run -1 sada-diff -C a --name-status "$one" "$two"
	[ "$output" = $'P bin\nM x' ]
	run -0 sada-diff -C a "$two" @
	printf 'a\0c' >a/bin
	rm a/x
	mv a/d a/e
	run -1 sada-diff -C a --name-status "$one"
	[ "$output" = $'M bin\nR\td\te\nR\td/f\te/f\nD x' ]
	run -1 sada-diff -C a "$one" -- bin
	[ "$output" = "$(printf '%s\n' 'diff --git a/bin b/bin' \
	    'old mode 100644' 'new mode 100755' \
	    'Binary files a/bin and b/bin differ')" ]
	run -0 sada-diff -C a -- nothing
	run -1 sada-diff -C a/e --name-status -- f
	[ "$output" = 'A e/f' ]
	run -1 sada-diff -C a --json "$one" -- x
	[ "$output" = '{"v":1,"change":"D","path":"x"}' ]
	run -64 sada-diff -C a nobody@
	run -64 sada-diff -C a @ @ @
	run -64 sada-diff -C a -p --json
	# git applies what diff prints.
	sada-diff -C a "$one" -- d e x >p || [ $? -eq 1 ]
	sada-restore -C a -o was "$one"
	(cd was && GIT_CEILING_DIRECTORIES=${PWD%/*} git apply ../p)
	[ ! -e was/x ] && [ ! -e was/d/f ]
	cmp was/e/f a/e/f
}

@test "diff: against a state that is not laid out" {
	pair
	echo 1 >a/x
	sada-snap -C a >/dev/null
	carry a b
	echo 2 >a/x
	echo n >a/n
	sada-snap -C a >/dev/null
	sada-push -C a -o bundle >/dev/null
	sada-pull -C b bundle >/dev/null
	run -0 sada-diff -C b
	run -1 sada-diff -C b --name-status @ @+
	[ "$output" = $'A n\nM x' ]
	run -1 sada-diff -C b --name-status @+
	[ "$output" = $'D n\nM x' ]
	sada-merge -C b
	run -0 sada-diff -C b @+
}
