# The tree agrees with itself, and it is this tree that the tests run.
#
# A test that nobody lists never fails, and a server that finds another
# installation of hitl passes for the wrong reason.
use strict;
use warnings;

use File::Basename;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# stems of the files that match
sub stems
{
	my ($pattern, $suffix) = @_;

	return sort map { basename($_, $suffix) } glob($pattern);
}

# the version stands in hitl.control; META.json must follow
my $control = slurp_file('hitl.control');
my ($version) = $control =~ /^default_version\s*=\s*'([^']+)'/m;
like($version, qr/^\d+\.\d+\.\d+$/, 'hitl.control has a version');

my $meta = decode_json(slurp_file('META.json'));
is($meta->{version}, $version, 'META.json has the same version');
is($meta->{provides}{hitl}{version},
	$version, 'META.json provides the same version');
like(slurp_file('CHANGELOG.md'),
	qr/^## \[?\Q$version\E\b/m, 'CHANGELOG.md tells of this version');

# what there is, is run; what is run, is there
my @scheduled = sort split ' ', slurp_file('test/schedule');
my %scheduled = map { $_ => 1 } @scheduled;
is(scalar keys %scheduled, scalar @scheduled, 'no test is scheduled twice');
is_deeply([ stems('test/sql/*.sql', '.sql') ],
	\@scheduled, 'test/schedule lists every file of test/sql');

# a _1 at the end marks another version's answer to the same question
my %question = map { $_ => 1 } @scheduled, stems('test/specs/*.spec', '.spec');
my %answer = map { s/_\d$//r => 1 } stems('expected/*.out', '.out');
is_deeply([ sort keys %answer ],
	[ sort keys %question ], 'every test has an answer in expected/, and back');

# which tree is this?
my $node = PostgreSQL::Test::Cluster->new('house');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION hitl');
is( $node->safe_psql(
		'postgres',
		"SELECT extversion FROM pg_extension WHERE extname = 'hitl'"),
	$version,
	'the server makes the version of this tree');

# The library that the server has loaded is the one that was built here.
SKIP:
{
	my $maps = '/proc/' . (split /\n/, $node->safe_psql('postgres',
		"SELECT pg_read_file('postmaster.pid')"))[0] . '/maps';

	skip 'no /proc to look at', 1 unless -r $maps;
	my ($loaded) = slurp_file($maps) =~ m{(/\S*/hitl\.so)};
	ok(defined $loaded
		  && slurp_file($loaded) eq slurp_file('hitl.so'),
		'the server has loaded the library of this tree');
}
$node->stop;

done_testing();
