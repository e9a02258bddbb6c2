/*
 * reason.c
 *		Writes the reasons of a decision as jsonb, byte by byte.
 *
 * Every gated row has reasons, and building them through the server's tree of
 * JsonbValues costs more than the rest of the judgement.  Their shape is known:
 * an array of objects with the same three keys, so it is measured and written
 * straight into its place.
 *
 * The result is bit for bit what the server itself makes of the same array
 * (jsonb.h describes the form), so it compares, hashes and indexes as any
 * other jsonb.  That needs:
 *
 * - keys in jsonb's order, by length first: rule, detail, trigger;
 * - the values in the same order after the last key;
 * - containers that begin at a multiple of four, filled up with zeros, which
 *   count to the container;
 * - the place where it ends instead of the length for children 0, 32, 64, ...
 */
#include "hitl.h"

#include "reason.h"

#define NKEYS		3
#define KEYS		"rule" "detail" "trigger"
#define KEYS_LEN	(sizeof(KEYS) - 1)

/* of an object: its header, and an entry for each key and value */
#define HEAD_LEN	(sizeof(uint32) + 2 * NKEYS * sizeof(JEntry))

/* what all these objects begin with: the header and the entries of the keys */
static const uint32 object_head[1 + NKEYS] = {
	NKEYS | JB_FOBJECT,
	4 | JENTRY_ISSTRING | JENTRY_HAS_OFF,
	6 | JENTRY_ISSTRING,
	7 | JENTRY_ISSTRING
};

static inline const HitlReason *
reason_array(const HitlReasons *reasons)
{
	return reasons->more ? reasons->more : reasons->first;
}

void
hitl_reason_add(HitlReasons *reasons, const char *trigger, const char *rule,
				const char *detail)
{
	HitlReason *place;

	if (reasons == NULL)
		return;

	if (reasons->n < (int) lengthof(reasons->first))
		place = &reasons->first[reasons->n];
	else
	{
		if (reasons->more == NULL)
		{
			reasons->size = 2 * lengthof(reasons->first);
			reasons->more = palloc_array(HitlReason, reasons->size);
			memcpy(reasons->more, reasons->first, sizeof(reasons->first));
		}
		else if (reasons->n == reasons->size)
		{
			reasons->size *= 2;
			reasons->more = repalloc_array(reasons->more, HitlReason,
										   reasons->size);
		}
		place = &reasons->more[reasons->n];
	}
	place->trigger = trigger;
	place->rule = rule;
	place->detail = detail;
	reasons->n++;
}

pg_noreturn static void
too_long(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("the reasons of a decision are longer than jsonb can be"),
			 errdetail("Its limit is %u bytes.", JENTRY_OFFLENMASK)));
}

/* the bytes of an object without what it is filled up with */
static inline Size
measure(const HitlReason *reason)
{
	Size		len = KEYS_LEN + strlen(reason->detail) +
		strlen(reason->trigger);

	if (reason->rule)
		len += strlen(reason->rule);
	if (len > JENTRY_OFFLENMASK)
		too_long();
	return HEAD_LEN + len;
}

static inline char *
put_string(char *at, JEntry *entry, const char *string)
{
	Size		len = strlen(string);

	*entry = JENTRY_ISSTRING | (JEntry) len;
	memcpy(at, string, len);
	return at + len;
}

/* writes the object at a multiple of four, returns where it ends */
static char *
put_reason(char *at, const HitlReason *reason)
{
	JEntry	   *entry = (JEntry *) (at + sizeof(object_head));

	memcpy(at, object_head, sizeof(object_head));
	at = (char *) (entry + NKEYS);
	memcpy(at, KEYS, KEYS_LEN);
	at += KEYS_LEN;

	if (reason->rule)
		at = put_string(at, entry, reason->rule);
	else
		*entry = JENTRY_ISNULL;
	at = put_string(at, entry + 1, reason->detail);
	return put_string(at, entry + 2, reason->trigger);
}

Jsonb *
hitl_reasons_build(const HitlReasons *reasons)
{
	const HitlReason *reason = reason_array(reasons);
	int			n = reasons->n;
	Jsonb	   *result;
	Size		len = 0;
	Size		head;
	char	   *data;
	char	   *at;

	for (int i = 0; i < n; i++)
	{
		len = INTALIGN(len) + measure(&reason[i]);
		if (len > JENTRY_OFFLENMASK)
			too_long();
	}

	head = offsetof(Jsonb, root) + offsetof(JsonbContainer, children) +
		n * sizeof(JEntry);
	result = palloc(head + len);
	SET_VARSIZE(result, head + len);
	result->root.header = n | JB_FARRAY;

	data = at = (char *) result + head;
	for (int i = 0; i < n; i++)
	{
		char	   *begin = at;
		JEntry		entry = JENTRY_ISCONTAINER;

		while ((at - data) % sizeof(int32) != 0)
			*at++ = '\0';
		at = put_reason(at, &reason[i]);
		if (i % JB_OFFSET_STRIDE == 0)
			entry |= JENTRY_HAS_OFF | (JEntry) (at - data);
		else
			entry |= (JEntry) (at - begin);
		result->root.children[i] = entry;
	}
	Assert(at == (char *) result + VARSIZE(result));
	return result;
}
