// SPDX-License-Identifier: BSD-2-Clause
/* Gives what was measured the shape of a sample's parts. It never reads a file and never writes
 * one. */
#include "user/sample_json.h"

#include <stdio.h>

#define NS_PER_MS 1000000ULL

json_t *sample_number(uint64_t number)
{
	return number == UINT64_MAX ? json_null() : json_integer((json_int_t)number);
}

static json_t *psi_object(const struct psi *psi)
{
	json_t *object = json_object();

	for (int i = 0; i < PSI_RESOURCES; i++)
		if (psi->has[i])
			json_object_set_new(object, psi_name(i),
					    json_pack("{s:I, s:I}", "some_us",
						      (json_int_t)psi->of[i].some_us, "full_us",
						      (json_int_t)psi->of[i].full_us));
	return object;
}

void sample_add_psi(json_t *object, const char *key, const struct psi *psi)
{
	json_t *inner = psi_object(psi);

	if (json_object_size(inner))
		json_object_set(object, key, inner);
	json_decref(inner);
}

json_t *sample_cpu(const struct measure *since, uint64_t soft_ppm, uint64_t hard_ppm)
{
	json_t *object = json_pack("{s:I}", "usage_us", (json_int_t)since->usage_us);

	if (!since->has_quota)
		return object;
	json_object_set_new(object, "periods", sample_number(since->periods));
	json_object_set_new(object, "throttled", sample_number(since->throttled));
	json_object_set_new(object, "throttled_us", sample_number(since->throttled_us));
	json_object_set_new(object, "quota_us", sample_number(since->quota_us));
	json_object_set_new(object, "period_us", sample_number(since->period_us));
	if (soft_ppm && hard_ppm) {
		json_object_set_new(object, "soft_cores", json_real(soft_ppm / 1e6));
		json_object_set_new(object, "hard_cores", json_real(hard_ppm / 1e6));
	}
	json_object_set_new(object, "weight", sample_number(since->weight));
	return object;
}

json_t *sample_memory(const struct measure *since, const struct memory_rule *rule)
{
	json_t *object = json_pack(
		"{s:I, s:I, s:I, s:o}", "current_bytes", (json_int_t)since->current_bytes,
		"anon_bytes", (json_int_t)since->anon_bytes, "file_bytes",
		(json_int_t)since->file_bytes, "limit_bytes", sample_number(since->limit_bytes));

	if (rule->soft_bytes && rule->hard_bytes) {
		json_object_set_new(object, "soft_bytes", sample_number(rule->soft_bytes));
		json_object_set_new(object, "hard_bytes", sample_number(rule->hard_bytes));
	}
	json_object_set_new(object, "oom_kill", sample_number(since->oom_kill));
	return object;
}

json_t *sample_io(const struct measure *since)
{
	static const char *const counters[MEASURE_IO_KINDS] = {"rbytes", "wbytes", "rios", "wios"};
	json_t *object = json_object(), *limits = json_object();
	char device[24];

	snprintf(device, sizeof(device), "%u:%u", since->major, since->minor);
	json_object_set_new(object, "device", json_string(device));
	for (int i = 0; i < MEASURE_IO_KINDS; i++) {
		json_object_set_new(object, counters[i], sample_number(since->moved[i]));
		json_object_set_new(limits, measure_io_name(i), sample_number(since->limits[i]));
	}
	json_object_set_new(object, "limits", limits);
	return object;
}

json_t *sample_around(const struct measure *since)
{
	json_t *object = json_pack(
		"{s:I, s:I, s:I, s:I, s:I}", "interval_ms", (json_int_t)(since->at_ns / NS_PER_MS),
		"usage_us", (json_int_t)since->usage_us, "throttled_us",
		(json_int_t)since->throttled_us, "periods", (json_int_t)since->periods, "throttled",
		(json_int_t)since->throttled);

	if (since->has_memory) {
		json_object_set_new(object, "memory_bytes", sample_number(since->current_bytes));
		json_object_set_new(object, "oom_kill", sample_number(since->oom_kill));
	}
	sample_add_psi(object, "psi", &since->psi);
	return object;
}
