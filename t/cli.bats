#!/usr/bin/env bats
# What all commands have alike: --help, --version, wrong usage, records.

# shellcheck disable=SC2154	# stderr is of run
bats_require_minimum_version 1.5.0

all='sada-cat sada-diff sada-gc sada-init sada-log sada-ls sada-merge
    sada-peer sada-pull sada-push sada-remote sada-restore sada-snap
    sada-status sada-sync sada-verify'

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
}

# wrong COMMAND ARG...: exit 64, one line on stderr, nothing on stdout,
# and that although no replica is here.
wrong() {
	run -64 --separate-stderr "$@"
	[ "$output" = '' ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == "$1: "*"; see $1 --help" ]]
}

@test "--help: usage first, on stdout" {
	for x in sada $all; do
		run -0 --separate-stderr "$x" --help
		[ "$stderr" = '' ]
		[[ ${lines[0]} == "usage: $x"* ]]
		[[ $output == *'-C DIR'*'--json'*'--version'* ]]
	done
}

@test "no line of --help is wider than a terminal" {
	for x in sada $all; do
		"$x" --help >help
		! grep -E '.{81}' help || return 1
	done
}

@test "--version: name and version" {
	for x in sada $all; do
		run -0 --separate-stderr "$x" --version
		[ "$stderr" = '' ]
		[[ $output =~ ^"$x "[0-9]+\.[0-9]+\.[0-9]+$ ]]
	done
}

@test "an unknown option" {
	for x in sada $all; do
		wrong "$x" --colour
		[[ $stderr == *'unknown option --colour;'* ]]
		wrong "$x" -X
		[[ $stderr == *'unknown option -X;'* ]]
		wrong "$x" -qvX
		wrong "$x" --json=1
		[[ $stderr == *'option --json takes no value;'* ]]
		wrong "$x" -C
		[[ $stderr == *'option -C needs a value;'* ]]
		wrong "$x" --wait=-1
	done
}

@test "an unknown option cannot move the terminal" {
	wrong sada-ls $'--\e[2J\n'
	[[ $stderr == *'"--\033[2J\n"'* ]]
}

@test "-n is known where something is written" {
	for x in sada-cat sada-diff sada-ls sada-status; do
		wrong "$x" -n
	done
	wrong sada-log -n
	wrong sada-log -n 0
	wrong sada-log -n 5x
}

@test "a missing operand" {
	for x in sada sada-cat sada-peer sada-remote sada-restore; do
		wrong "$x"
		wrong "$x" --
	done
	wrong sada-peer retire
	wrong sada-remote add
	wrong sada-remote add usb
	wrong sada-remote remove
	wrong sada-merge --show bob
	wrong sada-merge --take bob
	wrong sada-merge --take
}

@test "an operand too many" {
	for x in sada-gc sada-merge sada-snap sada-status sada-verify; do
		wrong "$x" a
		wrong "$x" -- --json
	done
	wrong sada-cat @:a @:b
	wrong sada-init a b
	wrong sada-diff a b c
	wrong sada-log a b
	wrong sada-ls @ @+
	wrong sada-peer self a
	wrong sada-peer add a b c
	wrong sada-peer list a
	wrong sada-peer retire a b
	wrong sada-remote list a
	wrong sada-remote remove a b
	wrong sada-merge --list a
	wrong sada-merge --show bob a b
}

@test "words that exclude each other, or mean nothing" {
	wrong sada-peer lst
	wrong sada-remote lst
	wrong sada-push --full --since @
	wrong sada-merge --list --show bob a
	wrong sada-merge --accept-deletes --refuse-deletes
	wrong sada-merge --accept-deletes --list
	wrong sada-merge --accept-deletes=0
	wrong sada-snap --accept-deletes=many
	wrong sada-snap --wait 99999999999999999999
	wrong sada-sync -
	wrong sada-log -p --json
	wrong sada-log -p --name-status
	wrong sada-diff -p --name-status
	wrong sada-diff -p --json
	wrong sada-diff -p -z
	wrong sada-gc --keep
}

@test "no replica is 69, for every command that needs one" {
	for x in 'cat @:a' diff gc 'gc -n' log ls merge 'merge --list' \
	    'merge --take mine a' 'peer self' 'peer list' 'remote list' 'restore @' snap status \
	    'status --id' verify push pull sync; do
		# shellcheck disable=SC2086
		run -69 --separate-stderr sada-$x
		[ "$output" = '' ]
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ $stderr == "sada-${x%% *}: "* ]]
	done
}

@test "sada runs what lies beside it, with the options before it" {
	run -0 --separate-stderr sada ls --version
	[[ $output == 'sada-ls '* ]]
	run -69 --separate-stderr sada -q -C . ls
	[[ $stderr == 'sada-ls: '* ]]
	wrong sada nothing
	[[ $stderr == *'no command nothing;'* ]]
	wrong sada ../sada
	wrong sada 'ls ls'
	wrong sada ''
	wrong sada help ls cat
	wrong sada help ../ls
	wrong sada help nosuch
	[[ $stderr == *'no command nosuch;'* ]]
	# A command of that name in this directory is not run.
	printf '#!/bin/sh\necho here\n' >sada-other
	chmod +x sada-other
	wrong sada other
}

@test "sada help: a page that is not there is 69, whatever man exits with" {
	sada=$(command -v sada)
	mkdir bin empty
	# Has one page, and fails to show it.
	cat >bin/man <<-'EOF'
	#!/bin/sh
	case $* in
	'-w sada-ls')	exit 0 ;;
	sada-ls)	echo "page of $1" ;;
	*)		echo "No entry for $*" >&2; exit 16 ;;
	esac
	exit 3
	EOF
	chmod +x bin/man
	export PATH=$PWD/bin:$PATH
	run -0 --separate-stderr "$sada" help ls
	[ "$output" = 'page of sada-ls' ]
	[ "$stderr" = '' ]
	for x in snap help; do
		run -69 --separate-stderr "$sada" help $x
		[ "$output" = '' ]
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ $stderr == 'sada: the manual page of sada'*' is not '* ]]
	done
	run -69 --separate-stderr env PATH="$PWD/empty" "$sada" help ls
	[ "$output" = '' ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == 'sada: there is no man(1) '* ]]
	wrong sada help nosuch
}

@test "options stand before or after operands, -- ends them" {
	sada-init -N one r
	echo x >r/-l
	sada-snap -C r
	run -0 --separate-stderr sada-ls @:-l -C r -q
	[ "$output" = '-l' ]
	run -0 --separate-stderr env POSIXLY_CORRECT=1 sada-ls @ -C r
	[ "$output" = '-l' ]
	run -64 --separate-stderr sada-ls -C r -- -l
	run -0 --separate-stderr sada-log -qC r -rn1 @ -- -l
}

@test "names: quoted, raw with -z, path or path_b64 in JSON" {
	sada-init -N one r
	touch r/plain r/$'a\nb' r/'ä' r/$'\xff'
	run -0 --separate-stderr sada-snap -C r -n
	[ "$stderr" = '' ]
	[[ $output == *'A "a\nb"'* ]]
	sada-snap -C r
	run -0 --separate-stderr sada-ls -C r
	[ "$output" = '"a\nb"
plain
"\303\244"
"\377"' ]
	sada-ls -C r -z >z
	printf 'a\nb\0plain\0ä\0\xff\0' >want
	cmp z want
	run -0 --separate-stderr sada-ls -C r --json
	[ "${#lines[@]}" -eq 4 ]
	for line in "${lines[@]}"; do
		[[ $line == '{"v":1,"path'*'}' ]]
	done
	[[ ${lines[0]} == *'"path":"a\nb"'* ]]
	[[ ${lines[2]} == *'"path":"ä"'* ]]
	[[ ${lines[3]} == *'"path_b64":"/w=="'* ]]
}

@test "JSON can be read, whatever the message" {
	sada-init -N one --json r >json
	touch r/f
	{
		sada-snap -C r --json -m $'one "two"\n\e[1m\xc2\x9b'
		echo x >r/f
		sada-snap -C r --json -m two
		sada-log -C r --json --name-status
		sada-ls -C r --json
		sada-status -C r --json
		sada-status -C r --json --id
		sada-peer -C r self --json
		sada-gc -C r --json
		sada-gc -C r --json -n --keep 0
	} >>json
	[ -n "$PYTHON" ] || PYTHON=python3
	"$PYTHON" - <<-'END'
	import json
	for line in open('json', 'rb'):
	    assert all(b >= 32 and b != 127 for b in line[:-1]), line
	    assert b'\xc2\x9b' not in line, line
	    assert json.loads(line)['v'] == 1, line
	END
}

@test "a message cannot move the terminal" {
	sada-init -N one r
	touch r/f
	sada-snap -C r -m $'a\e[2Jb\x9bc\ntwo'
	run -0 --separate-stderr sada-log -C r
	[[ $output == *' a\033[2Jb\233c' ]]
	run -0 --separate-stderr sada-log -C r -v
	[[ $output == *'    a\033[2Jb\233c'*'    two' ]]
}

@test "output that cannot be written is 74" {
	sada-init -N one r
	touch r/f
	sada-snap -C r
	for x in 'gc -n' 'gc --json' ls log status 'status --id' 'peer self' \
	    'ls --help' 'ls --version'; do
		# shellcheck disable=SC2086
		run -74 --separate-stderr sh -c "sada-$x -C r >/dev/full"
		[ "${#stderr_lines[@]}" -eq 1 ]
		run -74 --separate-stderr sh -c "sada-$x -C r >&-"
	done
}

@test "a closed standard stream does no harm" {
	sada-init -N one r
	touch r/f
	sada-snap -C r <&- 2>&-
	echo x >r/f
	run -74 sh -c 'sada-snap -C r <&- >&-'
	run -0 sada-log -C r
	[ "${#lines[@]}" -eq 2 ]
	sada-verify -C r
}

@test "a reader that goes away ends it quietly" {
	sada-init -N one r
	mkdir r/d
	(cd r/d && seq -f 'name-that-is-rather-long-%g' 9000 | xargs touch)
	sada-snap -C r
	# shellcheck disable=SC2016	# for that bash
	run -0 --separate-stderr bash -c \
	    'sada-ls -RC r | head -n 1; [ "${PIPESTATUS[0]}" -eq 141 ]'
	[ "$stderr" = '' ]
}

@test "a peer's line comes from stdin" {
	sada-init -N one a
	sada-init -N two b
	run -65 --separate-stderr sada-peer -C a add </dev/null
	printf 'x\ny\n' >two
	run -65 --separate-stderr sada-peer -C a add <two
	sada-peer -C b self | sada-peer -C a add
	run -0 --separate-stderr sada-peer -C a list
	[[ $output == 'two new '* ]]
	run -64 --separate-stderr sada-push -C a nobody
	run -64 --separate-stderr sada-peer -C a retire nobody
}

@test "-n of peers and remotes: a name, and with --json a record" {
	sada-init -N one a
	sada-init -N two b
	mkdir spool
	sada-peer -C b self >two
	named() {
		run -0 --separate-stderr "$@" -C a -n
		[ "$output" = "$name" ]
		run -0 --separate-stderr "$@" -C a -n --json
		[ "$output" = "{\"v\":1,\"name\":\"$name\"}" ]
	}
	name=two named sada-peer add "$(cat two)"
	name=other named sada-peer add other "$(cat two)"
	sada-peer -C a add <two
	name=two named sada-peer retire two
	name=s named sada-remote add s spool
	sada-remote -C a add s spool
	name=s named sada-remote remove s
	[ "$(sada-remote -C a list | wc -l)" -eq 1 ]
}

@test "sada-init -n checks, prints, and makes nothing" {
	seen() {
		find . -exec stat -c '%n %i %y' {} + | sort
	}
	dry() {
		seen >"$before"
		run "$1" --separate-stderr sada-init -n "${@:2}"
		seen | cmp - "$before"
	}
	before=$BATS_TEST_TMPDIR/before
	mkdir work
	cd work
	mkdir there
	echo x >file
	for x in new there there/new; do
		dry -0 -N one $x
		[ "$output" = one ]
		[ "$stderr" = "sada-init: $x would be made a replica" ]
	done
	dry -0 -q -N one -C there --json
	[ "$output$stderr" = '{"v":1,"name":"one"}' ]
	sada-init -n new | grep -Eqx '[A-Za-z0-9][A-Za-z0-9._-]*'
	[ ! -e new ]

	# What init refuses, -n does, in the same words.
	sada-init -N one a >line
	ln -s nothing link
	mkdir b
	echo x >b/.sada
	for x in -64:file -64:file/sub -64:b -64:link -64:a/.sada \
	    -64:a/.sada/new -69:no/new '-64:-N ? new'; do
		# shellcheck disable=SC2086	# words
		dry ${x%%:*} ${x#*:}
		was=$stderr
		[ "$output" = '' ]
		# shellcheck disable=SC2086	# words
		run ${x%%:*} --separate-stderr sada-init ${x#*:}
		[ "$stderr" = "$was" ]
	done

	# A replica stays what it is; one that was not finished is not.
	dry -0 -N two a
	[ "$output" = "$(cat line)" ]
	[ "$stderr" = '' ]
	rm a/.sada/log/*.log
	dry -0 -N two a
	[ "$output" = two ]
	echo x >a/.sada/key
	dry -74 a
	chmod 777 a/.sada
	dry -77 a
}

@test "-C FILE and DIR/FILE: no replica is there" {
	echo x >file
	for x in cat\ @:x diff gc log ls merge 'peer list' pull push \
	    'remote list' 'restore @' snap status sync verify; do
		# shellcheck disable=SC2086	# words
		run -69 --separate-stderr sada-${x%% *} -C file \
		    $(echo "$x" | cut -s -d ' ' -f 2)
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ $stderr == *'file: this is no directory' ]]
	done
}

@test "sada-init of a file, below one, and where a file is .sada" {
	echo x >file
	mkdir a b
	echo x >a/.sada
	ln -s a b/.sada
	for x in file file/sub a b; do
		run -64 --separate-stderr sada-init $x
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ $stderr == "sada-init: $x"* ]]
	done
	[ "$(cat file a/.sada)" = "$(echo x; echo x)" ]
	[ -h b/.sada ]
}

@test "another user's replica, which lets nobody in: 77" {
	# Only root can become somebody else.
	[ "$(id -u)" -eq 0 ] || return 0
	other='setpriv --reuid=65534 --regid=65534 --clear-groups'
	d=$(mktemp -d /tmp/sada-cli-XXXXXX)
	chmod 755 "$d"
	sada-init -N one "$d"
	mkdir "$d/sub" "$d/bin"
	for x in init snap status verify; do
		cp "$(command -v sada-$x)" "$d/bin"
	done
	status77() {
		run -77 --separate-stderr $other "$d/bin/$1" "${@:2}"
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ $stderr == *"$d/.sada belongs to another user (0)" ]]
	}
	status77 sada-status -C "$d"
	status77 sada-snap -C "$d/sub"
	status77 sada-verify -C "$d/sub"
	status77 sada-init "$d"
	rm -r "$d"
}

@test "a config that cannot be read is named with its line" {
	sada-init -N one r
	printf '[a]\n= 1\n' >r/.sada/config
	run -74 --separate-stderr sada-status -C r
	[[ $stderr == *"/r/.sada: config, line 2: neither "* ]]
}
