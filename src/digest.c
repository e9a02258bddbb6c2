/*
 * digest.c
 *		One digest for one jsonb value, in any database.
 *
 * A digest taken here is compared with one taken elsewhere: in a database of
 * another encoding, after a restore, by a program of its own.  So it is not
 * taken of what the server happens to store, but of a canonical form:
 *
 *		null			n
 *		false, true		f, t
 *		number			d, whole number without zeros at its end, e, power of
 *						ten, semicolon: -12.50 is d-125e-1; and 0 is d0e0;
 *		string			s, length in bytes, colon, bytes
 *		array			[, its elements, ]
 *		object			{, key and value of each pair, }
 *
 * Lengths and powers are in decimal without leading zeros.  Strings and keys
 * are UTF-8 (in a database of encoding SQL_ASCII the bytes as they are), keys
 * are written as strings, shorter ones before longer ones and those of one
 * length in the order of their bytes.  Duplicates jsonb has settled: the last
 * one counts.  The digest is the SHA-256 of the form.
 *
 * - Values that are equal (jsonb's =) have the same form, since what they
 *   differ in is not in it: notation and scale of numbers, order of keys.
 * - Values that differ have different forms: each begins with what it is, and
 *   tells where it ends.
 *
 * The order of keys is that of jsonb itself where strings are stored as they
 * are hashed; elsewhere it may not be, and is made here.
 *
 * Nesting costs no stack, and what is kept at a time is one level for each
 * open container and a buffer: the time is linear in the size of the value.
 *
 * The packet of a decision, what a reviewer is shown of it, is hashed as one
 * object, so that its digest can be had from SQL too: the pairs are those of
 * the columns that are not NULL.
 */
#include "hitl.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "decision.h"
#include "digest.h"

PG_FUNCTION_INFO_V1(hitl_digest);
PG_FUNCTION_INFO_V1(hitl_packet_hash);

/* what is shown of a decision, in the order of the names */
static const HitlKey packet_key[] = {
	HITL_KEY_ID, HITL_KEY_INPUT, HITL_KEY_OUTPUT, HITL_KEY_CONTEXT,
	HITL_KEY_QUESTION, HITL_KEY_REASONING, HITL_KEY_CONFIDENCE,
	HITL_KEY_ALTERNATIVES
};

/* a pair whose place had to be found */
typedef struct Pair
{
	char	   *key;
	int			len;
	bool		converted;		/* key is a copy */
	uint32		index;			/* of the value among the values */
	uint32		offset;			/* of the value in the container's data */
} Pair;

/* a container that is being written */
typedef struct Level
{
	JsonbContainer *container;
	char	   *data;			/* of the children */
	uint32		count;			/* of elements or pairs */
	uint32		next;			/* the one to be written next */
	uint32		key_offset;		/* of the next key */
	uint32		offset;			/* of the next element or value */
	Pair	   *pairs;			/* in order; NULL: as in the container */
} Level;

typedef struct Digest
{
	pg_cryptohash_ctx *hash;
	bool		convert;		/* strings are not stored as UTF-8 */
	Level	   *levels;
	int			depth;			/* levels in use */
	int			size;			/* levels there is room for */
	int			used;			/* bytes of buffer */
	uint8		buffer[8192];	/* goes to the hash when it is full */
} Digest;

static void
check_hash(Digest *d, int status)
{
	if (status < 0)
		elog(ERROR, "could not compute a digest: %s",
			 pg_cryptohash_error(d->hash));
}

static void
flush(Digest *d)
{
	CHECK_FOR_INTERRUPTS();
	check_hash(d, pg_cryptohash_update(d->hash, d->buffer, d->used));
	d->used = 0;
}

static inline void
put_char(Digest *d, char c)
{
	if (d->used == sizeof(d->buffer))
		flush(d);
	d->buffer[d->used++] = (uint8) c;
}

static void
put_bytes(Digest *d, const char *bytes, Size len)
{
	while (len > 0)
	{
		Size		part = Min(len, sizeof(d->buffer) - d->used);

		memcpy(d->buffer + d->used, bytes, part);
		d->used += part;
		bytes += part;
		len -= part;
		if (len > 0)
			flush(d);
	}
}

/* in decimal, filled up with zeros to this many digits */
static void
put_int(Digest *d, int number, int digits)
{
	char		text[12];
	int			at = sizeof(text);
	int			rest = abs(number);

	while (rest > 0 || digits > 0)
	{
		text[--at] = '0' + rest % 10;
		rest /= 10;
		digits--;
	}
	if (number < 0)
		text[--at] = '-';
	put_bytes(d, text + at, sizeof(text) - at);
}

/*
 * The string as it is hashed; *copied if that is not where it is stored.
 */
static char *
canonical_string(Digest *d, char *string, int *len, bool *copied)
{
	char	   *utf8;

	*copied = false;
	if (!d->convert)
		return string;
	utf8 = pg_server_to_any(string, *len, PG_UTF8);
	if (utf8 != string)
	{
		*copied = true;
		*len = strlen(utf8);
	}
	return utf8;
}

static void
put_canonical(Digest *d, const char *string, int len)
{
	put_char(d, 's');
	put_int(d, len, 1);
	put_char(d, ':');
	put_bytes(d, string, len);
}

static void
put_string(Digest *d, char *string, int len)
{
	bool		copied;
	char	   *utf8 = canonical_string(d, string, &len, &copied);

	put_canonical(d, utf8, len);
	if (copied)
		pfree(utf8);
}

static inline int
get_int16(const char *at)
{
	uint16		number;

	memcpy(&number, at, sizeof(number));
	return (int16) pg_ntoh16(number);
}

/*
 * The server's own form for the wire tells the digits of a number, to the
 * base of 10000, and the power that the first one has: no more digits than
 * are stored, however large the number is.
 */
static void
put_number(Digest *d, Numeric number)
{
	Datum		sent = DirectFunctionCall1(numeric_send,
										   NumericGetDatum(number));
	bytea	   *wire = DatumGetByteaPP(sent);
	const char *head = VARDATA_ANY(wire);
	const char *digits = head + 8;
	int			n = get_int16(head) & 0xFFFF;
	int			weight = get_int16(head + 2);
	int			sign = get_int16(head + 4) & 0xFFFF;
	int			last;
	int			zeros = 0;

	if (sign != 0 && sign != 0x4000)
		elog(ERROR, "number in jsonb is not finite");

	put_char(d, 'd');
	while (n > 0 && get_int16(digits + 2 * (n - 1)) == 0)
		n--;
	while (n > 0 && get_int16(digits) == 0)
	{
		digits += 2;
		n--;
		weight--;
	}
	if (n == 0)
	{
		put_bytes(d, "0e0;", 4);
		pfree(wire);
		return;
	}

	if (sign != 0)
		put_char(d, '-');
	for (int i = 0; i < n - 1; i++)
		put_int(d, get_int16(digits + 2 * i), i == 0 ? 1 : 4);
	last = get_int16(digits + 2 * (n - 1));
	for (; last % 10 == 0; last /= 10)
		zeros++;
	put_int(d, last, n == 1 ? 1 : 4 - zeros);
	put_char(d, 'e');
	put_int(d, 4 * (weight - n + 1) + zeros, 1);
	put_char(d, ';');
	pfree(wire);
}

/* the length of a child that begins at this offset */
static inline uint32
child_len(JEntry entry, uint32 offset)
{
	return JBE_HAS_OFF(entry) ? JBE_OFFLENFLD(entry) - offset :
		JBE_OFFLENFLD(entry);
}

static int
compare_pairs(const void *a, const void *b)
{
	const Pair *x = a;
	const Pair *y = b;
	int			order = (x->len > y->len) - (x->len < y->len);

	if (order == 0)
		order = memcmp(x->key, y->key, x->len);
	/* characters that are one in Unicode: as they come */
	if (order == 0)
		order = (x->index > y->index) - (x->index < y->index);
	return order;
}

/*
 * Where strings are hashed as they are stored, the order is that of jsonb.
 * Elsewhere the keys must be converted to know it.
 */
static void
order_pairs(Digest *d, Level *level)
{
	JEntry	   *entry = level->container->children;
	uint32		key_offset = 0;
	uint32		offset = level->offset;
	bool		ordered = true;

	level->pairs = palloc_array(Pair, level->count);
	for (uint32 i = 0; i < level->count; i++)
	{
		Pair	   *pair = &level->pairs[i];

		pair->len = child_len(entry[i], key_offset);
		pair->key = canonical_string(d, level->data + key_offset, &pair->len,
									 &pair->converted);
		pair->index = i;
		pair->offset = offset;
		JBE_ADVANCE_OFFSET(key_offset, entry[i]);
		JBE_ADVANCE_OFFSET(offset, entry[level->count + i]);
		if (i > 0 && compare_pairs(pair - 1, pair) > 0)
			ordered = false;
	}
	if (!ordered)
		qsort(level->pairs, level->count, sizeof(Pair), compare_pairs);
}

static void
open_container(Digest *d, JsonbContainer *container)
{
	bool		is_object = JsonContainerIsObject(container);
	Level	   *level;

	if (d->depth == d->size)
	{
		d->size *= 2;
		d->levels = repalloc_array(d->levels, Level, d->size);
	}
	level = &d->levels[d->depth++];
	level->container = container;
	level->count = JsonContainerSize(container);
	level->next = 0;
	level->key_offset = 0;
	level->offset = 0;
	level->pairs = NULL;
	if (is_object)
	{
		level->data = (char *) &container->children[2 * level->count];
		/* the values begin where the keys end */
		for (uint32 i = 0; i < level->count; i++)
			JBE_ADVANCE_OFFSET(level->offset, container->children[i]);
		if (d->convert && level->count > 1)
			order_pairs(d, level);
	}
	else
		level->data = (char *) &container->children[level->count];
	if (!JsonContainerIsScalar(container))
		put_char(d, is_object ? '{' : '[');
}

static void
close_container(Digest *d)
{
	Level	   *level = &d->levels[--d->depth];

	if (level->pairs)
		pfree(level->pairs);
	if (!JsonContainerIsScalar(level->container))
		put_char(d, JsonContainerIsObject(level->container) ? '}' : ']');
}

/* writes a child, or opens it if it has children of its own */
static void
put_child(Digest *d, char *data, JEntry entry, uint32 offset)
{
	if (JBE_ISSTRING(entry))
		put_string(d, data + offset, child_len(entry, offset));
	else if (JBE_ISNUMERIC(entry))
		put_number(d, (Numeric) (data + INTALIGN(offset)));
	else if (JBE_ISNULL(entry))
		put_char(d, 'n');
	else if (JBE_ISBOOL_TRUE(entry))
		put_char(d, 't');
	else if (JBE_ISBOOL_FALSE(entry))
		put_char(d, 'f');
	else
		open_container(d, (JsonbContainer *) (data + INTALIGN(offset)));
}

static void
put_next(Digest *d, Level *level)
{
	JEntry	   *entry = level->container->children;
	uint32		i = level->next++;
	uint32		offset = level->offset;

	if (level->pairs)
	{
		Pair	   *pair = &level->pairs[i];

		put_canonical(d, pair->key, pair->len);
		if (pair->converted)
			pfree(pair->key);
		entry += level->count + pair->index;
		offset = pair->offset;
	}
	else
	{
		if (JsonContainerIsObject(level->container))
		{
			put_string(d, level->data + level->key_offset,
					   child_len(entry[i], level->key_offset));
			JBE_ADVANCE_OFFSET(level->key_offset, entry[i]);
			entry += level->count;
		}
		entry += i;
		JBE_ADVANCE_OFFSET(level->offset, *entry);
	}
	/* this may move the levels */
	put_child(d, level->data, *entry, offset);
}

/* a value, whole */
static void
put_value(Digest *d, Jsonb *value)
{
	open_container(d, &value->root);
	while (d->depth > 0)
	{
		Level	   *level = &d->levels[d->depth - 1];

		if (level->next < level->count)
			put_next(d, level);
		else
			close_container(d);
	}
}

static void
begin(Digest *d)
{
	d->hash = pg_cryptohash_create(PG_SHA256);
	check_hash(d, pg_cryptohash_init(d->hash));
	d->convert = GetDatabaseEncoding() != PG_UTF8 &&
		GetDatabaseEncoding() != PG_SQL_ASCII;
	d->used = 0;
	d->depth = 0;
	d->size = 16;
	d->levels = palloc_array(Level, d->size);
}

static bytea *
finish(Digest *d)
{
	bytea	   *result = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);

	SET_VARSIZE(result, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	flush(d);
	check_hash(d, pg_cryptohash_final(d->hash, (uint8 *) VARDATA(result),
									  PG_SHA256_DIGEST_LENGTH));
	pg_cryptohash_free(d->hash);
	pfree(d->levels);
	return result;
}

Datum
hitl_digest(PG_FUNCTION_ARGS)
{
	Jsonb	   *value = PG_GETARG_JSONB_P(0);
	bytea	   *result;
	Digest		d;

	begin(&d);
	put_value(&d, value);
	result = finish(&d);
	PG_FREE_IF_COPY(value, 0);
	PG_RETURN_BYTEA_P(result);
}

/*
 * The shortest decimal that is this number, in the form of put_number without
 * a detour through numeric.  What is no number is a string.
 */
static void
put_float(Digest *d, double number)
{
	char		text[DOUBLE_SHORTEST_DECIMAL_LEN];
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];
	int			len = double_to_shortest_decimal_bufn(number, text);
	char	   *at = text;
	char	   *end;
	int			n = 0;
	int			first = 0;
	int			power = 0;

	text[len] = '\0';
	if (!isfinite(number))
	{
		put_string(d, text, len);
		return;
	}
	put_char(d, 'd');
	if (number == 0)
	{
		put_bytes(d, "0e0;", 4);
		return;
	}
	if (*at == '-')
		put_char(d, *at++);
	end = strchr(at, 'e');
	if (end != NULL)
		power = atoi(end + 1);
	else
		end = text + len;
	for (bool fraction = false; at < end; at++)
	{
		if (*at == '.')
			fraction = true;
		else
		{
			digits[n++] = *at;
			power -= fraction;
		}
	}
	for (; digits[n - 1] == '0'; n--)
		power++;
	while (digits[first] == '0')
		first++;
	put_bytes(d, digits + first, n - first);
	put_char(d, 'e');
	put_int(d, power, 1);
	put_char(d, ';');
}

static void
put_column(Digest *d, HitlKey key, Datum value)
{
	switch (hitl_key[key].type)
	{
		case JSONBOID:
			put_value(d, DatumGetJsonbP(value));
			break;
		case FLOAT8OID:
			put_float(d, DatumGetFloat8(value));
			break;
		case UUIDOID:
			{
				char	   *id = DatumGetCString(DirectFunctionCall1(uuid_out, value));

				put_string(d, id, strlen(id));
				break;
			}
		default:
			{
				text	   *packed = DatumGetTextPP(value);

				put_string(d, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
			}
	}
}

bytea *
hitl_packet_hash_of(const HitlRow *row)
{
	Digest		d;

	begin(&d);
	put_char(&d, '{');
	for (int i = 0; i < (int) lengthof(packet_key); i++)
	{
		HitlKey		key = packet_key[i];
		const char *name = hitl_key[key].name;

		if (row->isnull[key])
			continue;
		put_canonical(&d, name, strlen(name));
		put_column(&d, key, row->value[key]);
	}
	put_char(&d, '}');
	return finish(&d);
}

bytea *
hitl_packet_hash_now(const pg_uuid_t *decision)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	HitlDecision found;
	bytea	   *result = NULL;

	if (hitl_decision_open(&found, decision, snapshot))
	{
		result = hitl_packet_hash_of(&found.row);
		hitl_decision_close(&found);
	}
	UnregisterSnapshot(snapshot);
	return result;
}

Datum
hitl_packet_hash(PG_FUNCTION_ARGS)
{
	bytea	   *result = hitl_packet_hash_now(PG_GETARG_UUID_P(0));

	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(result);
}
