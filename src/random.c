/*
 * random.c
 *		Unpredictable numbers for identifiers, tokens and the audit lottery.
 *
 * All come from the server's strong source: an application that could foresee
 * its audit draws could choose what is audited.  The source is asked for a
 * block at a time, since a call to it costs more than a gated row should.
 * The buffer is empty in the postmaster, so no two processes share bytes.
 */
#include "hitl.h"

#include "random.h"

static unsigned char buffer[1024];
static size_t available = 0;

/* n is at most the size of the buffer */
void
hitl_random_bytes(void *to, size_t n)
{
	Assert(n <= sizeof(buffer));
	if (available < n)
	{
		if (!pg_strong_random(buffer, sizeof(buffer)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate random bytes")));
		available = sizeof(buffer);
	}
	available -= n;
	memcpy(to, buffer + available, n);
	memset(buffer + available, 0, n);	/* handed out once */
}

/* uniform in [0, 1): every multiple of 2^-53 is equally likely */
double
hitl_random_uniform(void)
{
	uint64		bits;

	hitl_random_bytes(&bits, sizeof(bits));
	return (double) (bits >> 11) * (1.0 / (double) (UINT64CONST(1) << 53));
}

/* a fencing token: positive, and not to be guessed */
int64
hitl_random_token(void)
{
	int64		token;

	do
	{
		hitl_random_bytes(&token, sizeof(token));
		token &= PG_INT64_MAX;
	} while (token == 0);
	return token;
}
