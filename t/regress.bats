#!/usr/bin/env bats
# Defects that were once there.

# shellcheck disable=SC2154	# stderr is of run
bats_require_minimum_version 1.5.0
load replicas.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
}

@test "a bundle into the directory itself is wrong usage" {
	replicas a b
	echo 1 >a/f
	mkdir a/d
	sada-snap -C a
	for place in a/x a/d a/d/x a a/.sada/x; do
		run -64 sada-push -C a -o "$place" b
		[[ $output == *'inside of the directory itself'* ]]
	done
	ln -s a/d link
	run -64 sada-push -C a -o link b
	run -64 sada-push -C a -o link/x b
	run -64 sada-remote -C a add r a/d
	run -64 sh -c 'sada-push -C a -o - b >a/out'
	# Nor is the store of another a place.
	run -64 sada-push -C a -o b/.sada/x.sada b
	[[ $output == *'inside of a replica'* ]]
	run -64 sada-push -C a -o b/.sada b
	run -64 sada-remote -C a add r b/.sada/log
	[ -z "$(find b/.sada -name 'x.sada' -o -name 'sada-spool')" ]
	[ ! -e a/d/sada-spool ]
	[ -z "$(ls a/d)" ]
	sada-push -C a -o ax b
	sada-pull -C b ax
	sada-verify -C a
}

@test "-n marks no spool" {
	replicas a b
	echo 1 >a/f
	sada-snap -C a
	mkdir s
	run -0 sada-push -n -C a -o s b
	[ "$output" != '' ]
	[ -z "$(ls -A s)" ]
	sada-push -C a -o s b
	ls s >before
	run -0 sada-push -n -C a -o s b
	[ "$output" = '' ]
	ls s | cmp - before
}

@test "-n of a push to standard output prints its place, too" {
	replicas a b
	echo 1 >a/f
	sada-snap -C a
	for place in - p.sada; do
		run -0 --separate-stderr sada-push -n -C a -o "$place" b
		[ "$output" = "$place" ]
		[ "$stderr" = '' ]
		run -0 --separate-stderr sada-push -n -C a -o "$place" --json b
		[ "$output" = "{\"v\":1,\"path\":\"$place\",\
\"peers\":\"b\",\"ops\":1,\"bytes\":0}" ]
	done
	[ ! -e p.sada ]
	# Without it there is the bundle, and nothing else.
	sada-push -C a -o - b | sada-pull -C b -
	sada-verify -C b
}

@test "two that add peers at once both get in" {
	mkdir a p q
	sada-init -N a a
	sada-init -N p p >p.pub
	sada-init -N q q >q.pub
	exec 9<>a/.sada/lock
	flock 9
	sada-peer -C a add <p.pub 9<&- &
	sada-peer -C a add <q.pub 9<&- &
	# Both have read the configuration and wait for the lock, most likely.
	sleep 0.3
	exec 9<&-
	wait
	run -0 sada-peer -C a list
	[[ $output == *p* ]]
	[[ $output == *q* ]]
}

@test "pull that cannot keep a mark has pulled all the same" {
	replicas a b
	echo 1 >a/f
	sada-snap -C a
	sada-push -C a -o ax b
	id=$(sada-peer -C b list --json | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
	mkdir -p "b/.sada/peers/$id.ack/x"
	run -0 --separate-stderr sada-pull -C b ax
	[ "$output" = 'a 1 taken' ]
	[ "$stderr" != '' ]
	rm -r "b/.sada/peers/$id.ack"
	sada-merge -C b
	cmp a/f b/f
	sada-verify -C b
}

@test "snap and merge that cannot write a cache are done all the same" {
	replicas a b
	echo 1 >a/f
	rm -f a/.sada/states
	mkdir a/.sada/states
	run -0 --separate-stderr sada-snap -C a
	[ "${#output}" -eq 64 ]
	[ "$stderr" != '' ]
	sada-push -C a -o ax b
	sada-pull -C b ax
	rm -f b/.sada/states
	mkdir b/.sada/states
	run -0 sada-merge -C b
	cmp a/f b/f
	rmdir a/.sada/states b/.sada/states
	[ "$(sada-snap -C a; sada-snap -C b)" = '' ]
}

@test "sync tells when it cannot push" {
	replicas a b
	mkdir s
	sada-remote -C a add s s
	echo 1 >a/f
	sada-snap -C a
	flock a/.sada/lock sh -c '
		sada-sync -C a --wait 0 2>err && exit 1
		[ $? -eq 75 ]'
	grep 'push: .*another command' err
	grep 'snap: .*another command' err
}

@test "own ops that come back are laid out though a snap came between" {
	replicas a b
	echo 1 >a/f
	sada-snap -C a
	cp -a a old
	echo 2 >a/g
	sada-snap -C a
	sada-push -C a -o ax b
	sada-pull -C b ax
	sada-merge -C b
	sada-push --full -C b -o bx a
	rm -r a
	cp -a old a
	sada-pull -C a bx
	echo 3 >a/h
	sada-snap -C a
	sada-merge -C a
	[ "$(cat a/g)" = 2 ]
	sada-push -C a -o ax b
	sada-pull -C b ax
	sada-merge -C b
	[ "$(sada-status -C a --id)" = "$(sada-status -C b --id)" ]
	diff -r -x .sada a b
}

@test "empty stdin is refused" {
	replicas a b
	run -65 sada-pull -C a - </dev/null
	run -65 sh -c 'printf x | sada-pull -C a -'
}

@test "a chain of bundles taken backwards is parked, then whole" {
	replicas a b
	for i in 1 2 3 4 5 6 7 8; do
		echo "$i" >a/f
		sada-snap -C a
		since=--full
		[ "$i" -eq 1 ] || since='--since=@~1'
		sada-push -C a "$since" -o "x$i" b
	done
	for i in 8 7 6 5 4 3 2; do
		run -1 sada-pull -C b "x$i"
		[[ $output == *parked* ]]
	done
	run -0 sada-pull -C b x1
	[ -z "$(ls b/.sada/parked)" ]
	sada-merge -C b
	# What the first bundles brought were changes on unknown contents.
	sada-push -C b -o y a
	sada-pull -C a y
	sada-push -C a -o z b
	sada-pull -C b z
	sada-merge -C b
	[ "$(cat b/f)" = 8 ]
	[ "$(sada-status -C a --id)" = "$(sada-status -C b --id)" ]
}

# give A B: what B lacks of A goes there.
give() {
	sada-push -C "$1" -o - "$2" | sada-pull -C "$2" - >pulled || true
}

@test "a newcomer gets the base of three that were merged in a ring" {
	replicas a b c d
	seq 60 >a/f
	sada-snap -C a
	give a b
	give a c
	sada-merge -C b
	sada-merge -C c
	# Each edits, hands that on to the next, and edits what comes of both.
	sed -i 's/^10$/10 a/' a/f
	sed -i 's/^20$/20 b/' b/f
	sed -i 's/^30$/30 c/' c/f
	for r in a b c; do sada-snap -C $r; done
	sada-push -C a -o ac c
	sada-push -C b -o ba a
	sada-push -C c -o cb b
	sada-pull -C a ba
	sada-pull -C b cb
	sada-pull -C c ac
	for r in a b c; do sada-merge -C $r; done
	sed -i 's/^40$/40 a/' a/f
	sed -i 's/^46$/46 b/' b/f
	sed -i 's/^52$/52 c/' c/f
	for r in a b c; do sada-snap -C $r; done
	for i in 1 2 3; do
		for r in ab bc ca cb ba ac; do
			give ${r:0:1} ${r:1}
			sada-merge -C ${r:1} || true
		done
	done
	[ "$(ls a)" = f ]
	cmp a/f b/f
	cmp a/f c/f
	# One who was not there holds none of the texts in between.
	sada-push -C a --full -o - d | sada-pull -C d --join -
	sada-merge -C d
	cmp a/f d/f
}

@test "new merge rules are laid out though the first merge fails" {
	replicas a b
	seq 9 >a/f
	sada-snap -C a
	give a b
	sada-merge -C b
	sed -i 's/^1$/one/' a/f
	sed -i 's/^9$/nine/' b/f
	sada-snap -C a
	sada-snap -C b
	give a b
	sada-merge -C b
	[ "$(ls b)" = f ]
	printf '[merge "f"]\n\tdriver = keep-both\n' >>b/.sada/config
	rm -rf b/.sada/stage
	touch b/.sada/stage
	run -74 sada-merge -C b
	rm b/.sada/stage
	run -1 sada-merge -C b
	[ "$(echo b/f*)" != b/f ]
}

@test "a place that is not there is no remote, unless it names a file" {
	replicas a b
	mkdir mnt
	for place in mnt/sada mnt/sada/ mnt/none/sada mnt/.sada mnt/none/x.sada; do
		run -69 --separate-stderr sada-remote -C a add s "$place"
		[[ $stderr == *mkdir*'*.sada'* ]]
		run -69 sada-remote -C a -n add s "$place"
	done
	run -0 sada-remote -C a list
	[ "$output" = '' ]
	[ "$(ls -A mnt)" = '' ]
	sada-remote -C a add s mnt/x.sada
	: >old
	sada-remote -C a add old old
	mkdir mnt/sada
	sada-remote -C a add d mnt/sada
}

@test "a remote that is a file: missing, our own, another's, for us" {
	replicas a b
	sada-remote -C a add s x.sada
	sada-remote -C b add s x.sada
	run -0 --separate-stderr sada-pull -C a
	[ "$output$stderr" = '' ]
	run -69 sada-pull -C a s
	echo 1 >a/f
	for i in 1 2; do
		run -0 --separate-stderr sada-sync -C a
		[ "$output" = "$PWD/x.sada" ]
		[ "$stderr" = '' ]
	done
	run -0 --separate-stderr sada-pull -C a
	[ "$output$stderr" = '' ]
	run -65 sada-pull -C a s
	run -0 --separate-stderr sada-pull -C b
	[ "$output" = 'a 1 taken' ]
	[ "$stderr" = '' ]
	# What is no bundle is told.
	echo junk >x.sada
	run -65 sada-pull -C b
	sada-verify -C a
	sada-verify -C b
}

@test "sync makes a file that is named and not there" {
	replicas a b
	echo 1 >a/f
	for i in 1 2; do
		run -0 --separate-stderr sada-sync -C a new.sada
		[ "$output" = new.sada ]
		[ "$stderr" = '' ]
	done
	run -0 --separate-stderr sada-sync -C b new.sada
	[ "${lines[0]}" = 'a 1 taken' ]
	[ "$stderr" = '' ]
	cmp a/f b/f
	run -69 --separate-stderr sada-sync -C a none/new.sada
	[[ $stderr == *'pull: '*'push: '* ]]
}

@test "a line of .sadamerge that is no rule is told, by snap and merge" {
	replicas a b
	printf '*.log union\n\n*.x nosuch\n[a union\n' >a/.sadamerge
	line='.sadamerge: line 3 is no rule, nor is 1 more'
	run -0 --separate-stderr sada-snap -C a
	[ "$stderr" = "sada-snap: $line" ]
	run -0 --separate-stderr sada-snap -C a
	[ "$stderr" = "sada-snap: $line" ]
	run -0 --separate-stderr sada-snap -q -C a
	[ "$stderr" = '' ]
	sada-push -C a -o ab b
	sada-pull -C b ab
	run -0 --separate-stderr sada-merge -C b
	[ "$stderr" = "sada-merge: $line" ]
	for x in ls log status diff 'cat @:.sadamerge' 'merge --list'; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr sada-$x -C b
		[ "$stderr" = '' ]
	done
	echo '*.log union' >b/.sadamerge
	run -0 --separate-stderr sada-snap -C b
	[ "$stderr" = '' ]
	rm b/.sadamerge
	run -0 --separate-stderr sada-snap --accept-deletes -C b
	[ "$stderr" = '' ]
}

@test "without libgit2 a merge changes nothing, and all else goes on" {
	pair
	seq 9 >a/list
	snap a
	carry a b
	sed -i 's/1/one/' a/list
	sed -i 's/9/nine/' b/list
	snap a
	snap b
	sada-push -C a -o ab bob
	sada-pull -C b ab

	# What no program can load, under whatever name it is asked for.
	mkdir lib
	for v in 1.5 1.6 1.7 1.8 1.9; do
		: >"lib/libgit2.so.$v"
	done
	cp b/list before
	id=$(sada-status -C b --id)
	run -74 --separate-stderr env LD_LIBRARY_PATH="$PWD/lib" \
	    sada-merge -C b
	[[ $stderr == *'cannot load libgit2'* ]]
	[ "${#stderr_lines[@]}" -eq 1 ]
	cmp b/list before
	[ "$(sada-status -C b --id)" = "$id" ]
	touch b/new
	run -0 env LD_LIBRARY_PATH="$PWD/lib" sada-snap -C b
	run -0 env LD_LIBRARY_PATH="$PWD/lib" sada-push -C b -o ba
	# A name alike is only a hint.
	seq 99 >b/long
	snap b
	mv b/long b/longer
	echo more >>b/longer
	run -0 env LD_LIBRARY_PATH="$PWD/lib" sada-snap -C b
	sada-merge -C b
	carry b a
	same a b
	[ "$(grep -c one a/list)" -eq 1 ]
	[ "$(grep -c nine a/list)" -eq 1 ]
}

@test "a torn line of the states is cut, a damaged one is told" {
	mkdir a
	sada-init -N a a
	for i in 1 2 3; do
		echo $i >a/f
		snap a
	done
	[ "$(sada-cat -C a @~1:f)" = 2 ]
	# A crash tore the last: half a line, or more.
	tail -n 1 a/.sada/states | cut -c1-50 >>a/.sada/states
	printf '%0300d' 0 >>a/.sada/states
	[ "$(sada-cat -C a @~1:f)" = 2 ]
	echo 4 >a/f
	snap a
	[ "$(sada-cat -C a @~1:f)" = 3 ]
	[ "$(wc -l <a/.sada/states)" -eq 4 ]
	[ "$(sada-verify -C a 2>&1)" = '' ]

	# So long a torn end stays, and the new line begins behind it.
	printf '%070000d' 0 >>a/.sada/states
	echo 5 >a/f
	snap a
	[ "$(sada-cat -C a @~1:f)" = 4 ]
	sed -i '/^0*$/d' a/.sada/states
	sada-verify -C a

	printf 'half a line' >>a/.sada/states
	run -0 --separate-stderr sada-verify -C a
	[[ $stderr == *'.sada/states was torn'* ]]
	[ "$(sada-verify -C a 2>&1)" = '' ]

	sed -i '2s/snap/snip/' a/.sada/states
	run -1 sada-verify -C a
	[[ $output == '.sada/states has 1 damaged line:'* ]]
	[ "$(sada-verify -C a 2>&1)" = '' ]
	[ "$(sada-cat -C a @~2:f)" = 3 ]
	[ "$(sada-cat -C a @~3:f)" = 1 ]
}

@test "what was parked and is damaged is told, and comes again" {
	pair
	echo 1 >a/f
	snap a
	sada-push -C a -o p1 bob
	echo 2 >a/f
	snap a
	sada-push -C a -o p2 --since @~1 bob
	run -1 sada-pull -C b p2
	f=$(echo b/.sada/parked/*)
	printf X | dd of="$f" bs=1 seek=40 conv=notrunc status=none
	sada-status -C b | grep -q '^parked: *0$'
	[ -e "$f" ]
	run -1 --separate-stderr sada-verify -n -C b
	[ -e "$f" ]
	was=$output
	run -1 --separate-stderr sada-verify -C b
	[[ $output == '.sada/parked/'*' a parked file is damaged; '* ]]
	[ "$output" = "$was" ]
	[ ! -e "$f" ]
	sada-verify -C b
	sada-pull -C b p1
	carry b a
	carry a b
	same a b
	[ "$(cat b/f)" = 2 ]
}
