# shellcheck shell=bash
#
# lib.sh
#		Set-up shared by test/run, test/demo and the benches; source it.
#
# PostgreSQL refuses to run as root and must not be disturbed by a test, so a
# script works on a copy: hitl_enter copies the checkout into a fresh directory,
# starts the same script again in there as an ordinary user, waits for it, stops
# what it left running and removes the directory.  A script therefore reads like
#
#		. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
#		hitl_prepare "$@"			# below this line: in the copy, not as root
#		hitl_start_cluster "work_mem = '16MB'"
#		psql -c 'CREATE EXTENSION hitl'
#		hitl_stop
#
# Invariants: nothing is installed into the server on the machine and no cluster
# of its is touched; servers listen on a socket in the directory and nowhere
# else; whatever way the script ends, also by Ctrl-C, the directory goes.
#
# From outside:
#	PG_CONFIG	the server to use; else PostgreSQL 15, else the newest one
#	TMPDIR		where the directory is made; else /tmp, else /var/tmp
#	HITL_USER	who runs the copy when root starts it; else postgres or nobody
#	HITL_KEEP	when not empty, the directory stays
# Variables that begin with HITL_ reach the copy, no others do.
#
# Inside, HITL_WORK is the directory, and the current directory is the copy.

set -euo pipefail

HITL_SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# hitl_say TEXT...: a line about what is being done.
hitl_say()
{
	printf '%s\n' "$*"
}

# hitl_die TEXT...: the end, with the reason.
hitl_die()
{
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# hitl_version: the version of the extension in this tree.
hitl_version()
{
	sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$HITL_SRC/hitl.control"
}

# ---------------------------------------------------------------------------
# Packages
# ---------------------------------------------------------------------------

# hitl_pg_major: major version of the server that PG_CONFIG belongs to.
hitl_pg_major()
{
	"$PG_CONFIG" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/'
}

# hitl_find_pg: sets PG_CONFIG to an existing pg_config, or fails.
hitl_find_pg()
{
	local	c

	if [ -n "${PG_CONFIG:-}" ]; then
		c=$(command -v "$PG_CONFIG") || return 1
		PG_CONFIG=$c
		return 0
	fi
	for c in /usr/lib/postgresql/15/bin/pg_config \
			$(printf '%s\n' /usr/lib/postgresql/*/bin/pg_config | sort -rV) \
			"$(command -v pg_config || true)"; do
		if [ -n "$c" ] && [ -x "$c" ] && PG_CONFIG=$c hitl_pg_recent; then
			PG_CONFIG=$c
			return 0
		fi
	done
	return 1
}

# hitl_pg_recent: whether PG_CONFIG is of a version that hitl supports.
hitl_pg_recent()
{
	local	major

	major=$(hitl_pg_major 2> /dev/null) || return 1
	[ "${major:-0}" -ge 15 ] 2> /dev/null
}

# hitl_missing: names what a build and all tests need and is not there, one
# thing and the Debian package that has it on a line.
hitl_missing()
{
	local	n='*' bin lib pgxs c

	if hitl_find_pg; then
		n=$(hitl_pg_major)
		bin=$("$PG_CONFIG" --bindir)
		lib=$("$PG_CONFIG" --pkglibdir)
		pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")
		for c in initdb postgres pg_ctl pgbench; do
			[ -x "$bin/$c" ] || echo "$c postgresql-$n"
		done
		[ -x "$bin/psql" ] || echo "psql postgresql-client-$n"
		[ -e "$lib/pg_cron.so" ] || echo "pg_cron postgresql-$n-cron"
		for c in "$("$PG_CONFIG" --includedir-server)/postgres.h" \
				"$pgxs/pgxs.mk" \
				"$pgxs/../test/regress/pg_regress" \
				"$pgxs/../test/isolation/pg_isolation_regress" \
				"$pgxs/../test/perl/PostgreSQL/Test/Cluster.pm"; do
			[ -e "$c" ] || echo "$(basename "$c") postgresql-server-dev-$n"
		done
	else
		# pg_config itself comes with the development package
		n=$(hitl_pg_wanted)
		echo "postgres postgresql-$n"
		echo "pg_config postgresql-server-dev-$n"
		echo "pg_cron postgresql-$n-cron"
	fi
	command -v make > /dev/null || echo "make make"
	command -v gcc > /dev/null || echo "gcc gcc"
	# gcc without the C library's headers is of no use
	[ -e /usr/include/stdlib.h ] || echo "stdlib.h libc6-dev"
	command -v prove > /dev/null || echo "prove perl"
	perl -MIPC::Run -e 1 2> /dev/null || echo "IPC::Run libipc-run-perl"
}

# hitl_pg_wanted: the major version to install where there is none yet.
hitl_pg_wanted()
{
	local	n

	case ${PG_CONFIG:-} in
		/usr/lib/postgresql/*/bin/pg_config)
			n=${PG_CONFIG#/usr/lib/postgresql/}
			echo "${n%%/*}"
			return
			;;
	esac
	for n in 15 18 17 16; do
		if apt-cache show "postgresql-server-dev-$n" > /dev/null 2>&1; then
			echo "$n"
			return
		fi
	done
	echo 15
}

# hitl_packages: installs what is missing when root, else names it and ends.
# Debian makes and starts a cluster when the server is installed; nobody asked
# for that here, so it is told not to while this installs.
hitl_packages()
{
	local	missing packages log conf=/etc/postgresql-common/createcluster.conf
	local	get=(apt-get -qq -y --no-install-recommends
				 -o Dpkg::Use-Pty=0 install)

	missing=$(hitl_missing)
	if [ -n "$missing" ]; then
		if ! command -v apt-get > /dev/null; then
			hitl_die "missing: $(cut -d' ' -f1 <<< "$missing" | xargs)"
		fi
		if [ "$(id -u)" != 0 ]; then
			packages=$(cut -d' ' -f2 <<< "$missing" | sort -u | xargs)
			printf 'missing: %s\nAs root:\n\n  %s\n\n' \
				"$(cut -d' ' -f1 <<< "$missing" | xargs)" "apt-get update &&\
 apt-get install --no-install-recommends $packages" >&2
			exit 1
		fi
		apt-get -qq update ||
			hitl_say "apt-get update failed; trying what is known"
		# only an updated list tells which versions there are
		packages=$(hitl_missing | cut -d' ' -f2 | sort -u | xargs)
		hitl_say "Installing $packages"
		log=$(mktemp)
		(
			export DEBIAN_FRONTEND=noninteractive LC_ALL=C
			"${get[@]}" postgresql-common
			if [ -e "$conf" ]; then
				cp -p "$conf" "$conf.hitl"
				echo "create_main_cluster = false" >> "$conf"
			fi
			rc=0
			# shellcheck disable=SC2086	# one word per package
			"${get[@]}" $packages || rc=$?
			if [ -e "$conf.hitl" ]; then
				mv "$conf.hitl" "$conf"
			fi
			exit "$rc"
		) > "$log" 2>&1 || {
			cat "$log" >&2
			rm -f "$log"
			hitl_die "could not install the packages"
		}
		rm -f "$log"
		missing=$(hitl_missing)
		[ -z "$missing" ] || hitl_die "still missing: $missing"
	fi
	hitl_find_pg || hitl_die "no PostgreSQL of version 15 or later found"
	hitl_pg_recent || hitl_die "PostgreSQL 15 or later is needed"
}

# ---------------------------------------------------------------------------
# The copy
# ---------------------------------------------------------------------------

# hitl_as_user COMMAND...: runs a command as the user of the copy.
hitl_as_user()
{
	if [ -z "${HITL_SETUID:-}" ]; then
		"$@"
	elif command -v setpriv > /dev/null; then
		setpriv --reuid="$HITL_SETUID" --regid="$(id -g "$HITL_SETUID")" \
			--init-groups "$@"
	else
		runuser -u "$HITL_SETUID" -- "$@"
	fi
}

# hitl_choose_user: who runs the copy.  Sets HITL_SETUID, empty for no change.
hitl_choose_user()
{
	local	u

	HITL_SETUID=
	[ "$(id -u)" = 0 ] || return 0
	for u in ${HITL_USER:-postgres nobody}; do
		if id "$u" > /dev/null 2>&1; then
			HITL_SETUID=$u
			[ "$(id -u "$u")" != 0 ] || hitl_die "HITL_USER cannot be root"
			return 0
		fi
	done
	hitl_die "no unprivileged user found; name one in HITL_USER"
}

# hitl_make_work: makes the directory, in a place where the user may go and run
# programs, and with a name short enough for a socket.  Sets HITL_WORK.
hitl_make_work()
{
	local	base why='' w

	for base in ${TMPDIR:+"$TMPDIR"} /tmp /var/tmp; do
		[ "${why#*"$base" }" = "$why" ] || continue
		if [ "${#base}" -gt 40 ]; then
			why+="$base has too long a name for sockets; "
			continue
		fi
		if ! w=$(mktemp -d "$base/hitl.XXXXXX" 2> /dev/null); then
			why+="$base cannot be written; "
			continue
		fi
		[ -z "$HITL_SETUID" ] ||
			chown "$HITL_SETUID:$(id -g "$HITL_SETUID")" "$w"
		printf '#!/bin/sh\nexit 0\n' > "$w/probe"
		chmod 755 "$w/probe"
		if (cd / && hitl_as_user "$w/probe") 2> /dev/null; then
			rm -f "$w/probe"
			HITL_WORK=$(cd "$w" && pwd -P)
			return 0
		fi
		rm -rf "$w"
		why+="$base runs no programs (mounted noexec, or closed to the user); "
	done
	hitl_die "no place to work in: ${why}set TMPDIR to a better one"
}

# hitl_pack: writes the checkout to standard output as a tar file: what git
# tracks or would add; without git, everything that is not built.
hitl_pack()
(
	cd "$HITL_SRC"
	if [ -e .git ] && git -c safe.directory='*' ls-files -coz \
			--exclude-standard > /dev/null 2>&1; then
		git -c safe.directory='*' ls-files -coz --exclude-standard |
			while IFS= read -r -d '' f; do
				# git lists files that were removed a moment ago, too
				if [ -e "$f" ] || [ -L "$f" ]; then
					printf '%s\0' "$f"
				fi
			done |
			tar --null --no-recursion -T - -cf -
	else
		tar --exclude=./.git --exclude='*.o' --exclude='*.bc' \
			--exclude='*.so' --exclude=./results --exclude=./output_iso \
			--exclude='./tmp_*' --exclude=./log --exclude='./regression.*' \
			--exclude="./sql/hitl--$(hitl_version).sql" -cf - .
	fi
)

# hitl_end_work: stops what still runs out of the directory, and removes it.
# Servers are known by the pid file in their data directory, since they write
# over their environment; everything else by HITL_WORK in its environment.
hitl_end_work()
{
	local	f pid p i

	trap '' INT TERM HUP
	for i in 1 2 3 4 5 6 7 8 9 10; do
		p=0
		while IFS= read -r -d '' f; do
			pid=$(head -n 1 "$f" 2> /dev/null || true)
			# a stale file may name somebody else's process
			case $(readlink "/proc/$pid/cwd" 2> /dev/null || true) in
				"$HITL_WORK"/*)
					p=1
					kill -QUIT "$pid" 2> /dev/null || true
					;;
			esac
		done < <(find "$HITL_WORK" -name postmaster.pid -print0 2> /dev/null)
		for f in /proc/[0-9]*/environ; do
			if grep -qzxF "HITL_WORK=$HITL_WORK" "$f" 2> /dev/null; then
				pid=${f#/proc/}
				p=1
				kill "-$([ "$i" -gt 5 ] && echo KILL || echo TERM)" \
					"${pid%/environ}" 2> /dev/null || true
			fi
		done
		[ $p = 1 ] || break
		sleep 0.3
	done
	if [ -n "${HITL_KEEP:-}" ]; then
		hitl_say "Kept: $HITL_WORK" >&2
	else
		rm -rf "$HITL_WORK"
	fi
}

# hitl_enter "$@": continues this script, with these arguments, in a copy of
# the checkout and as an ordinary user.  Returns only there.
hitl_enter()
{
	local	script rc=0 pid name keep=()

	if [ -n "${HITL_WORK:-}" ] && [ "$HITL_SRC" = "$HITL_WORK/hitl" ]; then
		cd "$HITL_SRC"
		PATH=$("$PG_CONFIG" --bindir):$PATH
		export PATH
		return 0
	fi

	script=$(cd "$(dirname "$0")" && pwd -P)/$(basename "$0")
	[ "${script#"$HITL_SRC/"}" != "$script" ] ||
		hitl_die "must stand in the checkout at $HITL_SRC"

	hitl_packages
	hitl_choose_user
	hitl_make_work
	trap hitl_end_work EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM

	hitl_as_user mkdir "$HITL_WORK/hitl" "$HITL_WORK/tmp" "$HITL_WORK/home"
	hitl_pack | hitl_as_user tar --no-same-owner -C "$HITL_WORK/hitl" -xf -

	for name in $(compgen -e HITL_); do
		keep+=("$name=${!name}")
	done

	# A process group of its own, so that it can be told to end as a whole.
	set -m
	hitl_as_user env -i ${keep[@]+"${keep[@]}"} \
		PATH="/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin" \
		HOME="$HITL_WORK/home" TMPDIR="$HITL_WORK/tmp" LANG=C.UTF-8 \
		TERM="${TERM:-dumb}" COLUMNS="${COLUMNS:-80}" PG_CONFIG="$PG_CONFIG" \
		HITL_WORK="$HITL_WORK" \
		bash "$HITL_WORK/hitl/${script#"$HITL_SRC/"}" "$@" < /dev/null &
	pid=$!
	set +m
	# shellcheck disable=SC2064	# the pid of now
	trap "kill -TERM -- -$pid 2> /dev/null; exit 130" INT
	# shellcheck disable=SC2064
	trap "kill -TERM -- -$pid 2> /dev/null; exit 143" TERM HUP
	wait "$pid" || rc=$?
	exit "$rc"
}

# ---------------------------------------------------------------------------
# Build and stage
# ---------------------------------------------------------------------------

# hitl_make WORD...: make with the flags of the tests.  HITL_CFLAGS go to the
# compiler, HITL_TIMEOUT is a limit in seconds.  No bitcode: it needs clang, and
# the tests do not look at it.
hitl_make()
{
	${HITL_TIMEOUT:+timeout -k 10 "$HITL_TIMEOUT"} \
		make -s --no-print-directory PG_CONFIG="$PG_CONFIG" with_llvm=no \
		PG_CFLAGS="${HITL_CFLAGS:-}" TEST_CONF=tmp_stage/test.conf "$@"
}

# hitl_quietly NAME COMMAND...: runs a command, and shows what it wrote only
# if it fails.
hitl_quietly()
{
	local	log="$HITL_WORK/tmp/$1.log" rc=0

	shift
	"$@" > "$log" 2>&1 || rc=$?
	[ $rc = 0 ] || cat "$log" >&2
	return $rc
}

# hitl_build: compiles the copy.
hitl_build()
{
	hitl_quietly build hitl_make all
}

# hitl_stage: installs the build below the copy's tmp_stage, and writes the
# settings with which a server finds it there to tmp_stage/where.conf.
hitl_stage()
{
	hitl_quietly stage hitl_make stage
}

# hitl_prepare "$@": hitl_enter, build, stage; all that a demo or bench needs.
hitl_prepare()
{
	hitl_enter "$@"
	hitl_build || hitl_die "the build failed"
	hitl_stage || hitl_die "staging failed"
}

# ---------------------------------------------------------------------------
# A server
# ---------------------------------------------------------------------------

# hitl_start_cluster [SETTING...]: makes and starts a server that has hitl
# preloaded and knows where it is staged.  Each argument is a line for its
# postgresql.conf and wins over what stands there.  To have pg_cron as well:
#
#		hitl_start_cluster "shared_preload_libraries = 'pg_cron,hitl'" \
#			"cron.database_name = 'postgres'"
#
# PGHOST, PGUSER (postgres, superuser) and PGDATABASE are set for psql; every
# role may connect without a password through the socket, which only this user
# can reach.  Durability is the server's default: fsync is on.  The server's
# log is in $HITL_WORK/cluster.log.
hitl_start_cluster()
{
	local	data="$HITL_WORK/cluster"

	hitl_quietly initdb initdb -D "$data" -U postgres -A trust -N \
		-E UTF8 --locale=C || hitl_die "initdb failed"
	rm -rf "$HITL_WORK/s"
	mkdir -m 700 "$HITL_WORK/s"
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$HITL_WORK/s'"
		echo "shared_preload_libraries = 'hitl'"
		cat tmp_stage/where.conf
		[ $# = 0 ] || printf '%s\n' "$@"
	} >> "$data/postgresql.conf"
	export PGHOST="$HITL_WORK/s" PGUSER=postgres PGDATABASE=postgres
	if ! pg_ctl -D "$data" -l "$HITL_WORK/cluster.log" -w -s start; then
		tail -n 20 "$HITL_WORK/cluster.log" >&2
		hitl_die "the server did not start"
	fi
}

# hitl_stop: stops that server and removes it.  hitl_enter does so at the end
# anyway; this is for a script that wants another one.
hitl_stop()
{
	pg_ctl -D "$HITL_WORK/cluster" -m fast -w -s stop ||
		hitl_die "the server did not stop"
	rm -rf "$HITL_WORK/cluster"
}
