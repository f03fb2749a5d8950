# What the tests of conflicts share: replicas that exchange bundles.
# shellcheck shell=bash
load replicas.bash

# give FROM TO: all that TO is not known to have, and laid out.
give() {
	sada-push -C "$1" -o give.sada "$2" >/dev/null
	sada-pull -C "$2" give.sada >/dev/null || [ $? -eq 1 ]
	sada-merge -q -C "$2" || [ $? -eq 1 ]
}

# share NAME...: the others get what the first has, and say so.
share() {
	local x
	snap "$1"
	for x in "${@:2}"; do
		give "$1" "$x"
		give "$x" "$1"
	done
}

# base NAME...: replicas that share f, nine lines, and g.
base() {
	replicas "$@"
	printf '%s\n' 1 2 3 4 5 6 7 8 9 >"$1/f"
	echo one >"$1/g"
	share "$@"
}

# heal NAME...: everybody to everybody until all are alike, then same.
heal() {
	local x y
	for _ in 1 2 3 4 5 6; do
		for x; do snap "$x"; done
		for x; do
			for y; do
				[ "$x" = "$y" ] || give "$x" "$y"
			done
		done
		# One id, laid out everywhere, and nothing that is missing.
		[ "$(for x; do sada-status -C "$x"; done | awk '
		    /^(id|laid):/ { print $2 }
		    /^(wants|left):/ && $2 > 0' | sort -u | wc -l)" -gt 1 ] ||
		    break
	done
	same "$@"
}

# clash A B [TEXT TEXT]: both change line 5 of f; COPY is the other's name.
clash() {
	sed -i "s/^5.*/5 ${3-from $1}/" "$1/f"
	sed -i "s/^5.*/5 ${4-from $2}/" "$2/f"
	snap "$1"
	snap "$2"
	give "$1" "$2"
	give "$2" "$1"
	copy=$(copies "$1")
	[ "$(copies "$2")" = "$copy" ]
	[ "$(wc -l <<<"$copy")" -eq 1 ]
}

# conflicts X N: all say that X has N of them.
conflicts() {
	[ "$(sada-status -C "$1" | awk '$1 == "conflicts:" { print $2 }')" \
	    -eq "$2" ]
	[ "$(sada-merge -C "$1" --list | cut -f 2 | sort -u | wc -l)" -eq "$2" ]
	if [ "$2" -gt 0 ]; then
		run -1 --separate-stderr sada-merge -C "$1"
	else
		run -0 --separate-stderr sada-merge -C "$1"
	fi
}

# fifth FILE: the line that clashes.
fifth() { sed -n 5p "$1"; }
