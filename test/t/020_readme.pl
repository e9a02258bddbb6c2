# The README is true: its statements run, in the order in which it shows them,
# and it names every function, view, setting and error code that there is.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $readme = slurp_file('README.md');
my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->start;

my @blocks = $readme =~ /^```sql\n(.*?)^```/msg;
cmp_ok(scalar @blocks, '>=', 2, 'the README has statements');
for my $i (0 .. $#blocks)
{
	my ($ret, $stdout, $stderr) =
	  $node->psql('postgres', $blocks[$i], on_error_stop => 1);
	is($ret, 0, 'block ' . ($i + 1) . ' of the README runs') or diag($stderr);
	next if $i > 0;
	like($stdout, qr/^C-1\|auto_approve\|.*0\.97 >= 0\.92/m, 'what is sure passes');
	like($stdout, qr/^C-2\|review\|.*0\.55 < 0\.92/m, 'what is not goes to review');
	like($stdout, qr/^amended$/m, 'the verdict has an outcome');
	like($stdout, qr/^C-2\|review\|amended\|\{"pay": false\}\|alice$/m,
		'and the outcome is as amended');
}

# What a role of ours may call or read is what the README must name.
my $public = $node->safe_psql(
	'postgres', q{
	SELECT DISTINCT p.proname FROM pg_proc p, aclexplode(p.proacl) a
	WHERE p.pronamespace = 'hitl'::regnamespace
	  AND a.grantee IN (SELECT oid FROM pg_roles WHERE rolname ~ '^hitl_')
	  AND p.prorettype NOT IN ('internal'::regtype, 'trigger'::regtype)
	  AND NOT 'internal'::regtype = ANY (p.proargtypes::oid[])
	  AND p.proname !~ '^calib_(in|out|recv|send)$'
	  AND p.proname NOT IN ('actor', 'needs_task', 'own_workflows',
	                        'open_depth', 'held_depth', 'open_estimate')
	UNION
	SELECT relname FROM pg_class
	WHERE relnamespace = 'hitl'::regnamespace AND relkind = 'v'
	UNION
	SELECT name FROM pg_settings WHERE name ~ '^hitl\.'
	ORDER BY 1});
cmp_ok(scalar split(/\n/, $public), '>', 20, 'there is something to name');
for my $name (split /\n/, $public)
{
	like($readme, qr/`[^`\n]*\b\Q$name\E\b[^`\n]*`/, "the README names $name");
}

# Every error code of ours that the source raises.
my %raised;
for my $file (glob('src/*.c'), glob('sql/*.sql'))
{
	my $text = slurp_file($file);
	my $header = slurp_file('src/hitl.h');
	$raised{$1} = 1 while $text =~ /'(ZH\d{3})'/g;
	while ($text =~ /\b(ERRCODE_HITL_\w+)/g)
	{
		my ($digits) = $header =~ /\b\Q$1\E\s+MAKE_SQLSTATE\('Z','H','(\d','\d','\d)'\)/;
		$digits =~ s/','//g;
		$raised{"ZH$digits"} = 1;
	}
}
cmp_ok(scalar keys %raised, '>', 5, 'there are error codes of our own');
my %listed = map { $_ => 1 } $readme =~ /^\| (ZH\d{3}) \|/mg;
is_deeply([ sort keys %listed ],
	[ sort keys %raised ], 'the README lists the codes that are raised');

is($node->safe_psql('postgres', 'SELECT count(*) FROM hitl.check()'),
	'0', 'no invariant is broken');
$node->stop;
done_testing();
