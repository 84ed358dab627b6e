// SPDX-License-Identifier: BSD-2-Clause
/* Finds the moments of one change among its stamps. Pure: no file, no clock, no process. */
#include "user/latency_trace.h"

#include <errno.h>

typedef const struct cgbpf_latency_event event_t;

static bool is_write_of(event_t *event, uint64_t inode, uint64_t after_ns)
{
	return event->kind == CGBPF_LATENCY_WRITE && event->inode == inode && event->result > 0 &&
	       event->begin_ns >= after_ns;
}

/* The first one: from then on the kernel has it. */
static event_t *first_write(const struct latency_trace *trace, uint64_t inode, uint64_t after_ns)
{
	for (size_t i = 0; i < trace->cnt; i++)
		if (is_write_of(&trace->events[i], inode, after_ns))
			return &trace->events[i];
	return NULL;
}

/* The last of this kind and role in the time given, or NULL; of the client's only, if PEER. */
static event_t *last_of(const struct latency_trace *trace, enum cgbpf_latency_kind kind,
			enum cgbpf_latency_role role, uint32_t peer, uint64_t after_ns,
			uint64_t before_ns)
{
	event_t *last = NULL;

	for (size_t i = 0; i < trace->cnt; i++) {
		event_t *event = &trace->events[i];

		if (event->kind == kind && event->role == role && event->end_ns >= after_ns &&
		    event->end_ns <= before_ns && (!peer || event->peer_pid == peer) &&
		    (!last || event->end_ns >= last->end_ns))
			last = event;
	}
	return last;
}

/*
 * A client asks for the API's version first, on the same connection: its last words before the
 * write are the request. Go's server waits for the end of a connection with a read of one byte,
 * which may take the request's first.
 */
static event_t *receive_of(const struct latency_trace *trace, const struct latency_request *request,
			   uint64_t before_ns)
{
	event_t *last = last_of(trace, CGBPF_LATENCY_RECEIVE, request->daemon, request->client_pid,
				request->start_ns, before_ns);
	event_t *first;

	if (!last)
		return NULL;
	first = last_of(trace, CGBPF_LATENCY_RECEIVE, request->daemon, request->client_pid,
			request->start_ns, last->end_ns - 1);
	return first && first->result == 1 ? first : last;
}

static event_t *exec_of(const struct latency_trace *trace, uint32_t pid)
{
	for (size_t i = 0; i < trace->cnt; i++)
		if (trace->events[i].kind == CGBPF_LATENCY_EXEC && trace->events[i].pid == pid)
			return &trace->events[i];
	return NULL;
}

int latency_moments_of(const struct latency_trace *trace, const struct latency_request *request,
		       struct latency_moments *ret_moments)
{
	event_t *write = first_write(trace, request->inode, request->start_ns), *asked = NULL;
	struct latency_moments moments;

	if (trace->is_cut)
		return -EOVERFLOW;
	if (!write)
		return -ENODATA;
	if (request->daemon)
		asked = receive_of(trace, request, write->begin_ns);
	else if (request->client_pid)
		asked = exec_of(trace, request->client_pid);
	if (!asked && request->client_pid)
		return -ENOMSG;
	moments.request_ns = asked ? asked->end_ns : request->start_ns;
	moments.entered_ns = write->begin_ns;
	moments.left_ns = write->end_ns;
	*ret_moments = moments;
	return 0;
}

bool latency_stages_of(const struct latency_trace *trace, const struct latency_request *request,
		       uint64_t ret_ns[LATENCY_STAGES])
{
	event_t *receive, *containerd, *shim, *start, *exec = NULL, *first = NULL, *last = NULL;

	/* Either limit: the runtime writes what it was told of both. */
	for (size_t i = 0; i < trace->cnt; i++) {
		event_t *event = &trace->events[i];

		if (!is_write_of(event, request->inode, request->start_ns) &&
		    !is_write_of(event, request->other_inode, request->start_ns))
			continue;
		first = first ? first : event;
		last = event;
	}
	if (!first || trace->is_cut)
		return false;
	receive = receive_of(trace, request, first->begin_ns);
	/* Not by the writer: where systemd keeps the cgroups, runc has it write. */
	exec = last_of(trace, CGBPF_LATENCY_EXEC, CGBPF_LATENCY_SHIM, 0, request->start_ns,
		       first->begin_ns);
	if (!exec || !receive)
		return false;
	/* Backwards from runc: what led to it, and not an earlier question or a look at health. */
	start = NULL;
	for (size_t i = 0; i < trace->cnt; i++)
		if (trace->events[i].kind == CGBPF_LATENCY_START &&
		    trace->events[i].pid == exec->pid)
			start = &trace->events[i];
	if (!start)
		return false;
	shim = last_of(trace, CGBPF_LATENCY_RECEIVE, CGBPF_LATENCY_SHIM, 0, receive->end_ns,
		       start->end_ns);
	if (!shim)
		return false;
	containerd = last_of(trace, CGBPF_LATENCY_RECEIVE, CGBPF_LATENCY_CONTAINERD, 0,
			     receive->end_ns, shim->end_ns);
	ret_ns[LATENCY_STAGE_CLIENT] = receive->end_ns - request->start_ns;
	ret_ns[LATENCY_STAGE_DOCKERD] = (containerd ? containerd : shim)->end_ns - receive->end_ns;
	ret_ns[LATENCY_STAGE_CONTAINERD] =
		containerd ? shim->end_ns - containerd->end_ns : UINT64_MAX;
	ret_ns[LATENCY_STAGE_SHIM] = start->end_ns - shim->end_ns;
	ret_ns[LATENCY_STAGE_START] = exec->end_ns - start->end_ns;
	ret_ns[LATENCY_STAGE_RUNC] = first->begin_ns - exec->end_ns;
	ret_ns[LATENCY_STAGE_WRITES] = last->end_ns - first->begin_ns;
	ret_ns[LATENCY_STAGE_RETURN] =
		request->end_ns > last->end_ns ? request->end_ns - last->end_ns : 0;
	return true;
}
