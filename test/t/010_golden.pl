# Every sample vector whose estimator exists: the SQL of the case is run over
# its data set, and the result is compared within the tolerance that the case
# states.  test/golden/README.md has the definitions.
use strict;
use warnings;

use FindBin;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Estimators of this version, each with the number of cases that it has.
my %cases_of = (
	brier_score => 8,
	calibration_gap => 6,
	cohen_kappa => 2,
	ece => 18,
	fit_isotonic => 1,
	fleiss_kappa => 2,
	gwet_ac1 => 1,
	krippendorff_alpha => 1,
	lower_threshold => 1,
	percent_agreement => 1,
	rate => 5,
	reliability_curve => 5,
	upper_threshold => 4,
	wilson => 3,);

my $dir = "$FindBin::RealBin/../golden";
my $doc = JSON::PP->new->decode(slurp_file("$dir/expected.json"));

my $node = PostgreSQL::Test::Cluster->new('golden');
$node->init;
$node->start;
$node->safe_psql('postgres',
	'CREATE EXTENSION hitl; CREATE SCHEMA golden;');

# Data go through standard input: the server may not be able to read the file.
foreach my $name (sort keys %{ $doc->{datasets} })
{
	my $set = $doc->{datasets}{$name};
	my $columns = join(', ', map { "$_->[0] $_->[1]" } @{ $set->{columns} });
	my $data = slurp_file("$dir/$set->{file}");

	$node->safe_psql('postgres',
		"CREATE TABLE golden.$name ($columns);\n"
		  . "COPY golden.$name FROM STDIN WITH (FORMAT csv, HEADER);\n"
		  . "$data\\.\n");
	is($node->safe_psql('postgres', "SELECT count(*) FROM golden.$name"),
		$set->{rows}, "rows of $name");
}

# Runs the SQL of a case; a JSON text of all its rows, or the SQLSTATE.
sub run_case
{
	my ($sql) = @_;
	my ($rc, $out, $err) = $node->psql(
		'postgres',
		"SET search_path = golden;\n\\set VERBOSITY sqlstate\n"
		  . "SELECT coalesce(json_agg(row_to_json(x)), '[]') FROM ($sql) AS x");

	return ($rc, $rc == 0 ? $out : $err);
}

sub is_number
{
	my ($value) = @_;

	return $value =~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/i;
}

# Where the value differs from what is wanted, or the empty string.
sub difference
{
	my ($got, $want, $tol, $path) = @_;

	if (ref $want eq 'HASH')
	{
		return "$path is not a record" if ref $got ne 'HASH';
		foreach my $key (sort keys %$want)
		{
			return "$path.$key is missing" if !exists $got->{$key};
			my $diff =
			  difference($got->{$key}, $want->{$key}, $tol, "$path.$key");
			return $diff if $diff ne '';
		}
		return '';
	}
	if (ref $want eq 'ARRAY')
	{
		return "$path is not a list of " . @$want
		  if ref $got ne 'ARRAY' || @$got != @$want;
		foreach my $i (0 .. $#$want)
		{
			my $diff =
			  difference($got->[$i], $want->[$i], $tol, "${path}[$i]");
			return $diff if $diff ne '';
		}
		return '';
	}
	return defined $got ? "$path is $got, not NULL" : '' if !defined $want;
	return "$path is NULL, not $want" if !defined $got;
	if (is_number($want) && is_number($got))
	{
		# Strict for counts too: one more is far outside the tolerance.
		my $scale = abs($want) > 1 ? abs($want) : 1;
		return '' if abs($got - $want) <= $tol * $scale;
	}
	elsif ("$got" eq "$want")
	{
		return '';
	}
	return "$path is $got, not $want";
}

my %run;
foreach my $case (@{ $doc->{cases} })
{
	next if !exists $cases_of{ $case->{estimator} };
	$run{ $case->{estimator} }++;

	my $want = $case->{expected};
	my ($rc, $out) = run_case($case->{sql});
	my $diff;

	if (ref $want eq 'HASH' && exists $want->{sqlstate})
	{
		$diff =
		  $rc != 0 && $out =~ /ERROR:  \Q$want->{sqlstate}\E/
		  ? ''
		  : "no error $want->{sqlstate}: $out";
	}
	elsif ($rc != 0)
	{
		$diff = $out;
	}
	else
	{
		my $rows = JSON::PP->new->allow_nonref->decode($out);

		if (ref $want eq 'ARRAY' && (!@$want || ref $want->[0] eq 'HASH'))
		{
			$diff = difference($rows, $want, $case->{tol}, 'rows');
		}
		elsif (@$rows != 1)
		{
			$diff = @$rows . ' rows';
		}
		elsif (ref $want eq 'HASH')
		{
			$diff = difference($rows->[0], $want, $case->{tol}, 'row');
		}
		elsif (keys %{ $rows->[0] } != 1)
		{
			$diff = 'not one column';
		}
		else
		{
			$diff = difference((values %{ $rows->[0] })[0],
				$want, $case->{tol}, 'value');
		}
	}
	is($diff, '', $case->{id});
}

# No case was passed over, and none is left that does not know its estimator.
is_deeply(\%run, \%cases_of, 'cases run for each estimator');

$node->stop;
done_testing();
