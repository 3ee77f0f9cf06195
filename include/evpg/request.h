/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/request.h
 * What can be done with a request until its done callback has returned.
 */
#ifndef EVPG_REQUEST_H
#define EVPG_REQUEST_H

#include <evpg/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Has the rows go on that the row callback has paused by EVPG_PAUSE. Those that had been received
 * come first, from the loop, never from inside this call. Called during the row callback, it takes
 * back the pause that this callback is about to return. Else it does nothing.
 *
 * @param request NULL is allowed
 */
EVPG_EXPORT void evpg_request_resume(struct evpg_request *request);

#ifdef __cplusplus
}
#endif

#endif
