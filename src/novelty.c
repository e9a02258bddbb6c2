/*
 * novelty.c
 *		What a workflow's inputs usually look like, and what does not.
 *
 * A baseline is a tree of the fields that are known, with the fields of each
 * object in jsonb's own order (by length, then by bytes).  An input's objects
 * are in that order as well, so the two are walked side by side: nothing is
 * hashed, and no name of a field is put together unless something is novel.
 * Numbers are compared with two bounds that are worked out once, when the
 * baseline is loaded.
 *
 * Everything is read from the input where it lies; only notes need memory.
 * The walk goes no deeper than learning did, however deep the input is.
 */
#include "hitl.h"

#include <ctype.h>
#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "cache.h"
#include "novelty.h"

#define MAX_DEPTH		8		/* as in hitl.describe_inputs */
#define MAX_NAMED		3		/* in a note */
#define MAX_SHOWN		60		/* bytes of a value or key in a note */

typedef enum Kind
{
	KIND_NUMBER, KIND_STRING, KIND_BOOLEAN, KIND_NULL, KIND_ARRAY, KIND_OBJECT,
	KINDS
} Kind;

static const struct
{
	const char *name;
	const char *phrase;
}			kinds[KINDS] =
{
	{"number", "a number"}, {"string", "a string"}, {"boolean", "a boolean"},
	{"null", "null"}, {"array", "an array"}, {"object", "an object"},
};

typedef struct Word
{
	const char *data;
	int			len;
} Word;

typedef struct Field
{
	Word		key;			/* first: see compare_words_qsort */
	bool		expected;
	bool		open;			/* new keys in it are not novel */
	uint8		kinds;			/* bits of Kind */
	uint8		booleans;		/* bits: 1 false, 2 true */

	/* numbers */
	Numeric		lo;				/* NULL: no bound */
	Numeric		hi;
	bool		log;
	Numeric		zero;			/* 0, where that is usual; or NULL */
	double		centre;
	double		below;
	double		above;

	/* strings */
	int			nwords;			/* 0: any */
	Word	   *words;			/* sorted */

	/* objects */
	int			nfields;
	struct Field *fields;		/* sorted by key */
} Field;

struct HitlBaseline
{
	int32		version;
	bool		exists;
	Field	   *root;			/* NULL: there never was an input */
};

/* where the walk is, from the inside out */
typedef struct Place
{
	const struct Place *outer;
	Word		key;
} Place;

typedef struct Walk
{
	StringInfo	note;			/* NULL: one find is enough */
	int			found;
} Walk;

static HitlQuery baseline_query = {
	.text =
	"SELECT FROM hitl.baseline b"
	" WHERE b.workflow OPERATOR(pg_catalog.=) $1"
	"   AND b.version OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {TEXTOID, INT4OID}
};

/* a field comes after the object that it belongs to */
static HitlQuery fields_query = {
	.text =
	"SELECT f.path, f.expected, f.types, f.open, f.log, f.centre,"
	"       f.spread_below, f.spread_above, f.zero, f.values, f.booleans"
	"  FROM hitl.baseline_field f"
	" WHERE f.workflow OPERATOR(pg_catalog.=) $1"
	"   AND f.version OPERATOR(pg_catalog.=) $2"
	" ORDER BY pg_catalog.cardinality(f.path), f.field",
	.nargs = 2,
	.argtypes = {TEXTOID, INT4OID}
};

/* the columns of fields_query */
enum
{
	COL_PATH = 1, COL_EXPECTED, COL_TYPES, COL_OPEN, COL_LOG, COL_CENTRE,
	COL_BELOW, COL_ABOVE, COL_ZERO, COL_VALUES, COL_BOOLEANS
};

/* ---------- loading ---------- */

/* the order of keys in jsonb */
static inline int
compare_words(const Word *a, const Word *b)
{
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->data, b->data, a->len);
}

/* of fields as well: they begin with their key */
static int
compare_words_qsort(const void *a, const void *b)
{
	return compare_words(a, b);
}

/* the strings of a text[], in the current context; NULL: none */
static Word *
read_words(uint64 row, int column, int *n)
{
	bool		isnull;
	Datum		value = hitl_spi_value(row, column, &isnull);
	Datum	   *elems;
	Word	   *words;

	*n = 0;
	if (isnull)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false,
					  TYPALIGN_INT, &elems, NULL, n);
	words = palloc(sizeof(Word) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		words[i].data = TextDatumGetCString(elems[i]);
		words[i].len = strlen(words[i].data);
	}
	pfree(elems);
	return words;
}

static void
free_words(Word *words, int n)
{
	for (int i = 0; i < n; i++)
		pfree(unconstify(char *, words[i].data));
	if (words)
		pfree(words);
}

static uint8
read_kinds(uint64 row)
{
	int			n;
	Word	   *words = read_words(row, COL_TYPES, &n);
	uint8		result = 0;

	for (int i = 0; i < n; i++)
		for (int k = 0; k < KINDS; k++)
			if (strcmp(words[i].data, kinds[k].name) == 0)
				result |= 1 << k;
	free_words(words, n);
	return result;
}

static uint8
read_booleans(uint64 row)
{
	bool		isnull;
	Datum		value = hitl_spi_value(row, COL_BOOLEANS, &isnull);
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	uint8		result = 0;

	if (isnull)
		return 0;
	deconstruct_array(DatumGetArrayTypeP(value), BOOLOID, 1, true,
					  TYPALIGN_CHAR, &elems, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			result |= DatumGetBool(elems[i]) ? 2 : 1;
	return result;
}

/*
 * A bound as Numeric; NULL if it is beyond what the baseline can tell apart.
 */
static Numeric
make_bound(double bound)
{
	if (!(fabs(bound) < 1e300))
		return NULL;
	return DatumGetNumeric(DirectFunctionCall1(float8_numeric,
											   Float8GetDatum(bound)));
}

static void
set_bounds(Field *field, double limit)
{
	double		centre = field->log ? log(field->centre) : field->centre;
	double		lo = centre - limit * field->below;
	double		hi = centre + limit * field->above;

	/*
	 * The centre was rounded to float8 when it was learnt, and the bounds are
	 * rounded again: what is usual must not fall outside by that.
	 */
	if (field->log)
	{
		lo = Max(exp(lo) * (1 - 1e-12), DBL_MIN);
		hi = exp(hi) * (1 + 1e-12);
	}
	else
	{
		lo -= 1e-12 * Max(fabs(centre), fabs(lo)) + 1e-300;
		hi += 1e-12 * Max(fabs(centre), fabs(hi)) + 1e-300;
	}
	field->lo = make_bound(lo);
	field->hi = make_bound(hi);
}

static void
read_field(Field *field, uint64 row, double limit)
{
	bool		isnull;

	field->expected = DatumGetBool(hitl_spi_value(row, COL_EXPECTED, &isnull));
	field->open = DatumGetBool(hitl_spi_value(row, COL_OPEN, &isnull));
	/* where none has the support, any will do */
	field->kinds = read_kinds(row);
	if (field->kinds == 0)
		field->kinds = (1 << KINDS) - 1;
	field->booleans = read_booleans(row);
	if (field->booleans == 0)
		field->booleans = 3;
	field->words = read_words(row, COL_VALUES, &field->nwords);
	if (field->nwords > 0)
		qsort(field->words, field->nwords, sizeof(Word), compare_words_qsort);

	field->centre = DatumGetFloat8(hitl_spi_value(row, COL_CENTRE, &isnull));
	if (isnull)
		return;
	field->below = DatumGetFloat8(hitl_spi_value(row, COL_BELOW, &isnull));
	field->above = DatumGetFloat8(hitl_spi_value(row, COL_ABOVE, &isnull));
	field->log = DatumGetBool(hitl_spi_value(row, COL_LOG, &isnull));
	if (DatumGetBool(hitl_spi_value(row, COL_ZERO, &isnull)))
		field->zero = int64_to_numeric(0);
	set_bounds(field, limit);
}

static Field *
find_field(Field *root, const Word *path, int depth)
{
	Field	   *field = root;

	for (int i = 0; i < depth && field != NULL; i++)
		field = bsearch(&path[i], field->fields, field->nfields, sizeof(Field),
						compare_words_qsort);
	return field;
}

static bool
same_object(const Word *a, const Word *b, int depth)
{
	for (int i = 0; i < depth - 1; i++)
		if (compare_words(&a[i], &b[i]) != 0)
			return false;
	return true;
}

/*
 * Makes the tree of the rows of fields_query.  They come by depth, and the
 * fields of one object side by side, so that objects point into one array.
 */
static Field *
read_fields(double limit)
{
	uint64		n = SPI_processed;
	MemoryContext target = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(target, "hitl baseline",
												  ALLOCSET_DEFAULT_SIZES);
	Field	   *all;
	Word	  **path;
	int		   *depth;
	bool		rooted;
	uint64		end;

	if (n == 0)
		return NULL;
	all = MemoryContextAllocExtended(target, sizeof(Field) * n,
									 MCXT_ALLOC_ZERO | MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < n; i++)
		read_field(&all[i], i, limit);

	MemoryContextSwitchTo(scratch);
	path = MemoryContextAllocHuge(scratch, sizeof(Word *) * n);
	depth = MemoryContextAllocHuge(scratch, sizeof(int) * n);
	for (uint64 i = 0; i < n; i++)
	{
		path[i] = read_words(i, COL_PATH, &depth[i]);
		if (depth[i] > 0)
		{
			all[i].key = path[i][depth[i] - 1];
			all[i].key.data = MemoryContextStrdup(target, all[i].key.data);
		}
	}
	MemoryContextSwitchTo(target);

	rooted = depth[0] == 0;
	for (uint64 i = rooted ? 1 : 0; i < n; i = end)
	{
		Field	   *object;

		for (end = i + 1; end < n && depth[end] == depth[i]; end++)
			if (!same_object(path[i], path[end], depth[i]))
				break;
		qsort(&all[i], end - i, sizeof(Field), compare_words_qsort);
		object = rooted ?
			find_field(&all[0], path[i], depth[i] - 1) : NULL;
		if (object == NULL)
			continue;			/* what no object has is not known */
		object->fields = &all[i];
		object->nfields = end - i;
	}
	MemoryContextDelete(scratch);
	return rooted ? &all[0] : NULL;
}

/*
 * A version that does not exist makes every input novel: fails towards a
 * human.
 */
HitlBaseline *
hitl_baseline_load(const char *workflow, int32 version, double limit,
				   Snapshot snapshot)
{
	MemoryContext target = CurrentMemoryContext;
	HitlBaseline *baseline;
	Datum		args[2];

	if (version <= 0)
		return NULL;
	baseline = palloc0(sizeof(HitlBaseline));
	baseline->version = version;
	args[0] = CStringGetTextDatum(workflow);
	args[1] = Int32GetDatum(version);
	hitl_spi_run(&baseline_query, args, snapshot, 1);
	baseline->exists = SPI_processed > 0;
	if (baseline->exists)
	{
		hitl_spi_run(&fields_query, args, snapshot, 0);
		MemoryContextSwitchTo(target);	/* SPI has its own */
		baseline->root = read_fields(limit);
	}
	MemoryContextSwitchTo(target);
	return baseline;
}

/* ---------- notes ---------- */

/* what would break the line, drive a terminal or turn the text around */
static bool
is_harmful(const char *at, int len)
{
	pg_wchar	c;

	if (len == 1)
		return (unsigned char) *at < ' ' || *at == 0x7f;
	if (GetDatabaseEncoding() != PG_UTF8)
		return false;
	c = utf8_to_unicode((const unsigned char *) at);
	return (c >= 0x80 && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
		(c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
		c == 0x61c || c == 0xfeff;
}

static void
append_clipped(StringInfo note, const char *data, int len)
{
	int			shown = pg_mbcliplen(data, len, MAX_SHOWN);

	for (int i = 0; i < shown;)
	{
		int			step = Min(pg_mblen(data + i), shown - i);

		if (is_harmful(data + i, step))
			appendStringInfoChar(note, '?');
		else
			appendBinaryStringInfo(note, data + i, step);
		i += step;
	}
	if (shown < len)
		appendStringInfoString(note, "...");
}

static void
append_quoted(StringInfo note, const char *data, int len)
{
	appendStringInfoChar(note, '"');
	append_clipped(note, data, len);
	appendStringInfoChar(note, '"');
}

static bool
is_plain(const Word *key)
{
	for (int i = 0; i < key->len; i++)
	{
		unsigned char c = key->data[i];

		if (!(c >= 0x80 || isalnum(c) || c == '_' || c == '-'))
			return false;
	}
	return key->len > 0;
}

static void
append_place(StringInfo note, const Place *place)
{
	if (place == NULL)
	{
		appendStringInfoString(note, "input");
		return;
	}
	append_place(note, place->outer);
	appendStringInfoChar(note, '.');
	if (is_plain(&place->key))
		append_clipped(note, place->key.data, place->key.len);
	else
		append_quoted(note, place->key.data, place->key.len);
}

static void
append_double(StringInfo note, double x)
{
	if (fabs(x) < 1e15 && x == floor(x))
		appendStringInfo(note, "%.0f", x);
	else
		appendStringInfo(note, "%.6g", x);
}

static void
append_numeric(StringInfo note, Numeric number)
{
	char	   *digits;

	digits = DatumGetCString(DirectFunctionCall1(numeric_out,
												 NumericGetDatum(number)));
	if (strlen(digits) > 24)
	{
		pfree(digits);
		digits = numeric_out_sci(number, 5);
	}
	appendStringInfoString(note, digits);
	pfree(digits);
}

/*
 * Counts something novel; whether it is to be named, its place is in the note.
 */
static bool
find(Walk *walk, const Place *place)
{
	if (walk->found++ >= MAX_NAMED || walk->note == NULL)
		return false;
	if (walk->found > 1)
		appendStringInfoString(walk->note, "; ");
	append_place(walk->note, place);
	return true;
}

static void
find_kind(Walk *walk, const Place *place, const Field *field, Kind kind)
{
	const char *separator = ", usually ";

	if (!find(walk, place))
		return;
	appendStringInfo(walk->note, " is %s", kinds[kind].phrase);
	for (int k = 0; k < KINDS; k++)
		if (field->kinds & (1 << k))
		{
			appendStringInfo(walk->note, "%s%s", separator, kinds[k].phrase);
			separator = " or ";
		}
}

static void
find_number(Walk *walk, const Place *place, const Field *field,
			Numeric number)
{
	double		x;
	double		distance;
	double		spread;

	if (!find(walk, place))
		return;
	x = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
										   NumericGetDatum(number)));
	if (!field->log)
		distance = x - field->centre;
	else
		distance = (x > 0) ? log(x) - log(field->centre) : -INFINITY;
	spread = (distance < 0) ? field->below : field->above;

	appendStringInfoString(walk->note, " is ");
	append_numeric(walk->note, number);
	if (spread > 0 && isfinite(distance / spread))
	{
		distance = fabs(distance / spread);
		appendStringInfo(walk->note, distance < 1e6 ? ", %.1f" : ", %.2g",
						 distance);
		appendStringInfoString(walk->note,
							   " robust deviations from the usual ");
	}
	else
		appendStringInfoString(walk->note, ", usually ");
	append_double(walk->note, field->centre);
}

static void
find_string(Walk *walk, const Place *place, const Word *word)
{
	if (!find(walk, place))
		return;
	appendStringInfoChar(walk->note, ' ');
	append_quoted(walk->note, word->data, word->len);
	appendStringInfoString(walk->note, " was never seen");
}

static void
find_boolean(Walk *walk, const Place *place, bool truth)
{
	if (find(walk, place))
		appendStringInfo(walk->note, " is %s, usually %s",
						 truth ? "true" : "false", truth ? "false" : "true");
}

static void
find_missing(Walk *walk, const Place *place)
{
	if (find(walk, place))
		appendStringInfoString(walk->note, " is missing");
}

static void
find_new(Walk *walk, const Place *place)
{
	if (find(walk, place))
		appendStringInfoString(walk->note, " is a new field");
}

/* ---------- the walk ---------- */

static inline int
compare_numbers(Numeric a, Numeric b)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(a),
											 NumericGetDatum(b)));
}

static inline Kind
entry_kind(JEntry entry, const char *data)
{
	switch (entry & JENTRY_TYPEMASK)
	{
		case JENTRY_ISSTRING:
			return KIND_STRING;
		case JENTRY_ISNUMERIC:
			return KIND_NUMBER;
		case JENTRY_ISBOOL_FALSE:
		case JENTRY_ISBOOL_TRUE:
			return KIND_BOOLEAN;
		case JENTRY_ISNULL:
			return KIND_NULL;
		default:
			data = (const char *) INTALIGN(data);
			return JsonContainerIsObject((const JsonbContainer *) data) ?
				KIND_OBJECT : KIND_ARRAY;
	}
}

static void walk_object(Walk *walk, const Place *place, const Field *field,
						const JsonbContainer *object, int depth);

/*
 * A value, whose data begin here but for the padding.
 */
static inline void
walk_value(Walk *walk, const Place *place, const Field *field, JEntry entry,
		   const char *data, int len, int depth)
{
	Kind		kind = entry_kind(entry, data);
	Word		word;
	Numeric		number;

	if (!(field->kinds & (1 << kind)))
	{
		find_kind(walk, place, field, kind);
		return;
	}
	switch (kind)
	{
		case KIND_NUMBER:
			number = (Numeric) INTALIGN(data);
			if (((field->lo && compare_numbers(number, field->lo) < 0) ||
				 (field->hi && compare_numbers(number, field->hi) > 0)) &&
				!(field->zero && compare_numbers(number, field->zero) == 0))
				find_number(walk, place, field, number);
			break;
		case KIND_STRING:
			word.data = data;
			word.len = len;
			if (field->nwords > 0 &&
				bsearch(&word, field->words, field->nwords, sizeof(Word),
						compare_words_qsort) == NULL)
				find_string(walk, place, &word);
			break;
		case KIND_BOOLEAN:
			if (!(field->booleans & (JBE_ISBOOL_TRUE(entry) ? 2 : 1)))
				find_boolean(walk, place, JBE_ISBOOL_TRUE(entry));
			break;
		case KIND_OBJECT:
			if (depth < MAX_DEPTH)
				walk_object(walk, place, field,
							(const JsonbContainer *) INTALIGN(data), depth + 1);
			break;
		default:
			break;
	}
}

/* whether the rest of the input does not matter any more */
static inline bool
decided(const Walk *walk)
{
	return walk->found > 0 && walk->note == NULL;
}

static void
walk_object(Walk *walk, const Place *outer, const Field *field,
			const JsonbContainer *object, int depth)
{
	uint32		n = JsonContainerSize(object);
	const JEntry *key_entry = object->children;
	const JEntry *value_entry = key_entry + n;
	const char *base = (const char *) (value_entry + n);
	const Field *known = field->fields;
	const Field *end = known + field->nfields;
	uint32		key_at = 0;
	uint32		value_at = (n > 0) ? getJsonbOffset(object, n) : 0;
	Place		place = {.outer = outer};

	for (uint32 i = 0; i < n && !decided(walk); i++)
	{
		uint32		key_end = key_at;
		uint32		value_end = value_at;
		Word		key;
		int			order = 1;

		JBE_ADVANCE_OFFSET(key_end, key_entry[i]);
		JBE_ADVANCE_OFFSET(value_end, value_entry[i]);
		key.data = base + key_at;
		key.len = key_end - key_at;

		while (known < end && (order = compare_words(&known->key, &key)) < 0)
		{
			if (known->expected)
			{
				place.key = known->key;
				find_missing(walk, &place);
			}
			known++;
		}
		place.key = key;
		if (known < end && order == 0)
			walk_value(walk, &place, known++, value_entry[i], base + value_at,
					   value_end - value_at, depth);
		else if (!field->open)
			find_new(walk, &place);
		key_at = key_end;
		value_at = value_end;
	}
	for (; known < end && !decided(walk); known++)
		if (known->expected)
		{
			place.key = known->key;
			find_missing(walk, &place);
		}
}

static void
walk_root(Walk *walk, const Field *root, Jsonb *input)
{
	JsonbContainer *container = &input->root;

	if (JB_ROOT_IS_SCALAR(input))
		walk_value(walk, NULL, root, container->children[0],
				   (const char *) &container->children[1],
				   getJsonbLength(container, 0), 0);
	else
		walk_value(walk, NULL, root, JENTRY_ISCONTAINER,
				   (const char *) container, 0, 0);
}

bool
hitl_novel(const HitlBaseline *baseline, Jsonb *input, StringInfo note)
{
	Walk		walk = {.note = note};

	if (!baseline->exists)
	{
		if (note)
			appendStringInfo(note, "baseline %d does not exist",
							 baseline->version);
		return true;
	}
	if (input == NULL)
	{
		if (baseline->root != NULL && baseline->root->expected)
			find_missing(&walk, NULL);
	}
	else if (baseline->root == NULL)
		find_new(&walk, NULL);
	else
		walk_root(&walk, baseline->root, input);
	if (note && walk.found > MAX_NAMED)
		appendStringInfo(note, "; and %d more", walk.found - MAX_NAMED);
	return walk.found > 0;
}
