/*
 * cache.h
 *		When what a session remembers of the configuration is out of date, and
 *		how it is read.
 */
#ifndef HITL_CACHE_H
#define HITL_CACHE_H

#include "executor/spi.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/*
 * A number that changes whenever a configuration table may have changed.
 * What was loaded under an older number must be loaded again.  The call takes
 * in what other sessions have committed up to now.
 */
extern uint64 hitl_generation(void);

/* where cached entries live */
extern MemoryContext hitl_cache_context(void);

/*
 * The entry of this name, which must be shorter than NAMEDATALEN.  The table
 * is made when first needed.  Entries begin with the name, are zero behind it
 * when new, and never move.
 */
extern void *hitl_cache_entry(HTAB **table, const char *what,
							  size_t entrysize, const char *name);

/* who owns the extension's tables */
extern Oid	hitl_owner(void);

/* tables and indexes of the extension, by name */
extern Oid	hitl_relation_oid(const char *name);

/*
 * SPI with the rights of the extension's owner.  The queries run with a
 * caller's search_path: every name in them is qualified, operators too.
 */
typedef struct HitlSpi
{
	Oid			userid;
	int			sec_context;
} HitlSpi;

typedef struct HitlQuery
{
	const char *text;
	int			nargs;
	Oid			argtypes[4];
	SPIPlanPtr	plan;			/* NULL until first used */
} HitlQuery;

/* from here to the end, memory is that of the SPI, unless switched */
extern void hitl_spi_begin(HitlSpi *spi);
/* reads at most limit rows (0: all) with the given snapshot */
extern void hitl_spi_run(HitlQuery *query, Datum *args, Snapshot snapshot,
						 long limit);
/* with a snapshot of its own, and may write */
extern void hitl_spi_write(HitlQuery *query, Datum *args);
/* a column, counted from 1, of a row of the result, counted from 0 */
extern Datum hitl_spi_value(uint64 row, int number, bool *isnull);
/* the same, with what stands for null; a name is empty then */
extern char *hitl_spi_string(uint64 row, int number);	/* NULL */
extern int32 hitl_spi_int32(uint64 row, int number, int32 missing);
extern void hitl_spi_name(uint64 row, int number, NameData *to);
extern void hitl_spi_end(HitlSpi *spi);

#endif							/* HITL_CACHE_H */
