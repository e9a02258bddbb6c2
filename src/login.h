/*
 * login.h
 *		How the client of this session has logged in.
 */
#ifndef HITL_LOGIN_H
#define HITL_LOGIN_H

/* as in pg_hba.conf: cert, scram-sha-256, ...; NULL: not known */
extern const char *hitl_login_method(void);

extern void hitl_login_init(void);

#endif							/* HITL_LOGIN_H */
