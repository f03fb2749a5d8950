# Tests: unit programs (each t/unit/X from t/unit/X.c), then scripts.
# "make check ONLY='words'" runs those whose name holds one of the words.

check_PROGRAMS += \
	t/unit/base_buf \
	t/unit/base_io \
	t/unit/base_path \
	t/unit/base_pool \
	t/unit/base_quote \
	t/unit/base_run \
	t/unit/bundle_forged \
	t/unit/bundle_hostile \
	t/unit/bundle_sealed \
	t/unit/bundle_take \
	t/unit/bundle_what \
	t/unit/crypto_hash \
	t/unit/crypto_key \
	t/unit/crypto_seal \
	t/unit/disk_apply \
	t/unit/disk_scan \
	t/unit/disk_scan_fault \
	t/unit/disk_scan_odd \
	t/unit/disk_work \
	t/unit/format_ack \
	t/unit/format_bundle \
	t/unit/format_journal \
	t/unit/format_log \
	t/unit/format_node \
	t/unit/format_node_bad \
	t/unit/format_object \
	t/unit/format_op \
	t/unit/format_pack \
	t/unit/git_ignore \
	t/unit/git_patch \
	t/unit/log_basic \
	t/unit/log_context \
	t/unit/log_fault \
	t/unit/log_refresh \
	t/unit/log_torn \
	t/unit/memfs_real \
	t/unit/merge_command \
	t/unit/merge_json \
	t/unit/merge_rules \
	t/unit/merge_text \
	t/unit/merge_union \
	t/unit/model_all \
	t/unit/model_sim \
	t/unit/model_view \
	t/unit/peer_config \
	t/unit/peer_marks \
	t/unit/sim \
	t/unit/store_fault \
	t/unit/store_file \
	t/unit/store_fold \
	t/unit/store_mend \
	t/unit/store_pack \
	t/unit/store_sweep \
	t/unit/store_swept \
	t/unit/store_txn \
	t/unit/transport_place \
	t/unit/tree_build \
	t/unit/tree_carry \
	t/unit/tree_carry_most \
	t/unit/tree_copyname \
	t/unit/tree_diff \
	t/unit/tree_flood \
	t/unit/tree_hostile \
	t/unit/tree_join \
	t/unit/tree_laws \
	t/unit/tree_same \
	t/unit/tree_state \
	t/unit/tree_view \
	t/unit/verb_gc \
	t/unit/verb_gc_model \
	t/unit/verb_guard \
	t/unit/verb_maps \
	t/unit/verb_rename \
	t/unit/verb_restore \
	t/unit/verb_verify \
	t/unit/verb_when

if HAVE_SQLITE
check_PROGRAMS += \
	t/unit/merge_sqlite \
	t/unit/merge_sqlite_hostile \
	t/unit/merge_sqlite_live
else
check_PROGRAMS += \
	t/unit/merge_sqlite_none
endif

if HAVE_SQLITE_SESSION
check_PROGRAMS += \
	t/unit/merge_sqlite_session
endif

# A file system in memory, for tests that simulate.
memfs_sources = \
	t/unit/memfs.c \
	t/unit/memfs.h \
	t/unit/memfs_file.c \
	t/unit/memfs_names.c \
	t/unit/memfs_node.c \
	t/unit/memfs_priv.h \
	t/unit/memfs_user.c

# What makes a simulation fast: no real signatures, pools without threads.
fake_sources = \
	t/unit/crypto_fake.c \
	t/unit/pool_inline.c \
	t/unit/zstd_keep.c

t_unit_memfs_real_SOURCES = \
	t/unit/memfs_real.c \
	$(memfs_sources)

t_unit_sim_SOURCES = \
	t/unit/sim.c \
	t/unit/sim.h \
	t/unit/sim_edit.c \
	t/unit/sim_heal.c \
	t/unit/sim_naive.c \
	t/unit/sim_plan.c \
	t/unit/sim_step.c \
	t/unit/sim_verb.c \
	t/unit/sim_world.c \
	$(fake_sources) \
	$(memfs_sources)

t_unit_verb_gc_SOURCES = \
	t/unit/verb_gc.c \
	$(fake_sources) \
	$(memfs_sources)

t_unit_verb_gc_model_SOURCES = \
	t/unit/verb_gc_model.c \
	$(fake_sources) \
	$(memfs_sources)

# Plans of simulations that once failed.
sim_plans = \
	t/unit/sim.d/base-held-by-one.sim \
	t/unit/sim.d/carried-copy-removed.sim \
	t/unit/sim.d/forged-back-to-life.sim \
	t/unit/sim.d/mode-there-already.sim \
	t/unit/sim.d/one-version-twice.sim \
	t/unit/sim.d/parked-without-base.sim \
	t/unit/sim.d/states-torn-twice.sim \
	t/unit/sim.d/take-left-copy.sim

# What unit tests include.
unit_headers = \
	t/unit/ack_canon.h \
	t/unit/bundle_golden.h \
	t/unit/bundle_hand.h \
	t/unit/bundle_util.h \
	t/unit/carry_util.h \
	t/unit/crypto_util.h \
	t/unit/disk_apply_util.h \
	t/unit/disk_scan_util.h \
	t/unit/fault.h \
	t/unit/format_canon.h \
	t/unit/format_util.h \
	t/unit/log_util.h \
	t/unit/merge_util.h \
	t/unit/model_edit.h \
	t/unit/model_fold.h \
	t/unit/model_look.h \
	t/unit/model_naive.h \
	t/unit/model_play.h \
	t/unit/model_replica.h \
	t/unit/sqlite_util.h \
	t/unit/store_sweep_util.h \
	t/unit/store_util.h \
	t/unit/tap.h \
	t/unit/tree_util.h \
	t/unit/verb_gc_util.h

# *.bats files, and scripts that print TAP themselves.
test_scripts = \
	t/cli.bats \
	t/conflicts.bats \
	t/converge.py \
	t/docs.bats \
	t/epoch.bats \
	t/gc.bats \
	t/heal.bats \
	t/kill.py \
	t/layers \
	t/looking.bats \
	t/memory.py \
	t/moves.py \
	t/mutate.py \
	t/needless.py \
	t/reader.bats \
	t/regress.bats \
	t/rename.bats \
	t/replay.bats \
	t/settle.bats \
	t/sqlite.py \
	t/strace.bats \
	t/sync.bats

# Fuzz targets; not built here, but shipped.
fuzz_sources = \
	t/fuzz/fuzz_ack.c \
	t/fuzz/fuzz_bundle_head.c \
	t/fuzz/fuzz_config.c \
	t/fuzz/fuzz_json.c \
	t/fuzz/fuzz_log.c \
	t/fuzz/fuzz_node.c \
	t/fuzz/fuzz_object.c \
	t/fuzz/fuzz_op.c \
	t/fuzz/fuzz_pack.c \
	t/fuzz/fuzz_rules.c

# What the scripts load, and fixtures.
test_helpers = \
	t/conflicts.bash \
	t/converge_log.py \
	t/converge_model.py \
	t/converge_view.py \
	t/history.py \
	t/mutants.txt \
	t/reader.py \
	t/replicas.bash \
	t/trace.py

EXTRA_DIST += \
	$(fuzz_sources) \
	$(sim_plans) \
	$(test_helpers) \
	$(test_scripts) \
	$(unit_headers) \
	t/runtests

ONLY =
WITH =
TIMEOUT = 900

check-local:
	@$(srcdir)/t/runtests --only '$(ONLY)' --with '$(WITH)' \
	    --timeout $(TIMEOUT) $(srcdir) $(builddir) \
	    $(test_scripts) $(check_PROGRAMS)

# Compile the tests without running them.
check-programs: $(check_PROGRAMS)

clean-local:
	if test -d t/tmp; then chmod -R u+rwX t/tmp; fi
	rm -rf t/failed t/log t/summary t/tmp

.PHONY: check-programs
