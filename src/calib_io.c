/*
 * calib_io.c
 *		The type calib: its byte form and its text form.
 *
 * One byte form serves on disk, on the wire and between parallel workers: a
 * format byte, then the strata in ascending propensity, each with its non-empty
 * cells in ascending order.  Counts are base-128 numbers, so that a cell with a
 * few rows and no verdict takes three bytes; doubles are big-endian.
 *
 *		byte	format (1)
 *		count	number of strata
 *		for each stratum:
 *			double	propensity
 *			count	number of cells, at least 1
 *			for each cell:
 *				count	cells skipped since the one before
 *				count	rows, at least 1
 *				count	rows with a verdict
 *				if there are any:
 *					count	right ones
 *					double	sum of c, sum of c^2, sum of c where right
 *
 * A state has exactly one byte form, and the text form says the same in JSON.
 * Both readers go through the same checks: what is read could have come from
 * rows, or it is refused.
 */
#include "hitl.h"

#include <float.h>
#include <math.h>

#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"

#include "calib.h"

#define CALIB_FORMAT	1

/*
 * How far a stored sum may lie outside of what the cell's edges allow: sums of
 * very many rows carry rounding errors.
 */
#define SUM_SLACK		1e-6

PG_FUNCTION_INFO_V1(hitl_calib_in);
PG_FUNCTION_INFO_V1(hitl_calib_out);
PG_FUNCTION_INFO_V1(hitl_calib_recv);
PG_FUNCTION_INFO_V1(hitl_calib_send);

/* What a reader knows of the value that it reads. */
typedef struct Reader
{
	const char *start;
	const char *next;
	const char *end;
	int			sqlerrcode;		/* of a malformed value */
} Reader;

/* does not return */
static void
malformed(const Reader *in, const char *what)
{
	ereport(ERROR,
			(errcode(in->sqlerrcode),
			 errmsg("invalid value of type %s", "hitl.calib"),
			 errdetail("Expected %s near byte %d.", what,
					   (int) (in->next - in->start))));
}

/*
 * Refuses a cell that no rows can have left behind.
 */
static void
check_cell(const Reader *in, int index, const CalibCell *cell)
{
	double		lo = hitl_edge(index, HITL_CELL_EDGES);
	double		hi = hitl_edge(Min(index + 1, HITL_CELL_EDGES),
							   HITL_CELL_EDGES);
	double		least = 1.0 - SUM_SLACK;
	double		most = 1.0 + SUM_SLACK;

	if (cell->rows < 1 || cell->labelled < 0 || cell->right < 0 ||
		cell->labelled > cell->rows || cell->right > cell->labelled)
		malformed(in, "counts with rows >= verdicts >= right ones");

	/* written so that NaN fails */
	if (!(cell->c >= cell->labelled * lo * least &&
		  cell->c <= cell->labelled * hi * most &&
		  cell->cc >= cell->labelled * lo * lo * least &&
		  cell->cc <= cell->labelled * hi * hi * most &&
		  cell->cy >= cell->right * lo * least &&
		  cell->cy <= cell->right * hi * most &&
		  cell->cy <= cell->c * most))
		malformed(in, "sums of confidences that belong to the cell");
}

static CalibStratum *
check_stratum(const Reader *in, CalibState *state, double propensity,
			  double before)
{
	if (!(propensity > 0.0 && propensity <= 1.0 && propensity > before))
		malformed(in, "ascending propensities above 0 and at most 1");
	return hitl_calib_stratum(state, propensity);
}

static void
add_cell(const Reader *in, CalibState *state, CalibStratum *stratum,
		 int index, const CalibCell *cell)
{
	check_cell(in, index, cell);
	hitl_calib_add_cell(state, stratum, index, cell);
}

/*
 * Byte form
 */

static void
put_count(StringInfo out, uint64 count)
{
	while (count >= 0x80)
	{
		appendStringInfoCharMacro(out, (char) (0x80 | (count & 0x7f)));
		count >>= 7;
	}
	appendStringInfoCharMacro(out, (char) count);
}

static int64
get_count(Reader *in)
{
	uint64		count = 0;

	for (int shift = 0; shift < 63; shift += 7)
	{
		unsigned char byte;

		if (in->next >= in->end)
			malformed(in, "more bytes");
		byte = (unsigned char) *in->next++;
		count |= (uint64) (byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
		{
			if (byte == 0 && shift > 0)
				malformed(in, "a count in its shortest form");
			return (int64) count;
		}
	}
	malformed(in, "a count within the range of bigint");
	return 0;					/* keep compiler quiet */
}

static double
get_double(Reader *in)
{
	uint64		bits;
	double		result;

	if (in->end - in->next < (ptrdiff_t) sizeof(bits))
		malformed(in, "more bytes");
	memcpy(&bits, in->next, sizeof(bits));
	in->next += sizeof(bits);
	bits = pg_ntoh64(bits);
	memcpy(&result, &bits, sizeof(result));
	if (signbit(result))
		malformed(in, "a double without a sign");
	return result;
}

bytea *
hitl_calib_encode(const CalibState *state)
{
	StringInfoData out;

	pq_begintypsend(&out);
	pq_sendbyte(&out, CALIB_FORMAT);
	put_count(&out, state->nstrata);
	for (int h = 0; h < state->nstrata; h++)
	{
		const CalibStratum *stratum = state->stratum[h];
		int			before = -1;

		pq_sendfloat8(&out, stratum->propensity);
		put_count(&out, stratum->ncells);
		for (int i = 0; i < HITL_CELLS; i++)
		{
			const CalibCell *cell = hitl_calib_find(stratum, i);

			if (cell == NULL)
				continue;
			put_count(&out, i - before - 1);
			before = i;
			put_count(&out, cell->rows);
			put_count(&out, cell->labelled);
			if (cell->labelled > 0)
			{
				put_count(&out, cell->right);
				pq_sendfloat8(&out, cell->c);
				pq_sendfloat8(&out, cell->cc);
				pq_sendfloat8(&out, cell->cy);
			}
		}
	}
	return pq_endtypsend(&out);
}

static void
read_bytes(Reader *in, CalibState *state)
{
	int64		nstrata;
	double		propensity = 0.0;

	if (in->next >= in->end || *in->next++ != CALIB_FORMAT)
		malformed(in, "format 1");
	nstrata = get_count(in);
	for (int64 h = 0; h < nstrata; h++)
	{
		CalibStratum *stratum;
		double		before = propensity;
		int64		ncells;
		int			index = -1;

		propensity = get_double(in);
		stratum = check_stratum(in, state, propensity, before);
		ncells = get_count(in);
		if (ncells < 1)
			malformed(in, "a cell");
		while (ncells-- > 0)
		{
			CalibCell	cell = {0};
			int64		skipped = get_count(in);

			if (skipped >= HITL_CELLS - 1 - index)
				malformed(in, "a cell index of at most 1000");
			index += 1 + (int) skipped;
			cell.rows = get_count(in);
			cell.labelled = get_count(in);
			if (cell.labelled > 0)
			{
				cell.right = get_count(in);
				cell.c = get_double(in);
				cell.cc = get_double(in);
				cell.cy = get_double(in);
			}
			add_cell(in, state, stratum, index, &cell);
		}
	}
	if (in->next != in->end)
		malformed(in, "the end");
}

/* Adds a value to a state; a malformed one is an error with this SQLSTATE. */
void
hitl_calib_decode(CalibState *state, const bytea *value, int sqlerrcode)
{
	Reader		in;

	in.start = in.next = VARDATA_ANY(value);
	in.end = in.start + VARSIZE_ANY_EXHDR(value);
	in.sqlerrcode = sqlerrcode;
	read_bytes(&in, state);
}

Datum
hitl_calib_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	CalibState *state = hitl_calib_create(CurrentMemoryContext);
	Reader		in;

	in.start = in.next = message->data + message->cursor;
	in.end = message->data + message->len;
	in.sqlerrcode = ERRCODE_INVALID_BINARY_REPRESENTATION;
	read_bytes(&in, state);
	message->cursor = message->len;
	PG_RETURN_BYTEA_P(hitl_calib_encode(state));
}

Datum
hitl_calib_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(PG_GETARG_BYTEA_P_COPY(0));
}

/*
 * Text form
 */

static void
put_double(StringInfo out, double value)
{
	char		buf[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(value, buf);
	appendStringInfoString(out, buf);
}

Datum
hitl_calib_out(PG_FUNCTION_ARGS)
{
	CalibState *state = hitl_calib_get(PG_GETARG_DATUM(0));
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "{\"calib\": %d, \"strata\": [", CALIB_FORMAT);
	for (int h = 0; h < state->nstrata; h++)
	{
		const CalibStratum *stratum = state->stratum[h];
		const char *separator = "";

		if (h > 0)
			appendStringInfoString(&out, ", ");
		appendStringInfoString(&out, "{\"propensity\": ");
		put_double(&out, stratum->propensity);
		appendStringInfoString(&out, ", \"cells\": [");
		for (int i = 0; i < HITL_CELLS; i++)
		{
			const CalibCell *cell = hitl_calib_find(stratum, i);

			if (cell == NULL)
				continue;
			appendStringInfo(&out, "%s[%d, " INT64_FORMAT, separator, i,
							 cell->rows);
			separator = ", ";
			if (cell->labelled > 0)
			{
				appendStringInfo(&out, ", " INT64_FORMAT ", " INT64_FORMAT
								 ", ", cell->labelled, cell->right);
				put_double(&out, cell->c);
				appendStringInfoString(&out, ", ");
				put_double(&out, cell->cc);
				appendStringInfoString(&out, ", ");
				put_double(&out, cell->cy);
			}
			appendStringInfoChar(&out, ']');
		}
		appendStringInfoString(&out, "]}");
	}
	appendStringInfoString(&out, "]}");
	PG_RETURN_CSTRING(out.data);
}

static void
skip_space(Reader *in)
{
	while (in->next < in->end && (*in->next == ' ' || *in->next == '\t' ||
								  *in->next == '\n' || *in->next == '\r'))
		in->next++;
}

/* Takes the character if it is next. */
static bool
take(Reader *in, char c)
{
	skip_space(in);
	if (in->next >= in->end || *in->next != c)
		return false;
	in->next++;
	return true;
}

static void
expect(Reader *in, char c)
{
	char		what[] = {'"', c, '"', '\0'};

	if (!take(in, c))
		malformed(in, what);
}

static void
expect_key(Reader *in, const char *key)
{
	int			len = strlen(key);

	skip_space(in);
	if (in->end - in->next < len || strncmp(in->next, key, len) != 0)
		malformed(in, key);
	in->next += len;
	expect(in, ':');
}

/* Moves behind a number; its text, ending in a zero byte, is put into buf. */
static void
take_number(Reader *in, const char *characters, char *buf, int size)
{
	int			len = 0;

	skip_space(in);
	while (in->next + len < in->end && in->next[len] != '\0' &&
		   strchr(characters, in->next[len]) != NULL)
		len++;
	if (len == 0 || len >= size)
		malformed(in, "a number");
	memcpy(buf, in->next, len);
	buf[len] = '\0';
	in->next += len;
}

static int64
read_count(Reader *in)
{
	char		buf[32];
	int64		result;

	take_number(in, "0123456789", buf, sizeof(buf));
	errno = 0;
	result = strtoi64(buf, NULL, 10);
	if (errno != 0)
		malformed(in, "a count within the range of bigint");
	return result;
}

static double
read_double(Reader *in)
{
	char		buf[64];
	char	   *rest;
	double		result;

	/* underflow is no error; check_cell() refuses what overflows */
	take_number(in, "0123456789+-.eE", buf, sizeof(buf));
	result = strtod(buf, &rest);
	if (*rest != '\0')
		malformed(in, "a number");
	return result + 0.0;		/* -0 has no byte form */
}

static void
read_cell(Reader *in, CalibState *state, CalibStratum *stratum, int *index)
{
	CalibCell	cell = {0};
	int64		i;

	expect(in, '[');
	i = read_count(in);
	if (i <= *index || i >= HITL_CELLS)
		malformed(in, "ascending cell indexes of at most 1000");
	*index = (int) i;
	expect(in, ',');
	cell.rows = read_count(in);
	if (take(in, ','))
	{
		cell.labelled = read_count(in);
		expect(in, ',');
		cell.right = read_count(in);
		expect(in, ',');
		cell.c = read_double(in);
		expect(in, ',');
		cell.cc = read_double(in);
		expect(in, ',');
		cell.cy = read_double(in);
	}
	expect(in, ']');
	add_cell(in, state, stratum, *index, &cell);
}

static void
read_text(Reader *in, CalibState *state)
{
	double		propensity = 0.0;

	expect(in, '{');
	expect_key(in, "\"calib\"");
	if (read_count(in) != CALIB_FORMAT)
		malformed(in, "format 1");
	expect(in, ',');
	expect_key(in, "\"strata\"");
	expect(in, '[');
	if (!take(in, ']'))
	{
		do
		{
			CalibStratum *stratum;
			double		before = propensity;
			int			index = -1;

			expect(in, '{');
			expect_key(in, "\"propensity\"");
			propensity = read_double(in);
			stratum = check_stratum(in, state, propensity, before);
			expect(in, ',');
			expect_key(in, "\"cells\"");
			expect(in, '[');
			do
			{
				read_cell(in, state, stratum, &index);
			} while (take(in, ','));
			expect(in, ']');
			expect(in, '}');
		} while (take(in, ','));
		expect(in, ']');
	}
	expect(in, '}');
	skip_space(in);
	if (in->next != in->end)
		malformed(in, "the end");
}

Datum
hitl_calib_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	CalibState *state = hitl_calib_create(CurrentMemoryContext);
	Reader		in;

	in.start = in.next = text;
	in.end = text + strlen(text);
	in.sqlerrcode = ERRCODE_INVALID_TEXT_REPRESENTATION;
	read_text(&in, state);
	PG_RETURN_BYTEA_P(hitl_calib_encode(state));
}
