# Manual pages: section 1 for commands, section 5 for formats.

dist_man_MANS += \
	man/sada-bundle.5 \
	man/sada-cat.1 \
	man/sada-diff.1 \
	man/sada-gc.1 \
	man/sada-init.1 \
	man/sada-log.1 \
	man/sada-ls.1 \
	man/sada-merge.1 \
	man/sada-peer.1 \
	man/sada-pull.1 \
	man/sada-push.1 \
	man/sada-remote.1 \
	man/sada-restore.1 \
	man/sada-snap.1 \
	man/sada-status.1 \
	man/sada-store.5 \
	man/sada-sync.1 \
	man/sada-verify.1 \
	man/sada.1 \
	man/sadamerge.5
