# Manual pages: section 1 for commands, section 5 for formats.

dist_man_MANS += \
	man/sada-bundle.5 \
	man/sada-store.5
