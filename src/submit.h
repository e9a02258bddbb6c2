/*
 * submit.h
 *		Requests and the decisions that were made of them.
 */
#ifndef HITL_SUBMIT_H
#define HITL_SUBMIT_H

/*
 * Keeps the key under which the application will know a decision again.
 * Raises 23505, naming the decision that has it, if it was used before.
 * Whoever else is at the same key is waited for.
 */
extern void hitl_request_keep(Datum workflow, Datum request_id,
							  Datum decision);

#endif							/* HITL_SUBMIT_H */
