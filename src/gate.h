/*
 * gate.h
 *		The gate: does this decision need a person?
 */
#ifndef HITL_GATE_H
#define HITL_GATE_H

extern void hitl_gate_init(void);

#endif							/* HITL_GATE_H */
