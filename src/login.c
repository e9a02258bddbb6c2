/*
 * login.c
 *		How the client of this session has logged in.
 *
 * A policy can demand it of verdicts, and each verdict records it.  The server
 * knows it for the whole session from version 16 on.  Before, it is known only
 * while the client logs in, so it is kept then; without preloading it is not
 * known, and no such demand is met.
 */
#include "hitl.h"

/*
 * Their own headers need not be there to build an extension, and what is read
 * here is at the same place without.
 */
#undef ENABLE_GSS
#undef ENABLE_SSPI
#undef USE_OPENSSL
#undef USE_SSL

#include "libpq/auth.h"
#include "libpq/hba.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"

#include "login.h"

#ifndef HITL_SERVER_KNOWS_LOGIN

static ClientAuthentication_hook_type previous_hook = NULL;
static const char *method = NULL;

static void
remember(Port *port, int status)
{
	if (previous_hook)
		previous_hook(port, status);
	if (status == STATUS_OK && port->hba)
		method = hba_authname(port->hba->auth_method);
}

const char *
hitl_login_method(void)
{
	return method;
}

void
hitl_login_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	previous_hook = ClientAuthentication_hook;
	ClientAuthentication_hook = remember;
}

#else

/* who was simply trusted has no identity there */
const char *
hitl_login_method(void)
{
	if (MyProcPort == NULL)
		return NULL;
	return hba_authname(MyClientConnectionInfo.authn_id ?
						MyClientConnectionInfo.auth_method : uaTrust);
}

void
hitl_login_init(void)
{
}

#endif
