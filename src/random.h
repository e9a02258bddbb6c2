/*
 * random.h
 *		Unpredictable numbers for identifiers, tokens and the audit lottery.
 */
#ifndef HITL_RANDOM_H
#define HITL_RANDOM_H

extern void hitl_random_bytes(void *to, size_t n);
extern double hitl_random_uniform(void);
extern int64 hitl_random_token(void);

#endif							/* HITL_RANDOM_H */
