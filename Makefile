# hitl: builds with PGXS; "make installcheck" and "make stagecheck" run the tests.
#
# The version stands in hitl.control and nowhere else.  The install script is
# glued together from the numbered parts in sql/.

EXTENSION   = hitl
EXTVERSION  = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" hitl.control)
MODULE_big  = hitl
PGFILEDESC  = "hitl - workflow engine for human-in-the-loop AI"

OBJS        = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))
PG_CPPFLAGS = -I$(srcdir)/src
SQL_PARTS   = $(sort $(wildcard sql/[0-9][0-9]_*.sql))
DATA_built  = sql/hitl--$(EXTVERSION).sql
DATA        = $(filter-out $(DATA_built),$(wildcard sql/hitl--*.sql))

# Each suite starts its own server with test/hitl.conf.
TEST_CONF     ?= test/hitl.conf
REGRESS        = $(shell cat test/schedule)
REGRESS_OPTS   = --inputdir=test --temp-instance=tmp_check --temp-config=$(TEST_CONF)
ISOLATION      = $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=output_iso --temp-instance=tmp_check_iso --temp-config=$(TEST_CONF)
TAP_TESTS      = 1
PROVE_TESTS   ?= test/t/*.pl
REGRESS_PREP   = output_iso/expected
EXTRA_CLEAN    = tmp_stage tmp_check tmp_check_iso output_iso results log

export TEMP_CONFIG = $(abspath $(TEST_CONF))

PG_CONFIG ?= pg_config
# The server's headers are not ours to keep free of -Wextra warnings.
PG_CPPFLAGS += -isystem $(shell $(PG_CONFIG) --includedir-server)
# Callbacks and fmgr functions have the parameters that the server gives them.
PG_CPPFLAGS += -Wno-unused-parameter
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Below the include, or these become the default goal.
$(DATA_built): $(SQL_PARTS)
	cat $(SQL_PARTS) > $@
$(OBJS) $(OBJS:.o=.bc): $(wildcard src/*.h)

# The isolation tester looks for its answers below its output.
output_iso/expected:
	mkdir -p output_iso && ln -sfn ../expected $@

# Tests the tree without installing it: "stage" puts the files below tmp_stage
# and where.conf names the place to a server.  PostgreSQL 18 has a setting for
# that, Debian and Ubuntu have one of their own before.
STAGE = $(CURDIR)/tmp_stage
.PHONY: stage stagecheck
stage: all
	rm -rf '$(STAGE)'
	$(MAKE) install DESTDIR='$(STAGE)' > /dev/null
	if [ $(VERSION_NUM) -ge 180000 ]; then \
	  echo "extension_control_path = '$(STAGE)$(datadir):\$$system'"; \
	elif grep -q extension_destdir '$(bindir)/postgres'; then \
	  echo "extension_destdir = '$(STAGE)'"; \
	else \
	  echo 'this server finds extensions only where it is installed:' \
	    '"make install", then "make installcheck"' >&2; exit 1; \
	fi > '$(STAGE)/where.conf'
	echo "dynamic_library_path = '$(STAGE)$(pkglibdir):\$$libdir'" >> '$(STAGE)/where.conf'
	cat test/hitl.conf '$(STAGE)/where.conf' > '$(STAGE)/test.conf'
stagecheck: stage
	$(MAKE) installcheck TEST_CONF='$(STAGE)/test.conf'
