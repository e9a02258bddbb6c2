/*
 * document.c
 *		Writes a decision as one jsonb object.
 *
 * Rules look at every gated row through such an object.  To build it through
 * the server's tree of JsonbValues would unpack each payload into its fields
 * and pack them again, which costs more than all the rules.  A container
 * within jsonb is stored as it would be on its own, so a payload is copied as
 * it is.
 *
 * The result is bit for bit what the server itself makes of the same object
 * (jsonb.h describes the form; see also reason.c).  That needs:
 *
 * - keys in jsonb's order, by length first, and the values in the same order
 *   after the last key;
 * - containers and numbers that begin at a multiple of four, filled up before
 *   with zeros, which count to the value;
 * - the place where it ends instead of the length for children 0, 32, 64, ...
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/uuid.h"

#include "document.h"

/* the keys in jsonb's order */
static const HitlKey key_order[] = {
	HITL_KEY_ID, HITL_KEY_TAGS, HITL_KEY_INPUT, HITL_KEY_MODEL,
	HITL_KEY_COHORT, HITL_KEY_OUTPUT, HITL_KEY_PARENT, HITL_KEY_CONTEXT,
	HITL_KEY_SIGNALS, HITL_KEY_SUBJECT, HITL_KEY_EXPOSURE, HITL_KEY_QUESTION,
	HITL_KEY_WORKFLOW, HITL_KEY_REASONING, HITL_KEY_CONFIDENCE,
	HITL_KEY_REVERSIBLE, HITL_KEY_ALTERNATIVES
};

StaticAssertDecl(lengthof(key_order) == HITL_NKEYS, "each key has its place");

/* a child of the object, before it is written; type is that of its entry */
typedef struct Child
{
	JEntry		type;
	const char *data;
	Size		len;
} Child;

pg_noreturn static void
too_long(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("a decision is longer than jsonb can be"),
			 errdetail("Its limit is %u bytes.", JENTRY_OFFLENMASK)));
}

static inline Child
string_child(const char *data, Size len)
{
	return (Child) {JENTRY_ISSTRING, data, len};
}

static inline Child
cstring_child(const char *string)
{
	return string_child(string, strlen(string));
}

static inline Child
text_child(Datum datum)
{
	text	   *packed = DatumGetTextPP(datum);

	return string_child(VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
}

static inline Child
numeric_child(Numeric number)
{
	return (Child) {JENTRY_ISNUMERIC, (char *) number, VARSIZE(number)};
}

/*
 * A scalar is stored as an array of one, and the child is what is in it.  With
 * a short header the container is not aligned.
 */
static Child
jsonb_child(Datum datum)
{
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(datum);
	const char *data = VARDATA_ANY(packed);
	uint32		header;
	JEntry		entry;

	memcpy(&header, data, sizeof(header));
	if (!(header & JB_FSCALAR))
		return (Child) {JENTRY_ISCONTAINER, data, VARSIZE_ANY_EXHDR(packed)};
	memcpy(&entry, data + sizeof(header), sizeof(entry));
	return (Child) {entry & JENTRY_TYPEMASK,
		data + sizeof(header) + sizeof(entry), JBE_OFFLENFLD(entry)};
}

/* where a child begins that comes after this end of the last */
static inline Size
align_child(const Child *child, Size end)
{
	return child->type == JENTRY_ISNUMERIC ||
		child->type == JENTRY_ISCONTAINER ? INTALIGN(end) : end;
}

/*
 * The bytes of a container with these children.
 */
static Size
measure(const Child *children, int n)
{
	Size		head = offsetof(JsonbContainer, children) +
		n * sizeof(JEntry);
	Size		end = 0;

	for (int i = 0; i < n; i++)
	{
		end = align_child(&children[i], end) + children[i].len;
		if (head + end > JENTRY_OFFLENMASK)
			too_long();
	}
	return head + end;
}

static void
put(JsonbContainer *container, uint32 header, const Child *children, int n)
{
	char	   *data = (char *) &container->children[n];
	Size		end = 0;

	container->header = header;
	for (int i = 0; i < n; i++)
	{
		Size		begin = end;

		end = align_child(&children[i], end);
		memset(data + begin, 0, end - begin);
		memcpy(data + end, children[i].data, children[i].len);
		end += children[i].len;
		if (i % JB_OFFSET_STRIDE == 0)
			container->children[i] = children[i].type | JENTRY_HAS_OFF |
				(JEntry) end;
		else
			container->children[i] = children[i].type | (JEntry) (end - begin);
	}
}

static Child
tags_child(Datum datum)
{
	JsonbContainer *container;
	Child	   *children;
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	Size		len;

	deconstruct_array(DatumGetArrayTypeP(datum), TEXTOID, -1, false,
					  TYPALIGN_INT, &elems, &nulls, &n);
	children = palloc_extended(n * sizeof(Child), MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
		children[i] = nulls[i] ? (Child) {JENTRY_ISNULL, "", 0} :
			text_child(elems[i]);
	len = measure(children, n);
	container = palloc(len);
	put(container, n | JB_FARRAY, children, n);
	return (Child) {JENTRY_ISCONTAINER, (char *) container, len};
}

static Child
column_child(Oid type, Datum datum, bool isnull)
{
	Child		null = {JENTRY_ISNULL, "", 0};

	if (type == BOOLOID)		/* reversible: NULL will be stored as false */
		return (Child) {!isnull && DatumGetBool(datum) ? JENTRY_ISBOOL_TRUE :
			JENTRY_ISBOOL_FALSE, "", 0};
	if (isnull)
		return null;
	switch (type)
	{
		case TEXTOID:
			return text_child(datum);
		case JSONBOID:
			return jsonb_child(datum);
		case TEXTARRAYOID:
			return tags_child(datum);
		case UUIDOID:
			return cstring_child(DatumGetCString(DirectFunctionCall1(uuid_out,
																	 datum)));
		case FLOAT8OID:
			/* a confidence; what is none, is not there */
			if (!(DatumGetFloat8(datum) >= 0.0 && DatumGetFloat8(datum) <= 1.0))
				return null;
			return numeric_child(DatumGetNumeric(DirectFunctionCall1(float8_numeric,
																	 datum)));
		case NUMERICOID:
			{
				Numeric		number = DatumGetNumeric(datum);

				/* no number in JSON: a text, so that comparing it fires */
				if (numeric_is_nan(number) || numeric_is_inf(number))
					return cstring_child(numeric_normalize(number));
				return numeric_child(number);
			}
	}
	return null;
}

Jsonb *
hitl_document(const HitlRow *row, uint32 keys)
{
	Child		children[2 * HITL_NKEYS];
	HitlKey		used[HITL_NKEYS];
	int			n = 0;
	Size		len;
	Jsonb	   *result;

	for (int i = 0; i < HITL_NKEYS; i++)
	{
		if (keys & (1U << key_order[i]))
			used[n++] = key_order[i];
	}
	for (int i = 0; i < n; i++)
	{
		HitlKey		key = used[i];

		children[i] = cstring_child(hitl_key[key].name);
		children[n + i] = column_child(hitl_key[key].type, row->value[key],
									   row->isnull[key]);
	}

	len = measure(children, 2 * n);
	result = palloc(VARHDRSZ + len);
	SET_VARSIZE(result, VARHDRSZ + len);
	put(&result->root, n | JB_FOBJECT, children, 2 * n);
	return result;
}
