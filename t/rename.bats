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

# ---- an edit at the old name that a merge left ----

# left: a has the files f and d/f; b moves and edits both; a pulls.
left() {
	pair
	mkdir a/d
	seq 300 >a/f
	seq 400 600 >a/d/f
	seq 9 >a/other
	sada-snap -C a >/dev/null
	carry a b
	mv b/f b/g
	mv b/d b/e
	sed -i 's/^100$/100 b/' b/g
	sed -i 's/^450$/450 b/' b/e/f
	sada-snap -C b >/dev/null
	sada-push -C b -o bundle >/dev/null
}

# parents DIR OP: the ids of its parents.
parents() {
	sada-log -C "$1" -v "$2" | sed -n 's/^parent: *//p;/^$/q' | sort
}

# words FILE: the lines with a word.
words() {
	grep ' ' "$1" | paste -sd,
}

@test "left at an old name: an edit since the merge follows the rename" {
	left
	sada-pull -C a bundle >/dev/null
	sed -i 's/^1$/1 a/' a/f
	sed -i 's/^401$/401 a/' a/d/f
	run -1 sada-merge -q -C a
	[ "$(words a/g)" = '100 b' ]
	first=$(sada-snap -C a)
	# Again, before anything is laid out.
	sed -i 's/^200$/200 a/' a/f
	second=$(sada-snap -C a)
	settled a
	[ "$(parents a $second)" = $first ]
	run -0 sada-ls -C a @
	[ "$output" = $'e\ng\nother' ]
	carry a b
	run -0 sada-merge -q -C a
	for r in a b; do
		[ "$(words $r/g)" = '1 a,100 b,200 a' ]
		[ "$(words $r/e/f)" = '401 a,450 b' ]
		[ ! -e $r/f ]
		[ ! -e $r/d ]
	done
	same a b
}

@test "left at an old name: an edit of one that was carried follows, too" {
	left
	sed -i 's/^1$/1 a/' a/f
	sed -i 's/^401$/401 a/' a/d/f
	sada-snap -C a >/dev/null
	sada-pull -C a bundle >/dev/null
	sed -i 's/^200$/200 a/' a/f
	sed -i 's/^600$/600 a/' a/d/f
	run -1 sada-merge -q -C a
	# What the new name shows is seen elsewhere before the rest comes.
	carry a b
	[ "$(words b/g)" = '1 a,100 b' ]
	sada-snap -C a >/dev/null
	carry a b
	[ "$(words b/g)" = '1 a,100 b,200 a' ]
	[ "$(words b/e/f)" = '401 a,450 b,600 a' ]
	run -0 sada-merge -q -C a
	[ ! -e a/f ]
	same a b
}

@test "left at an old name: edits of both names, and of another file there" {
	left
	sed -i 's/^1$/1 a/' a/f
	sada-snap -C a >/dev/null
	seq 700 900 >b/f
	sada-snap -C b >/dev/null
	sada-push -C b -o bundle >/dev/null
	sada-pull -C a bundle >/dev/null
	sed -i 's/^200$/200 a/' a/f
	run -1 sada-merge -q -C a
	# The new name is edited as well, and then the old one again.
	sed -i 's/^50$/50 a/' a/g
	sada-snap -C a >/dev/null
	sed -i 's/^160$/160 a/' a/f
	sed -i 's/^66$/66 a/' a/g
	sada-snap -C a >/dev/null
	carry a b
	run -0 sada-merge -q -C a
	for r in a b; do
		[ "$(words $r/g | tr , '\n' | LC_ALL=C sort | paste -sd,)" = \
		    '1 a,100 b,160 a,200 a,50 a,66 a' ]
		[ "$(head -n 1 $r/f)" = 700 ]
	done
	same a b
}

@test "left at an old name: its deletion takes nothing from the new one" {
	left
	sed -i 's/^1$/1 a/' a/f
	sada-snap -C a >/dev/null
	sada-pull -C a bundle >/dev/null
	sed -i 's/^200$/200 a/' a/f
	run -1 sada-merge -q -C a
	mv a/f a/mine
	sada-snap -C a >/dev/null
	carry a b
	run -0 sada-merge -q -C a
	for r in a b; do
		[ "$(words $r/g)" = '1 a,100 b' ]
		[ "$(words $r/mine)" = '1 a,200 a' ]
		[ ! -e $r/f ]
	done
	same a b
}

@test "left at an old name: where the new one is gone, the edit lives" {
	left
	rm b/g
	sada-snap -C b >/dev/null
	sada-push -C b -o bundle >/dev/null
	sada-pull -C a bundle >/dev/null
	sed -i 's/^1$/1 a/' a/f
	run -1 sada-merge -q -C a
	sada-snap -C a >/dev/null
	run -0 sada-merge -q -C a
	carry a b
	[ "$(words b/f)" = '1 a' ]
	[ ! -e b/g ]
	same a b
}

@test "left at an old name: what is made in a left directory goes along" {
	left
	sed -i 's/^401$/401 a/' a/d/f
	sada-pull -C a bundle >/dev/null
	run -1 sada-merge -q -C a
	echo 'made here' >a/d/made
	mkdir a/d/sub
	echo 'and here' >a/d/sub/x
	touch a/d/passing
	sada-snap -C a >/dev/null
	settled a
	rm a/d/passing
	sada-snap -C a >/dev/null
	settled a
	run -0 sada-merge -q -C a
	carry a b
	for r in a b; do
		[ "$(words $r/e/f)" = '401 a,450 b' ]
		[ "$(cat $r/e/made $r/e/sub/x)" = $'made here\nand here' ]
		[ ! -e $r/e/passing ]
		[ ! -e $r/d ]
	done
	same a b
}

@test "left at an old name: both names go, and stay away" {
	left
	sed -i 's/^1$/1 a/' a/f
	sed -i 's/^401$/401 a/' a/d/f
	sada-pull -C a bundle >/dev/null
	run -1 sada-merge -q -C a
	sada-snap -C a >/dev/null
	rm -r a/f a/g a/d a/e
	sada-snap -C a --accept-deletes >/dev/null
	settled a
	run -0 sada-merge -q -C a --accept-deletes
	sada-push -C a -o bundle >/dev/null
	sada-pull -C b bundle >/dev/null
	run -0 sada-merge -q -C b --accept-deletes
	for r in a b; do
		[ "$(ls $r)" = other ]
	done
	same a b
}

@test "left at an old name: an edit is undone, and a like file goes" {
	pair
	seq 300 >a/f
	cp -p a/f a/twin
	sada-snap -C a >/dev/null
	carry a b
	mv b/f b/g
	sada-snap -C b >/dev/null
	sada-push -C b -o bundle >/dev/null
	cp -p a/f keep
	sed -i 's/^1$/1 a/' a/f
	sada-pull -C a bundle >/dev/null
	run -1 sada-merge -q -C a
	cp -p keep a/f
	rm a/twin
	sada-snap -C a >/dev/null
	run -0 sada-log -C a --name-status @
	[[ "$output" == *'D twin'* ]]
	run -0 sada-merge -q -C a
	carry a b
	for r in a b; do
		[ "$(ls $r)" = g ]
	done
	same a b
}

@test "left at an old name: the guard judges all at once" {
	pair
	for i in {1..50}; do echo "one $i" >a/m$i; done
	for i in {1..20}; do echo $i >a/k$i; done
	sada-snap -C a >/dev/null
	for i in {1..50}; do echo "two $i" >a/m$i; done
	sada-snap -C a >/dev/null
	carry a b
	mkdir b/n
	for i in {1..25}; do mv b/m$i b/n/; done
	sada-snap -C b >/dev/null
	sada-push -C b -o bundle >/dev/null
	for i in {1..25}; do echo three >>a/m$i; done
	sada-pull -C a bundle >/dev/null
	run -1 sada-merge -q -C a
	for i in {1..50}; do echo "one $i" >a/m$i; done
	before=$(sada-status -C a --id)
	run -2 sada-snap -C a -n
	run -2 sada-snap -C a
	[ "$(sada-status -C a --id)" = $before ]
	sada-snap -C a --accept-deletes >/dev/null
	run -0 sada-merge -q -C a
	[ "$(cat a/n/m7 a/m30)" = $'one 7\none 30' ]
	carry a b
	same a b
}

@test "left at an old name: many files are moved into a left directory" {
	pair
	mkdir a/d
	seq 400 600 >a/d/f
	for i in {1..40}; do seq $i 300 >a/m$i; done
	sada-snap -C a >/dev/null
	carry a b
	mv b/d b/e
	sada-snap -C b >/dev/null
	sada-push -C b -o bundle >/dev/null
	sed -i 's/^401$/401 a/' a/d/f
	sada-pull -C a bundle >/dev/null
	run -1 sada-merge -q -C a
	mv a/m* a/d/
	sada-snap -C a >/dev/null
	run -0 sada-merge -q -C a
	carry a b
	[ "$(ls b/d | wc -l)" -eq 40 ]
	[ "$(words b/e/f)" = '401 a' ]
	same a b
}

@test "left at an old name: the stat cache is lost" {
	for other in no yes; do
		rm -rf a b
		left
		sed -i 's/^1$/1 a/' a/f
		sada-pull -C a bundle >/dev/null
		run -1 sada-merge -q -C a
		sada-snap -C a >/dev/null
		if [ $other = yes ]; then
			echo more >>a/other
			sada-snap -C a >/dev/null
		fi
		carry a b
		[ "$(words b/g)" = '1 a,100 b' ]
		rm a/.sada/work
		sada-snap -C a >/dev/null
		run -0 sada-merge -q -C a
		carry a b
		for r in a b; do
			[ "$(words $r/g)" = '1 a,100 b' ]
			[ "$(tail -n 1 $r/other)" = \
			    "$([ $other = no ] && echo 9 || echo more)" ]
		done
		same a b
	done
}

@test "left at an old name: what was committed last is not cut as torn" {
	left
	sed -i 's/^1$/1 a/' a/f
	sada-pull -C a bundle >/dev/null
	run -1 sada-merge -q -C a
	op=$(sada-snap -C a)
	log=a/.sada/log/00000001.log
	cp $log good
	truncate -s -40 $log
	run -74 sada-snap -C a
	run -1 sada-verify -C a
	cp good $log
	run -0 sada-log -C a --json
	[[ "$output" == *$op* ]]
	run -0 sada-merge -q -C a
	carry a b
	[ "$(words b/g)" = '1 a,100 b' ]
	same a b
}

@test "left at an old name: a left file that is moved was renamed" {
	pair
	seq 300 >a/f
	mkdir a/d
	seq 400 700 >a/d/x
	sada-snap -C a >/dev/null
	carry a b
	sed -i 's/^100$/100 b/' b/f
	sed -i 's/^500$/500 b/' b/d/x
	mv b/d b/e
	sada-snap -C b >/dev/null
	sada-push -C b -o bundle >/dev/null
	sed -i 's/^1$/1 a/' a/f
	sed -i 's/^401$/401 a/' a/d/x
	sada-pull -C a bundle >/dev/null
	run -1 sada-merge -q -C a
	sada-snap -C a >/dev/null
	mkdir a/n
	mv a/f a/n/f
	mv a/d/x a/d/y
	sada-snap -C a >/dev/null
	settled a
	run -0 sada-merge -q -C a
	carry a b
	for r in a b; do
		[ "$(words $r/n/f)" = '1 a,100 b' ]
		[ ! -e $r/f ]
		[ "$(cat $r/e/* | grep ' ' | sort -u | paste -sd,)" = \
		    '401 a,500 b' ]
	done
	same a b
}

@test "left at an old name: a conflict is settled before the next merge" {
	left
	sed -i 's/^5$/5 a/' a/other
	sed -i 's/^5$/5 b/' b/other
	sada-snap -C a >/dev/null
	sada-snap -C b >/dev/null
	sada-push -C b -o bundle >/dev/null
	sada-pull -C a bundle >/dev/null
	sed -i 's/^1$/1 a/' a/f
	run -1 sada-merge -q -C a
	[ "$(copies a | wc -l)" -eq 1 ]
	sada-snap -C a >/dev/null
	sada-merge -C a --take mine other >/dev/null
	[ "$(words a/g)" = '1 a,100 b' ]
	[ ! -e a/f ]
	settled a
	run -0 sada-merge -q -C a
	carry a b
	[ "$(words b/other)" = '5 a' ]
	[ "$(words b/g)" = '1 a,100 b' ]
	same a b
}

@test "left at an old name: names that were left by several merges" {
	pair
	seq 300 >a/f
	seq 400 700 >a/k
	sada-snap -C a >/dev/null
	carry a b
	mv b/f b/g
	sed -i 's/^450$/450 b/' b/k
	sada-snap -C b >/dev/null
	sada-push -C b -o bundle >/dev/null
	sada-pull -C a bundle >/dev/null
	sed -i 's/^1$/1 a/' a/f
	run -1 sada-merge -q -C a
	mv b/k b/m
	sada-snap -C b >/dev/null
	sada-push -C b -o bundle >/dev/null
	sada-pull -C a bundle >/dev/null
	sed -i 's/^500$/500 a/' a/k
	run -1 sada-merge -q -C a
	[ "$(words a/k)" = '450 b,500 a' ]
	echo more >>a/g
	last=$(sada-snap -C a)
	# One for each state, and one for what was laid out.
	run -0 sada-log -C a --json
	[ "$(grep -c '"author":"ann"' <<<"$output")" -eq 4 ]
	run -0 sada-log -C b -v
	[[ "$output" == "op $(parents a $last)"* ]]
	settled a
	run -0 sada-merge -q -C a
	carry a b
	for r in a b; do
		[ "$(words $r/g)" = '1 a' ]
		[ "$(tail -n 1 $r/g)" = more ]
		[ "$(words $r/m)" = '450 b,500 a' ]
		[ ! -e $r/f ]
		[ ! -e $r/k ]
	done
	same a b
}

@test "left at an old name: what is moved into a left directory was renamed" {
	left
	sed -i 's/^401$/401 a/' a/d/f
	sada-pull -C a bundle >/dev/null
	run -1 sada-merge -q -C a
	mv a/other a/d/other
	echo 'made here' >a/d/made
	sada-snap -C a >/dev/null
	settled a
	run -0 sada-log -C a --name-status @
	[[ "$output" == *$'R\tother\td/other'* ]]
	sed -i 's/^5$/5 b/' b/other
	sada-snap -C b >/dev/null
	carry b a
	carry a b
	for r in a b; do
		[ "$(words $r/e/f)" = '401 a,450 b' ]
		[ "$(words $r/d/other)" = '5 b' ]
		[ "$(cat $r/d/made)" = 'made here' ]
		[ ! -e $r/other ]
	done
	same a b
}

@test "left at a name: what is edited and moved is renamed" {
	pair
	seq 300 >a/m
	seq 9 >a/other
	sada-snap -C a >/dev/null
	carry a b
	sed -i 's/^200$/200 b/' b/m
	sada-snap -C b >/dev/null
	sada-push -C b -o bundle >/dev/null
	sada-pull -C a bundle >/dev/null
	sed -i 's/^1$/1 a/' a/m
	run -1 sada-merge -q -C a
	mv a/m a/x
	sada-snap -C a >/dev/null
	run -0 sada-log -C a --name-status
	[[ "$output" == *$'R\tm\tx'* ]]
	run -0 sada-merge -q -C a
	settled a
	carry a b
	for r in a b; do
		[ ! -e $r/m ]
		[ "$(words $r/x)" = '1 a,200 b' ]
	done
	same a b
}

@test "left at a name: what is deleted in a copy of the replica is gone" {
	pair
	seq 300 >a/f
	seq 9 >a/other
	sada-snap -C a >/dev/null
	carry a b
	# One op more, so that b's version takes the name.
	echo more >>b/other
	sada-snap -C b >/dev/null
	sed -i 's/^100$/100 b/' b/f
	sada-snap -C b >/dev/null
	sed -i 's/^100$/100 a/' a/f
	sada-snap -C a >/dev/null
	sada-push -C b -o bundle >/dev/null
	sada-pull -C a bundle >/dev/null
	sed -i 's/^1$/1 a/' a/f
	run -1 sada-merge -q -C a
	cp -a a copy
	rm -r a
	mv copy a
	rm a/f
	run -0 sada-snap -v -C a
	[[ "$output" == *'D f'* ]]
	# What nobody here had seen is there, and nothing else.
	run -0 sada-merge -q -C a
	[ "$(words a/f)" = '100 b' ]
	settled a
	carry a b
	same a b
}

@test "left at an old name: what goes is no mass deletion for others" {
	pair
	mkdir a/x
	for i in {1..40}; do
		seq $i 600 >a/m$i
	done
	sada-snap -C a >/dev/null
	carry a b
	for i in {1..400}; do
		echo $i >b/n$i
	done
	mkdir -p b/x
	mv b/m* b/x/
	sada-snap -C b >/dev/null
	for i in {1..40}; do
		echo 'x y' >>a/m$i
	done
	sada-snap -C a >/dev/null
	sada-push -C a -o more >/dev/null
	sada-pull -C b more >/dev/null
	sada-merge -q -C b
	sada-push -C b -o bundle >/dev/null
	sada-pull -C a bundle >/dev/null
	for i in {1..40}; do
		echo 'z' >>a/m$i
	done
	run -1 sada-merge -q -C a
	rm -r a/m* a/x
	sada-snap -C a >/dev/null
	run -0 sada-merge -q -C a
	carry a b
	settled a
	same a b
}

@test "left at an old name: many left directories that go are no deletion" {
	pair
	for i in {1..40}; do
		mkdir -p a/d$i
		seq $i 600 >a/d$i/f
	done
	sada-snap -C a >/dev/null
	carry a b
	mkdir b/n
	mv b/d* b/n/
	sada-snap -C b >/dev/null
	sada-push -C b -o bundle >/dev/null
	sada-pull -C a bundle >/dev/null
	for i in {1..40}; do
		echo 'x y' >>a/d$i/f
	done
	run -1 sada-merge -q -C a
	rm -r a/d*
	sada-snap -C a >/dev/null
	run -0 sada-merge -q -C a
	settled a
	carry a b
	[ "$(find b -name f | wc -l)" -eq 40 ]
	same a b
}

@test "left at an old name: after other ops of one's own, and a sweep" {
	left
	# An op whose map is not its changes.
	echo 10 >>a/other
	sada-snap -C a >/dev/null
	cp -p a/f keep
	sed -i 's/^1$/1 a/' a/f
	sada-pull -C a bundle >/dev/null
	run -1 sada-merge -q -C a
	# The edit is undone, so that nothing of it is in the next op.
	cp -p keep a/f
	echo more >>a/other
	sada-snap -C a >/dev/null
	# Not even b needs what f shows.
	carry a b
	sada-push -C b -o bundle >/dev/null
	sada-pull -C a bundle >/dev/null
	sada-gc -q -C a --keep 0
	# f goes with the next merge; it is edited before.
	sed -i 's/^2$/2 a/' a/f
	sada-snap -C a >/dev/null
	run -0 sada-merge -q -C a
	sada-verify -q -C a
	carry a b
	for r in a b; do
		[ "$(words $r/g)" = '2 a,100 b' ]
		[ ! -e $r/f ]
	done
	same a b
}

@test "left at an old name: the new one moved back over it is a rename" {
	pair
	seq 300 >a/f
	sada-snap -C a >/dev/null
	carry a b
	mv b/f b/g
	sada-snap -C b >/dev/null
	sada-push -C b -o bundle >/dev/null
	sed -i 's/^1$/1 a/' a/f
	sada-pull -C a bundle >/dev/null
	run -1 sada-merge -q -C a
	mv a/g a/f
	sada-snap -C a >/dev/null
	run -0 sada-log -C a --name-status @
	[[ "$output" == *$'R\tg\tf'* ]]
	run -0 sada-merge -q -C a
	carry a b
	for r in a b; do
		cmp <(seq 300) $r/f
		[ ! -e $r/g ]
	done
	same a b
}
