# What the tests of several replicas share.
# shellcheck shell=bash

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

# pair: replicas a, of ann, and b, of bob, which know each other.
pair() {
	sada-init -N ann a >la
	sada-init -N bob b >lb
	sada-peer -C a add <lb >/dev/null
	sada-peer -C b add <la >/dev/null
}

# carry FROM TO: a bundle, taken in and laid out.
carry() {
	sada-push -C "$1" -o bundle >/dev/null
	sada-pull -C "$2" bundle >/dev/null
	rm bundle
	sada-merge -C "$2"
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
	done
}

# same NAME...: equal, and all of each is good.
same() {
	local x
	equal "$@"
	for x; do sada-verify -C "$x"; done
}

# copies DIR: the names of conflict copies.
copies() {
	(cd "$1" && find . -name .sada -prune -o -name '*~*' -printf '%P\n' |
	    LC_ALL=C sort)
}
