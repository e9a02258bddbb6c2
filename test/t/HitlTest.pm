# What several TAP tests need: servers, workflows, and the questions that are
# asked of every sound database.
#
# Waiting is always for a condition, never for a time: a busy machine makes a
# test slow, not wrong.
package HitlTest;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  hitl_node make_desk wait_for_worker worker_pid poll_ok sound recovered
);

# hitl_node(NAME, conf => TEXT, init => [...]): a running server.  It restarts
# after a crash, as servers do outside of tests.
sub hitl_node
{
	my ($name, %params) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(@{ $params{init} // [] });
	$node->append_conf('postgresql.conf',
		"restart_after_crash = on\n" . ($params{conf} // ''));
	$node->start;
	return $node;
}

# make_desk(NODE, DB): the extension, and a workflow "loan" without a policy,
# so that each decision becomes a task, with the reviewers ann and bob.
sub make_desk
{
	my ($node, $db) = @_;

	$node->safe_psql(
		$db, q{
		CREATE EXTENSION IF NOT EXISTS hitl;
		SELECT hitl.create_workflow('loan', queue => 'desk');
		SELECT hitl.add_reviewer(name, max_open => 1000), hitl.join_queue(name, 'desk')
		FROM unnest(ARRAY['ann', 'bob']) AS name;
	});
	return;
}

# worker_pid(NODE, DB): of the worker, or an empty string; more than one is
# joined by commas and is an error of the server.
sub worker_pid
{
	my ($node, $db) = @_;

	return $node->safe_psql('postgres',
		"SELECT string_agg(pid::text, ',') FROM pg_stat_activity "
		  . "WHERE backend_type = 'hitl worker' AND datname = '$db'");
}

# wait_for_worker(NODE, DB[, OLD]): the pid of the worker that is not OLD, once
# it is at work
sub wait_for_worker
{
	my ($node, $db, $old) = @_;
	$old = 0 unless $old;

	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 AND bool_and(pid <> $old AND application_name = 'hitl worker' "
		  . "AND state = 'idle') FROM pg_stat_activity "
		  . "WHERE backend_type = 'hitl worker' AND datname = '$db'")
	  or return '';
	return worker_pid($node, $db);
}

# poll_ok(NODE, DB, QUERY, NAME): passes as soon as the query says t
sub poll_ok
{
	my ($node, $db, $query, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($node->poll_query_until($db, $query), $name);
}

# sound(NODE, DB, NAME): no invariant is broken
sub sound
{
	my ($node, $db, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($node->safe_psql($db, 'SELECT * FROM hitl.check()'),
		'', "$name: no invariant is broken");
}

# recovered(NODE, DB, NAME): sound, and a new decision is claimed and decided
sub recovered
{
	my ($node, $db, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	sound($node, $db, $name);
	return is( $node->safe_psql(
			$db, q{
			INSERT INTO hitl.decision (workflow) VALUES ('loan');
			SELECT DISTINCT hitl.approve(task, reviewer => 'bob')
			FROM hitl.claim(1000, reviewer => 'bob');
		}),
		'approved',
		"$name: a new decision is claimed and decided");
}

1;
