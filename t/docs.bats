#!/usr/bin/env bats
# What the manual pages and the README say is what the commands do.

# shellcheck disable=SC2154	# stderr is of run
bats_require_minimum_version 1.5.0

all='sada sada-cat sada-diff sada-gc sada-init sada-log sada-ls sada-merge
    sada-peer sada-pull sada-push sada-remote sada-restore sada-snap
    sada-status sada-sync sada-verify'

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	readme=$SRCDIR/README.md
	export HOME=$BATS_TEST_TMPDIR/home
	mkdir "$HOME"
}

# tour N: the N-th block of shell commands in the README, as it stands.
tour() {
	awk -v n="$1" '/^```/ { on = ($0 == "```sh" && ++k == n); next } on' \
	    "$readme" >block
	[ -s block ]
	run --separate-stderr sh block
}

# Make laptop and desk with a conflict that only desk knows of, and one
# more change of laptop's that waits on its disk: no bundle has it yet.
conflict() {
	tour 1
	tour 2
	echo bread >laptop/list.txt
	echo tea >desk/list.txt
	sada-sync -q -C laptop
	run -1 sada-sync -q -C desk
	echo new >desk/new.txt
}

# here: stdin with absolute paths moved below this directory, the commands
# of this build, and without a schedule in front.
here() {
	sed -E -e 's,^([*0-9/]+ ){5},,' \
	    -e "s,/(srv|mnt|etc|var|media|tmp)/,$PWD/\\1/,g" \
	    -e "s,/usr/local/bin/,$BUILDDIR/cmd/,g"
}

# cron SCHEDULE DIR: the README's line of that schedule, for DIR.
cron() {
	grep -F -- "$1 " "$readme" | sed -E -e 's,^([*0-9/]+ ){5},,' \
	    -e "s,/srv/data,$2,g" -e "s,/usr/local/bin/,$BUILDDIR/cmd/,g"
}

# blocks FILE: write its shell scripts to block.1, block.2, ...
blocks() {
	rm -f block.*
	awk '/^\.Ed/ { on = 0 }
	    /^#!\/bin\/sh/ { on = 1; f = "block." ++n }
	    on { gsub(/\\\\/, "\\"); gsub(/\\e/, "\\"); print >f }' "$1"
}

# A replica at srv/data with history, a conflict of two versions, and peers
# "archive", "bob" and "alice"; also home/notes and the places of examples.
world() {
	mkdir -p srv mnt/backup/sada mnt/disc mnt/old mnt/new etc \
	    var/spool/sada media/stick/sada net tmp
	sada-init -N alice mnt/old/data
	sada-init -N archive mnt/new/data
	sada-init -N here srv/data
	sada-init -N notes home/notes
	for a in srv/data mnt/new/data mnt/old/data home/notes; do
		for b in srv/data mnt/new/data mnt/old/data home/notes; do
			[ $a = $b ] ||
			    sada-peer -C $a self | sada-peer -C $b add
		done
	done
	for a in srv/data mnt/new/data mnt/old/data home/notes; do
		sada-remote -C $a add stick media/stick/sada
	done
	mkdir srv/data/photos srv/data/notes
	echo 1 >srv/data/list.txt
	echo 2 >srv/data/photos/dog.jpg
	echo 3 >srv/data/notes/list.txt
	sada-sync -C srv/data
	sada-sync -C mnt/old/data
	echo 4 >srv/data/list.txt
	echo 5 >mnt/old/data/list.txt
	sada-sync -C srv/data
	run -1 sada-sync -C mnt/old/data
	run -1 sada-sync -C srv/data
	# As if all that had been two days ago.
	"$PYTHON" - srv/data/.sada/states <<-'EOF'
	import sys
	from nacl.bindings import crypto_shorthash_siphash24 as siphash
	out = []
	for line in open(sys.argv[1]):
	    ns, what, heads, check = line.split()
	    text = '%d %s %s' % (int(ns) - 2 * 86400 * 10**9, what, heads)
	    mac = siphash(text.encode(), b'sada.states.v1\0\0')
	    out.append('%s %016x\n' % (text, int.from_bytes(mac, 'little')))
	open(sys.argv[1], 'w').write(''.join(out))
	EOF
	run -1 sada-sync -C srv/data
	run -1 sada-sync -C mnt/new/data
}

@test "the README's tour, word for word" {
	tour 1
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	tour 2
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = milk ]
	tour 3
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[[ $output == *$'one\n2\n3\n4\n5\n6\n7\n8\nnine\n10' ]]
	[ ! -e laptop/plan.txt ]
	diff -r -x .sada laptop desk
	tour 4
	[ "$status" -eq 0 ]
	[[ $stderr == *'1 conflict; see sada-merge --list'* ]]
	[[ $output == *list.txt*list~*.txt* ]]
	[ "$(sada-merge -C laptop --list | wc -l)" -eq 2 ]
	diff -r -x .sada laptop desk
	tour 5
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[[ $output == *$'bread\ntea' ]]
	[ "$(ls desk)" = $'list.txt\nplans.txt' ]
	diff -r -x .sada laptop desk
	tour 6
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "${lines[1]}" ]
	[[ $output == *$'\nM list.txt\n'* ]]
	sada-verify -C laptop
	sada-verify -C desk
}

@test "there is no seventh block in the README that nobody ran" {
	[ "$(grep -c '^```sh$' "$readme")" -eq 6 ]
}

@test "the cron line: a conflict does not stop the delivery" {
	conflict
	line=$(cron '*/15' "$PWD/desk")
	[[ $line == *" -C $PWD/desk "* ]]
	run -0 --separate-stderr env -i sh -e -c "$line"
	# Nothing for cron to mail.
	[ "$output" = '' ]
	[ "$stderr" = '' ]
	[ "$(sada-merge -C desk --list | wc -l)" -eq 2 ]
	# What desk recorded in that run has come to laptop.
	run -1 sada-sync -q -C laptop
	[ "$(cat laptop/new.txt)" = new ]
	diff -r -x .sada laptop desk
	# And again, with nothing new, and with the stick away.
	run -0 env -i sh -e -c "$line"
	mv stick away
	run -0 --separate-stderr env -i sh -e -c "$line"
	[ "$output$stderr" = '' ]
}

@test "the cron line: a failure is mailed, and its status stays" {
	conflict
	line=$(cron '*/15' "$PWD/nothing")
	run -1 --separate-stderr env -i sh -e -c "$line"
	[[ $stderr == sada-sync:* ]]
	cp desk/list.txt stick/broken.sada
	line=$(cron '*/15' "$PWD/desk")
	echo more >desk/more.txt
	run --separate-stderr env -i sh -e -c "$line"
	[ "$status" -ne 0 ]
	[[ $stderr == *broken.sada* ]]
	# The rest went on all the same.
	run sada-sync -q -C laptop
	[ -e laptop/more.txt ]
}

@test "the second cron line mails conflicts, and nothing without one" {
	tour 1
	tour 2
	line=$(cron '0 8' "$PWD/desk")
	run -0 --separate-stderr env -i sh -e -c "$line"
	[ "$output$stderr" = '' ]
	tour 4
	run -0 --separate-stderr env -i sh -e -c "$line"
	[[ $output == *list.txt* ]]
}

@test "sada(1), sada-sync(1) and the README have one cron line" {
	a=$(grep '^\*/15 ' "$readme")
	[ "$a" = "$(grep '^\*/15 ' "$SRCDIR/man/sada.1")" ]
	[ "$a" = "$(grep '^\*/15 ' "$SRCDIR/man/sada-sync.1")" ]
}

@test "each page has its sections and names itself" {
	for x in $all; do
		page=$SRCDIR/man/$x.1
		for s in NAME SYNOPSIS DESCRIPTION OPTIONS FILES 'EXIT STATUS' \
		    EXAMPLES 'SEE ALSO'; do
			[ "$(grep -c "^\.Sh $s\$" "$page")" -eq 1 ] || {
				echo "$x: $s"
				false
			}
		done
		grep -q "^\.Nm $x\$" "$page"
		grep -q "$x\.1\\b" "$SRCDIR/man/local.mk"
	done
}

@test "options: --help and the page name the same ones" {
	for x in $all; do
		"$x" --help | sed -En 's/^  (--?[A-Za-z][a-z-]*).*/\1/p' |
		    sort >help
		sed -n '/^\.Sh OPTIONS/,/^\.Sh FILES/p' "$SRCDIR/man/$x.1" |
		    sed -En 's/^\.It Fl (-?[A-Za-z][a-z-]*).*/-\1/p' |
		    sort >page
		[ -s help ]
		diff help page || {
			echo "in --help (<) and the page of $x (>)"
			false
		}
	done
}

@test "operands: --help and SYNOPSIS have the same words" {
	for x in $all; do
		"$x" --help | sed -n '1,/^$/p' | grep -oE '[A-Z]{3,}' |
		    sort -u >help || true
		sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESC/p' "$SRCDIR/man/$x.1" |
		    grep -v '^\.Sh' | grep -oE '[A-Z]{3,}' | sort -u >page || true
		diff help page || {
			echo "in --help (<) and the page of $x (>)"
			false
		}
	done
}

@test "statuses: every page's are in the table of sada(1)" {
	table=' 0 1 2 64 65 69 74 75 77 '
	for x in $all; do
		sed -n '/^\.Sh EXIT/,/^\.Sh EX/p' "$SRCDIR/man/$x.1" |
		    sed -En 's/^\.It ([0-9]+)$/\1/p' >found
		[ -s found ]
		while read -r s; do
			[[ $table == *" $s "* ]]
		done <found
	done
}

@test "every cron line of the pages runs without an environment" {
	world
	cat "$SRCDIR"/man/sada*.1 "$readme" |
	    grep -E '^[*0-9/]+ [*0-9/]+ \* \* [*0-9]+ ' | sort -u | here >lines
	[ "$(wc -l <lines)" -ge 6 ]
	while IFS= read -r line; do
		echo "$line"
		env -i sh -e -c "$line" </dev/null
	done <lines
}

@test "every script of the pages runs" {
	world
	n=0
	for page in "$SRCDIR"/man/sada*.1; do
		blocks "$page"
		for f in block.*; do
			[ -e "$f" ] || continue
			echo "$page: $f"
			here <"$f" >script
			# sada-verify(1) compares a replica that has everything.
			run sada-sync -q -C mnt/old/data
			run sada-sync -q -C mnt/new/data
			run sada-sync -q -C mnt/old/data
			run sada-merge -q -C mnt/new/data
			case $page in
			*/sada-cat.1)	(cd srv/data; sh -e ../../script list.txt)
					;;
			*)		sh -e script ;;
			esac </dev/null
			n=$((n + 1))
		done
	done
	[ "$n" -ge 10 ]
}
