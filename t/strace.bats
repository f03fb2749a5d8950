#!/usr/bin/env bats
# What the commands ask of the system, as strace sees it, and how much they
# write: order of syncs, handles instead of paths, no network, small bundles.

# shellcheck disable=SC2094,SC2154	# no loop; stderr is of run
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	[ -n "$PYTHON" ] || PYTHON=python3
	[ -n "$SRCDIR" ] || SRCDIR=$BATS_TEST_DIRNAME/..
}

teardown() {
	rm -rf "$BATS_TEST_TMPDIR"
}

# traced COMMAND...: its trace is in the file trace.
traced() {
	strace -f -y -s 4096 -o trace "$@"
}

# judge CHECK ROOT: see t/trace.py.
judge() {
	"$PYTHON" "$SRCDIR/t/trace.py" "$1" "$2" trace
}

# plant DIR: about 60 names of each kind.
plant() {
	mkdir -p "$1"/d/e/f "$1"/empty "$1"/x
	for i in $(seq 40); do
		echo "file $i" >"$1/d/f$i"
		echo "deep $i" >"$1/d/e/f/g$i"
	done
	ln -s d/f1 "$1/link"
	head -c 1500000 /dev/urandom >"$1/big"
	chmod 600 "$1/d/f1"
	touch -d '2001-02-03 04:05:06.789' "$1/d/f2"
}

# pair: replicas one and two that know each other and hold the same.
pair() {
	sada-init -N one one >/dev/null
	sada-init -N two two >/dev/null
	sada-peer -C one self | sada-peer -C two add
	sada-peer -C two self | sada-peer -C one add
	sada-snap -C one >/dev/null
	carry one two
	carry two one
}

# carry FROM TO: a bundle, taken in and laid out.
carry() {
	sada-push -C "$1" -o "$1.sada" "$2" >/dev/null
	sada-pull -C "$2" "$1.sada" >/dev/null
	sada-merge -C "$2"
}

size() {
	stat -c %s "$1"
}

# settle DIR: snap until no time is too young to be believed.
settle() {
	for _ in 1 2 3 4; do
		sada-snap -C "$1" >/dev/null
	done
}

# edits DIR: of each kind.
edits() {
	echo more >>"$1/d/f3"
	rm "$1/d/f4"
	rm "$1/d/f5"
	ln -s nowhere "$1/d/f5"
	rm "$1/d/f6"
	mkdir "$1/d/f6"
	echo in >"$1/d/f6/in"
	rm -r "$1/empty"
	echo 'a file now' >"$1/empty"
	mv "$1/d/e/f" "$1/moved"
	chmod 755 "$1/d/f7" "$1/x"
	touch -d '2002-02-03 04:05:06.789' "$1/d/f8"
	mkdir -p "$1/new/a/b"
	echo new >"$1/new/a/b/c"
	rm "$1/link"
	ln -s d/f2 "$1/link"
	printf x | dd of="$1/big" bs=1 seek=700000 conv=notrunc status=none
}

@test "a snap syncs the pack, its directory, then the log, then tells" {
	plant r
	sada-init -N one r >/dev/null
	traced sada-snap -C r >/dev/null
	judge order r
	edits r
	traced sada-snap -C r >/dev/null
	judge order r
	echo x >>r/d/f9
	traced sada-snap -C r >/dev/null
	judge order r
}

@test "no local command opens a socket" {
	plant one
	pair
	edits one
	mkdir spool
	op=$(sada-snap -C one)
	while read -r line; do
		# shellcheck disable=SC2086
		traced $line >out || [ $? -eq 1 ]
		judge local one || {
			echo "$line"
			return 1
		}
	done <<-END
	sada-init -N three three
	sada-peer -C one self
	sada-peer -C one list
	sada-remote -C one add usb spool
	sada-remote -C one list
	sada-snap -C one
	sada-push -C one
	sada-push -C one -o bundle two
	sada-pull -C two spool
	sada-pull -C two bundle
	sada-merge -C two
	sada-merge -C two --list
	sada-sync -C two spool
	sada-log -C two --name-status
	sada-ls -C two -lR
	sada-cat -C two @:d/f1
	sada-restore -C two -o out.d $op
	sada-restore -C two $op d/f1
	sada-status -C two
	sada-verify -C two
	sada-remote -C one remove usb
	sada-peer -C one retire two
	sada status -C two
	END
}

@test "an unchanged snap opens no file and reads no directory" {
	plant r
	sada-init -N one r >/dev/null
	settle r
	traced sada-snap -C r
	judge quiet r
	# The check itself sees a file and a directory that did change.
	echo x >>r/d/f9
	traced sada-snap -C r >/dev/null
	run -1 judge quiet r
	[[ $output == *'"f9"'* ]]
	settle r
	touch r/x/new
	traced sada-snap -C r >/dev/null
	run -1 judge quiet r
	[[ $output == *getdents*/r/x* ]]
	settle r
	traced sada-snap -C r
	judge quiet r
}

@test "a merge touches names of the user by handles only, and keeps them" {
	plant one
	pair
	edits one
	sada-snap -C one >/dev/null
	# Of the other: an edit that is recorded, one that is not.
	echo mine >>two/d/f3
	sada-snap -C two >/dev/null
	echo 'not recorded' >two/d/f8
	sada-push -C one -o one.sada two >/dev/null
	sada-pull -C two one.sada >/dev/null
	traced sada-merge -C two || [ $? -eq 1 ]
	judge hands two
	grep -q RENAME_EXCHANGE trace
	[ "$(cat two/d/f8)" = 'not recorded' ]
	[ "$(cat two/moved/g1)" = 'deep 1' ]
	[ ! -e two/d/e/f ]
	sada-verify -C two
	# The check itself: plain calls are seen.
	traced rm two/d/f9
	run -1 judge hands two
	traced cp one/d/f10 two/d/f10
	run -1 judge hands two
	cd two/d
	strace -f -y -o ../../trace mv f11 f12
	cd ../..
	run -1 judge hands two
}

@test "the first merge of a directory is built by handles as well" {
	plant one
	sada-init -N one one >/dev/null
	sada-init -N two two >/dev/null
	sada-peer -C one self | sada-peer -C two add
	sada-peer -C two self | sada-peer -C one add
	sada-snap -C one >/dev/null
	sada-push -C one -o one.sada two >/dev/null
	sada-pull -C two one.sada >/dev/null
	mkdir -p two/d
	echo mine >two/d/f1
	traced sada-merge -C two || [ $? -eq 1 ]
	judge hands two
	[ "$(cat two/d/f1)" = mine ]
	[ "$(cat two/d/f2)" = 'file 2' ]
}

@test "snap and restore go by handles" {
	plant r
	sada-init -N one r >/dev/null
	traced sada-snap -C r >/dev/null
	judge hands r
	op=$(sada-log -C r --json | sed 's/.*"op":"\([0-9a-f]*\)".*/\1/')
	edits r
	traced sada-snap -C r >/dev/null
	judge hands r
	traced sada-restore -C r "${op:0:12}" d/f3 d/f4 d/f5 d/e big link
	judge hands r
	[ "$(cat r/d/f3)" = 'file 3' ]
	[ "$(cat r/d/f4)" = 'file 4' ]
	[ "$(cat r/d/e/f/g1)" = 'deep 1' ]
	[ ! -L r/d/f5 ]
	sada-verify -C r
}

@test "a bundle goes through pipes in one pass: no copy on the way" {
	plant one
	head -c 6000000 /dev/urandom >one/large
	pair
	head -c 6000000 /dev/urandom >one/large2
	sada-snap -C one >/dev/null
	traced sada-push -C one -o - two | cat >bundle
	[ "$(size bundle)" -gt 6000000 ]
	judge written one >written
	# The pipe first; no file gets more than a few records.
	read -r n what <written
	[ "$n" -gt 6000000 ]
	[[ $what == pipe:* ]]
	tail -n +2 written | while read -r n what; do
		case $n in *[!0-9]*) false ;; esac
		[ "$n" -lt 65536 ]
	done
	# shellcheck disable=SC2002	# a pipe is the point
	cat bundle | traced sada-pull -C two - >/dev/null
	judge written two >written
	grep -q '/\.sada/pack/\.tmp-[0-9a-f]*$' written
	while read -r n what; do
		[[ $what == */two/.sada/pack/.tmp-* ]] ||
		    { [[ $n != *[!0-9]* ]] && [ "$n" -lt 65536 ]; }
	done <written
	sada-merge -C two
	cmp one/large2 two/large2
}

# forest DIR: 5,000 files of some lines each.
forest() {
	"$PYTHON" - "$1" <<-'END'
	import os, random, sys
	rng = random.Random(1)
	words = [''.join(rng.choices('etaoinshrdlu', k=rng.randrange(2, 9)))
	         for _ in range(3000)]
	for d in range(50):
	    os.makedirs('%s/dir%d' % (sys.argv[1], d))
	    for f in range(100):
	        with open('%s/dir%d/file%d.txt' % (sys.argv[1], d, f),
	                  'w') as out:
	            for _ in range(rng.randrange(40)):
	                out.write(' '.join(rng.choices(words, k=9)) + '\n')
	END
}

@test "a line in one of 5,000 files is a bundle of at most 8 KiB" {
	forest one
	pair
	echo 'one more line' >>one/dir7/file7.txt
	sada-snap -C one >/dev/null
	sada-push -C one -o one.sada two >/dev/null
	[ "$(size one.sada)" -le 8192 ] || {
		size one.sada
		return 1
	}
	sada-pull -C two one.sada >/dev/null
	sada-merge -C two
	cmp one/dir7/file7.txt two/dir7/file7.txt
	# And nothing new is smaller still.
	carry two one
	sada-push -C one -o none.sada two >/dev/null
	[ "$(size none.sada)" -le "$(size one.sada)" ]
}

@test "100 edits are a smaller bundle than git's" {
	"$PYTHON" - <<-'END'
	import os, random
	rng = random.Random(1)
	words = [''.join(rng.choices('etaoinshrdlu', k=rng.randrange(2, 9)))
	         for _ in range(3000)]
	for d in range(350):
	    path = 'one/part%d/sub%d/dir%d' % (d % 7, d % 49, d)
	    os.makedirs(path)
	    for f in range(15):
	        with open('%s/file%d.txt' % (path, f), 'w') as out:
	            for _ in range(rng.randrange(1, 80)):
	                out.write(' '.join(rng.choices(words, k=9)) + '\n')
	END
	cp -r one git
	pair
	git() {
		command git -C git -c user.name=x -c user.email=x@example.org \
		    -c gc.auto=0 -c core.autocrlf=false "$@"
	}
	git init -q
	git add .
	git commit -q -m one
	# A line in the middle of a hundred files.
	"$PYTHON" - <<-'END'
	import os, random
	rng = random.Random(2)
	files = sorted(os.path.join(base, f) for base, _, names
	               in os.walk('git') if '/.git' not in base
	               for f in names)
	for path in rng.sample(files, 100):
	    with open(path) as f:
	        lines = f.read().splitlines()
	    n = rng.randrange(len(lines))
	    lines[n] = ''.join(rng.sample(lines[n] + ' changed', 30))
	    for top in 'git', 'one':
	        with open(top + path[3:], 'w') as f:
	            f.write('\n'.join(lines) + '\n')
	END
	sada-snap -C one >/dev/null
	sada-push -C one -o one.sada two >/dev/null
	git commit -q -a -m two
	[ "$(git diff --name-only HEAD~1 | wc -l)" -eq 100 ]
	git bundle create -q ../git.bundle HEAD~1..HEAD
	[ "$(size one.sada)" -lt "$(size git.bundle)" ] || {
		echo "$(size one.sada) and $(size git.bundle)"
		return 1
	}
	carry one two
	diff -r --exclude=.sada one two
}

@test "an edit among 100,000 names costs less than 64 KiB in packs" {
	"$PYTHON" - <<-'END'
	import os
	for d in range(200):
	    os.makedirs('r/dir%d' % d)
	    for f in range(500):
	        os.close(os.open('r/dir%d/name%d' % (d, f), os.O_CREAT, 0o644))
	END
	sada-init -N one r >/dev/null
	sada-snap -C r >/dev/null
	was=$(du -bs r/.sada/pack | cut -f1)
	head -c 20000 /dev/urandom >r/dir77/name77
	sada-snap -C r >/dev/null
	now=$(du -bs r/.sada/pack | cut -f1)
	[ $((now - was)) -lt $((65536 + 20000)) ] || {
		echo "$was to $now"
		return 1
	}
	[ "$(sada-ls -R -C r | wc -l)" -eq 100200 ]
}

# waited: the milliseconds that the trace says were napped.
waited() {
	"$PYTHON" - <<-'END'
	import re
	ns = re.findall(r'nanosleep\(.*?tv_nsec=(\d+)}', open('trace').read())
	print(sum(map(int, ns)) // 10**6)
	END
}

@test "--wait is waited once, whatever a command has to do" {
	pair
	mkdir spool
	for i in 1 2 3; do
		echo $i >one/f
		sada-snap -C one
		sada-push -C one -o two.$i two
	done
	sada-remote -C two add spool spool
	sada-sync -C two
	for x in 'sync -C two' 'sync -C two spool two.1' 'init two' \
	    'pull -C two two.1 two.2 two.3' 'push -C two' 'snap -C two'; do
		# No nap is really taken.
		# shellcheck disable=SC2086
		run -75 --separate-stderr flock two/.sada/lock strace -f \
		    -o trace -e trace=nanosleep,clock_nanosleep \
		    -e inject=nanosleep,clock_nanosleep:retval=0 \
		    sada-$x --wait 3
		[ "$(waited)" -eq 3000 ]
	done
}
