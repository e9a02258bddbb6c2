/*
 * text.h
 *		Texts that callers give.
 */
#ifndef HITL_TEXT_H
#define HITL_TEXT_H

#include "fmgr.h"

/* an argument, or NULL */
extern text *hitl_text_arg(FunctionCallInfo fcinfo, int i);

/* byte by byte; NULL is the same as NULL alone */
extern bool hitl_same_text(text *a, text *b);

extern bool hitl_only_spaces(const char *string, size_t len);

/* a name, or what claims to be one, short enough for a message */
extern char *hitl_clip(const char *name);

#endif							/* HITL_TEXT_H */
