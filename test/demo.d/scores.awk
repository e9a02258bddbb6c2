# scores.awk
#		ECE and Brier score, worked out without the database.
#
# Reads "model confidence right propensity" a line, right being 1, 0 or - for
# a decision without a verdict, and prints "model ece brier" per model.  A
# verdict stands for 1/propensity decisions.  Bins are ten of equal width;
# bin k starts at the double nearest to k/10, and 1 belongs to the last one.
$3 != "-" {
	w = 1 / $4
	for (k = 9; k > 0 && $2 < k / 10; k--)
		;
	seen[$1] = 1
	weight[$1] += w
	brier[$1] += w * ($2 - $3) * ($2 - $3)
	gap[$1, k] += w * ($2 - $3)
}

END {
	for (m in seen) {
		ece = 0
		for (k = 0; k < 10; k++)
			ece += gap[m, k] < 0 ? -gap[m, k] : gap[m, k]
		printf "%s %.15f %.15f\n", m, ece / weight[m], brier[m] / weight[m]
	}
}
