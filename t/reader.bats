#!/usr/bin/env bats
# sada-store(5) and sada-bundle(5) are enough to read what sada writes:
# t/reader.py, made from the pages alone, reads the stores and bundles of
# the real commands and must come to the same names and ids.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	[ -n "$SRCDIR" ] || SRCDIR=$BATS_TEST_DIRNAME/..
	SRCDIR=$(cd "$SRCDIR" && pwd)
	[ -n "$PYTHON" ] || PYTHON=/usr/bin/python3
	umask 022
}

reader() {
	"$PYTHON" "$SRCDIR/t/reader.py" "$@"
}

# replicas NAME...: made, and known to each other.
replicas() {
	for x; do
		sada-init -q -N "$x" "$x" >/dev/null
	done
	for x; do
		for y; do
			[ "$x" = "$y" ] ||
			    sada-peer -C "$x" self | sada-peer -C "$y" add
		done
	done
}

# fill DIR: some of everything.
fill() {
	mkdir -p "$1/dir/deep/er" "$1/empty dir"
	seq 1 400 >"$1/dir/numbers.txt"
	seq 1 90000 >"$1/middle"
	: >"$1/dir/nothing"
	printf x >"$1/dir/$(printf 'odd\n"name"\\\377')"
	ln -s ../nowhere/at/all "$1/dir/deep/link"
	chmod 755 "$1/dir/numbers.txt"
	random 7 1500000 >"$1/big"
}

# random SEED BYTES
random() {
	"$PYTHON" -c 'import random, sys
r = random.Random(int(sys.argv[1]))
sys.stdout.buffer.write(r.randbytes(int(sys.argv[2])))' "$@"
}

# equal A B: like cmp, but says how they differ, shortly.
equal() {
	diff "$1" "$2" | head -n 12
	cmp -s "$1" "$2"
}

# The names that sada-ls gives @+, in the reader's form, without the root.
listed() {
	sada-ls -C "$1" -lR --json @+ | "$PYTHON" -c '
import base64, json, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import reader
for line in sys.stdin:
    o = json.loads(line)
    p = (o["path"].encode() if "path" in o else
         base64.b64decode(o["path_b64"]))
    print("name", o["kind"], o["mode"], o["size"], o.get("content") or "-",
          reader.quote(p))' "$SRCDIR/t" | LC_ALL=C sort
}

# same DIR: the store, sada-ls, sada-status and, with another word, the
# directory too, say the same.
same() {
	reader store "$1" >"$1.store"
	grep '^name' "$1.store" | grep -v ' $' | LC_ALL=C sort >"$1.names"
	listed "$1" >"$1.ls"
	equal "$1.names" "$1.ls"
	sada-ls -C "$1" -lR @+ | wc -l >"$1.n"
	[ "$(wc -l <"$1.names")" -eq "$(cat "$1.n")" ]
	if [ $# -gt 1 ]; then
		reader dir "$1" | grep -v ' $' | LC_ALL=C sort >"$1.dir"
		equal "$1.names" "$1.dir"
		[ "$(sada-status -C "$1" --id)" = "$(state "$1")" ]
	fi
	! grep -q '^lack' "$1.store"
}

state() {
	sed -n 's/^state //p' "$1.store"
}

# send FROM TO FILE: a bundle; the reader's outcome is that of pull.
send() {
	sada-push -q -C "$1" -o "$3" "$2" >/dev/null
	reader bundle "$3" "$2/.sada/key" --store "$2" >"$3.read"
	sada-pull -q -C "$2" "./$3" >/dev/null
	reader store "$2" >"$2.store"
	grep -E '^(name|slot|head|root|state|lack) ' "$3.read" >"$3.after"
	grep -E '^(name|slot|head|root|state|lack) ' "$2.store" >"$2.after"
	equal "$3.after" "$2.after"
}

@test "a store: names, ids, and the directory" {
	replicas one
	reader store one >empty
	grep -qx "state $(sada-status -C one --id)" empty
	fill one
	random 8 5000000 >one/big
	id=$(sada-snap -C one -m $'first\nline')
	same one here
	grep -q "^op $id one 1 lamport 1 " one.store
	grep -qx 'replayed 1' one.store
	chmod 600 one/middle
	rm one/dir/nothing
	mv one/dir/deep one/deep
	touch -d 2001-02-03 one/dir/numbers.txt
	sada-snap -C one
	same one here
	grep -qx 'replayed 2' one.store
}

@test "a map of several levels, changed in places" {
	replicas one two
	mkdir one/d one/d/x
	for x in $(seq 1500); do
		echo "$x" >"one/d/file-$x"
	done
	sada-snap -C one >/dev/null
	same one here
	for x in 1 17 500 800 1499; do
		echo new >"one/d/file-$x"
		rm "one/d/file-$((x + 1))"
		echo "$x" >"one/d/x/$x"
	done
	sada-snap -C one >/dev/null
	same one here
	grep -qx 'replayed 2' one.store
	send one two 1.sada
	grep -qx 'maps 1' 1.sada.read
	sada-merge -q -C two
	same two here
	for x in $(seq 40); do
		echo "$x" >"two/d/file-$((x * 35))"
	done
	sada-snap -C two >/dev/null
	send two one 2.sada
	grep -qx 'maps 0' 2.sada.read
	grep -q '^object node ' 2.sada.read
}

@test "a second bundle is changes of the first" {
	replicas one two
	fill one
	sada-snap -C one >/dev/null
	send one two 1.sada
	sada-merge -q -C two
	same two here
	send two one 0.sada
	echo more >>one/dir/numbers.txt
	sed -i 's/^1000$/a thousand/' one/middle
	printf 'in the middle' | dd of=one/big bs=1 seek=900000 conv=notrunc \
	    status=none
	rm one/dir/nothing
	sada-snap -C one >/dev/null
	send one two 2.sada
	[ "$(grep -c '^object delta 1 ' 2.sada.read)" -eq 2 ]
	grep -q '^object prefix 1 ' 2.sada.read
	grep -q '^object prefix 2 ' 2.sada.read
	! grep -q '^void' 2.sada.read
	grep -q '^basis ' 2.sada.read
	[ "$(stat -c %s 2.sada)" -lt 8000 ]
	sada-merge -q -C two
	same two here
	same one here
	[ "$(state one)" = "$(state two)" ]
	# A chain: the ancestors of these are derived from derived ones.
	for x in 1 2 3; do
		echo "$x" >>one/dir/numbers.txt
		sada-snap -C one >/dev/null
	done
	send one two 3.sada
	[ "$(grep -c '^op ' 3.sada.read)" -eq 4 ]
	grep -q '^object delta 1 ' 3.sada.read
	same two
}

@test "conflicts: copies, kinds, deletes, their names" {
	replicas one two three
	fill one
	sada-snap -C one >/dev/null
	send one two 1.sada
	send one three 2.sada
	sada-merge -q -C two
	sada-merge -q -C three
	long=$(printf 'x%.0s' $(seq 121))$(printf 'ä%.0s' $(seq 60)).tar
	for x in one two three; do
		echo "$x" >"$x/dir/numbers.txt"
		echo "$x" >"$x/new.tar.gz"
		echo "$x" >"$x/.hidden"
		echo "$x" >"$x/$long"
		echo "$x" >"$x/name.with-a-very-long-extension"
		ln -s "to $x" "$x/symlink"
		echo same >"$x/same"
	done
	chmod 711 one/dir
	chmod 770 two/dir
	chmod 700 'one/empty dir'
	chmod 750 two/dir/deep
	mkdir one/thing
	echo below >one/thing/below
	echo file >two/thing
	ln -s link three/thing
	rm one/middle
	echo edit >>two/middle
	rm three/dir/numbers.txt
	for x in one two three; do
		sada-snap -q --accept-deletes -C "$x" >/dev/null
	done
	send one two 3.sada
	send three two 4.sada
	run -1 sada-merge -q -C two
	same two here
	grep -q '^slot 3 new.tar.gz$' two.store
	[ "$(grep -c '^name .*~' two.store)" -ge 12 ]
	send two one 5.sada
	send two three 6.sada
	for x in one three; do
		run -1 sada-merge -q -C "$x"
		same "$x" here
		[ "$(state "$x")" = "$(state two)" ]
	done
	# One copy edited, one deleted, a main name edited and deleted.
	set -- three/new.tar~*.gz
	echo edited >"$1"
	rm "$2"
	echo again >three/.hidden
	rm three/symlink
	sada-snap -q -C three >/dev/null
	same three
	send three one 7.sada
	run sada-merge -q -C one
	same one here
	[ "$(state one)" = "$(state three)" ]
}

@test "a directory that is only implied" {
	replicas one two
	mkdir -p one/dir/below
	echo 1 >one/dir/below/f
	echo 1 >one/g
	sada-snap -q -C one >/dev/null
	send one two 1.sada
	sada-merge -q -C two
	echo 2 >two/dir/below/f
	sada-snap -q -C two >/dev/null
	rm -r one/dir
	sada-snap -q --accept-deletes -C one >/dev/null
	send two one 2.sada
	send one two 3.sada
	sada-merge -q -C one
	sada-merge -q -C two
	same one here
	same two
	[ "$(state one)" = "$(state two)" ]
	grep -qx 'name d 0700 0 - dir/below' two.names
}

@test "several recipients, and a relay" {
	replicas one two three four
	fill one
	sada-snap -C one >/dev/null
	sada-push -q -C one -o all.sada >/dev/null
	for x in two three four; do
		reader bundle all.sada "$x/.sada/key" --store "$x" >"$x.read"
		grep -qx 'slots 4' "$x.read"
		[ "$(sed -n 's/^to //p' "$x.read" | wc -w)" -eq 3 ]
	done
	sada-init -q -N other other >/dev/null
	run -1 reader bundle all.sada other/.sada/key --store two
	[[ $output == *'not for this key'* ]]
	run -1 reader bundle all.sada two/.sada/key --store other
	[[ $output == *'sender not known'* ]]
	sada-pull -q -C two ./all.sada >/dev/null
	sada-merge -q -C two
	echo two >two/two
	sada-snap -q -C two >/dev/null
	send two three relay.sada
	grep -q '^op .* one 1 ' three.store
	grep -q '^op .* two 1 ' three.store
}

@test "a bundle whose parents did not come" {
	replicas one two
	fill one
	sada-snap -q -C one >/dev/null
	send one two 1.sada
	send two one 2.sada
	base=$(sada-snap -q -C one; sada-status -C one --id)
	echo 1 >one/middle
	first=$(sada-snap -C one)
	echo 2 >one/middle
	sada-snap -q -C one >/dev/null
	sada-push -q -C one --since "$first" -o 3.sada two >/dev/null
	reader bundle 3.sada two/.sada/key --store two >3.read
	grep -q '^parked ' 3.read
	grep -qx 'new 0' 3.read
	grep -qx "state $base" 3.read
	run -1 sada-pull -q -C two ./3.sada
	reader store two >two.store
	grep -qx "state $base" two.store
	for f in two/.sada/parked/*; do
		[ "$(head -c 8 "$f")" = sadaprk1 ]
	done
	send one two 4.sada
	sada-merge -q -C two
	same two here
}

@test "a copied store: forks and epochs" {
	replicas one two
	echo 1 >one/f
	sada-snap -q -C one >/dev/null
	send one two 1.sada
	cp -a one back
	echo 2 >one/f
	sada-snap -q -C one >/dev/null
	send one two 2.sada
	rm -rf one
	mv back one
	echo 3 >one/f
	echo 3 >one/g
	sada-snap -q -C one >/dev/null
	same one here
	send one two 3.sada
	grep -q '^slot 2 f$' two.store
	run -1 sada-merge -q -C two
	same two here
	# That it lacks what it had made is only clear from its next words: the
	# first may be taken for older ones than those from before.
	send one two 4.sada
	send two one 5.sada
	send one two 6.sada
	send two one 7.sada
	run -1 sada-merge -q -C one
	same one here
	[ "$(state one)" = "$(state two)" ]
}

@test "caches may go; a torn tail is no op" {
	replicas one two
	fill one
	sada-snap -q -C one >/dev/null
	reader store one >before
	rm -f one/.sada/work one/.sada/states one/.sada/wants \
	    one/.sada/pack/*.idx one/.sada/home
	rm -rf one/.sada/peers
	cp one/.sada/log/00000001.log log
	head -c 100 log | tail -c 30 >>one/.sada/log/00000001.log
	reader store one >after
	grep -v '^torn' after | diff before -
	sada-status -C one --id >id
	grep -qx "state $(cat id)" before
}

# flip FILE OFFSET
flip() {
	"$PYTHON" -c 'import sys
b = bytearray(open(sys.argv[1], "rb").read())
b[int(sys.argv[2])] ^= 1
open(sys.argv[1], "wb").write(b)' "$@"
}

@test "a byte that is wrong is refused by both" {
	replicas one two
	fill one
	sada-snap -q -C one >/dev/null
	sada-push -q -C one -o 1.sada two >/dev/null
	size=$(stat -c %s 1.sada)
	for at in 0 8 12 14 16 40 110 120 140 168 200 65700 1048800 \
	    $((size - 1)); do
		cp 1.sada bad.sada
		flip bad.sada "$at"
		run ! reader bundle bad.sada two/.sada/key --store two
		run -65 sada-pull -q -C two ./bad.sada
	done
	head -c $((size - 1)) 1.sada >bad.sada
	run ! reader bundle bad.sada two/.sada/key --store two
	run -65 sada-pull -q -C two ./bad.sada
	for f in one/.sada/pack/*.pack one/.sada/log/*.log; do
		cp "$f" keep
		flip "$f" 70
		run ! reader store one
		run -1 sada-verify -q -C one
		cp keep "$f"
	done
	reader store one >/dev/null
}
