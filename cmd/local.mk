# Commands: each cmd/sada-X is built from cmd/sada-X.c alone, with what
# all of them share in libcli.a.

bin_PROGRAMS += \
	cmd/sada \
	cmd/sada-cat \
	cmd/sada-diff \
	cmd/sada-gc \
	cmd/sada-init \
	cmd/sada-log \
	cmd/sada-ls \
	cmd/sada-merge \
	cmd/sada-peer \
	cmd/sada-pull \
	cmd/sada-push \
	cmd/sada-remote \
	cmd/sada-restore \
	cmd/sada-snap \
	cmd/sada-status \
	cmd/sada-sync \
	cmd/sada-verify

noinst_LIBRARIES += libcli.a

libcli_a_SOURCES = \
	cmd/cli.c \
	cmd/cli.h \
	cmd/out.c \
	cmd/report.c
