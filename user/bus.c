/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns the conversation with systemd over D-Bus. It never runs a program.
 *
 * libsystemd is loaded when it is first needed: with its own libraries it is larger than all of
 * cgbpf, and few need it.
 */
#include "user/bus.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "user/text.h"

#define SERVICE "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define MANAGER SERVICE ".Manager"
#define JOB_TIMEOUT_US (30 * 1000000ULL)

#define FUNCTIONS(_)                                                                               \
	_(sd_bus_open_system)                                                                      \
	_(sd_bus_open_user)                                                                        \
	_(sd_bus_flush_close_unref)                                                                \
	_(sd_bus_call)                                                                             \
	_(sd_bus_call_method)                                                                      \
	_(sd_bus_message_new_method_call)                                                          \
	_(sd_bus_message_append)                                                                   \
	_(sd_bus_message_append_array)                                                             \
	_(sd_bus_message_open_container)                                                           \
	_(sd_bus_message_close_container)                                                          \
	_(sd_bus_message_read)                                                                     \
	_(sd_bus_message_unref)                                                                    \
	_(sd_bus_match_signal)                                                                     \
	_(sd_bus_process)                                                                          \
	_(sd_bus_wait)                                                                             \
	_(sd_bus_get_property_string)                                                              \
	_(sd_bus_error_free)

#define DECLARE(name) static __typeof__(name) *p_##name;
FUNCTIONS(DECLARE)

struct bus {
	sd_bus *bus;
	char *job; /* the one that is waited for */
	char result[32]; /* of it; empty: not yet */
};

static int load(void)
{
	static void *library;

	if (library)
		return 0;
	library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return -ELIBACC;
#define LOOK_UP(name)                                                                              \
	p_##name = (__typeof__(p_##name))dlsym(library, #name);                                    \
	if (!p_##name)                                                                             \
		return -ELIBACC;
	FUNCTIONS(LOOK_UP)
	return 0;
}

static int say(char *error, size_t error_len, int err, const sd_bus_error *bus_error)
{
	const char *text = bus_error && bus_error->message ? bus_error->message : strerror(-err);

	text_escape(text, strlen(text), error, error_len);
	return err;
}

static int on_job_removed(sd_bus_message *message, void *context, sd_bus_error *error)
{
	const char *job, *unit, *result;
	struct bus *bus = context;
	uint32_t id;

	(void)error;
	if (p_sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) >= 0 && bus->job &&
	    strcmp(bus->job, job) == 0)
		snprintf(bus->result, sizeof(bus->result), "%s", result);
	return 0;
}

int bus__open(struct bus **ret_bus)
{
	struct bus *bus;
	int err = load();

	if (err)
		return err;
	bus = calloc(1, sizeof(*bus));
	if (!bus)
		return -ENOMEM;
	err = geteuid() == 0 ? p_sd_bus_open_system(&bus->bus) : p_sd_bus_open_user(&bus->bus);
	if (err >= 0)
		err = p_sd_bus_match_signal(bus->bus, NULL, SERVICE, OBJECT, MANAGER, "JobRemoved",
					    on_job_removed, bus);
	if (err >= 0)
		err = p_sd_bus_call_method(bus->bus, SERVICE, OBJECT, MANAGER, "Subscribe", NULL,
					   NULL, "");
	if (err < 0) {
		bus__close(bus);
		return err;
	}
	*ret_bus = bus;
	return 0;
}

void bus__close(struct bus *bus)
{
	if (!bus)
		return;
	if (bus->bus)
		p_sd_bus_flush_close_unref(bus->bus);
	free(bus->job);
	free(bus);
}

/* REPLY names a job; waits for its end. */
static int wait_for_job(struct bus *bus, sd_bus_message *reply, char *error, size_t error_len)
{
	const char *job;
	int err = p_sd_bus_message_read(reply, "o", &job);

	if (err < 0)
		return say(error, error_len, err, NULL);
	free(bus->job);
	bus->job = strdup(job);
	bus->result[0] = '\0';
	while (!bus->result[0]) {
		err = p_sd_bus_process(bus->bus, NULL);
		if (err == 0)
			err = p_sd_bus_wait(bus->bus, JOB_TIMEOUT_US) > 0 ? 1 : -ETIMEDOUT;
		if (err < 0)
			return say(error, error_len, err, NULL);
	}
	if (strcmp(bus->result, "done") == 0)
		return 0;
	snprintf(error, error_len, "systemd's job ended as '%s'", bus->result);
	return -EIO;
}

static int append_cpus(sd_bus_message *call, const struct cpuset *cpus)
{
	uint8_t bytes[sizeof(*cpus)];
	size_t len = 0;
	int err;

	/* Least significant CPU first, as long as needed (systemd's cpu_set_to_dbus()). */
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = cpus->words[i / 8] >> i % 8 * 8;
		if (bytes[i])
			len = i + 1;
	}
	err = p_sd_bus_message_open_container(call, 'r', "sv");
	if (err >= 0)
		err = p_sd_bus_message_append(call, "s", "AllowedCPUs");
	if (err >= 0)
		err = p_sd_bus_message_open_container(call, 'v', "ay");
	if (err >= 0)
		err = p_sd_bus_message_append_array(call, 'y', bytes, len);
	if (err >= 0)
		err = p_sd_bus_message_close_container(call);
	return err < 0 ? err : p_sd_bus_message_close_container(call);
}

static int append_slice(sd_bus_message *call, const char *name, const char *description,
			const struct cpuset *cpus, uint64_t memory_bytes)
{
	int err = p_sd_bus_message_append(call, "ss", name, "fail");

	if (err >= 0)
		err = p_sd_bus_message_open_container(call, 'a', "(sv)");
	if (err >= 0)
		err = p_sd_bus_message_append(call, "(sv)", "Description", "s", description);
	if (err >= 0)
		err = p_sd_bus_message_append(call, "(sv)", "MemoryAccounting", "b", 1);
	if (err >= 0 && memory_bytes)
		err = p_sd_bus_message_append(call, "(sv)", "MemoryMax", "t", memory_bytes);
	if (err >= 0 && cpus)
		err = append_cpus(call, cpus);
	if (err >= 0)
		err = p_sd_bus_message_close_container(call);
	return err < 0 ? err : p_sd_bus_message_append(call, "a(sa(sv))", 0);
}

int bus__start_slice(struct bus *bus, const char *name, const char *description,
		     const struct cpuset *cpus, uint64_t memory_bytes, char *error,
		     size_t error_len)
{
	sd_bus_error bus_error = SD_BUS_ERROR_NULL;
	sd_bus_message *call = NULL, *reply = NULL;
	int err = p_sd_bus_message_new_method_call(bus->bus, &call, SERVICE, OBJECT, MANAGER,
						   "StartTransientUnit");

	if (err >= 0)
		err = append_slice(call, name, description, cpus, memory_bytes);
	if (err >= 0)
		err = p_sd_bus_call(bus->bus, call, 0, &bus_error, &reply);
	if (err < 0)
		say(error, error_len, err, &bus_error);
	else
		err = wait_for_job(bus, reply, error, error_len);
	p_sd_bus_message_unref(call);
	p_sd_bus_message_unref(reply);
	p_sd_bus_error_free(&bus_error);
	return err;
}

int bus__stop_unit(struct bus *bus, const char *name, char *error, size_t error_len)
{
	sd_bus_error bus_error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	int err = p_sd_bus_call_method(bus->bus, SERVICE, OBJECT, MANAGER, "StopUnit", &bus_error,
				       &reply, "ss", name, "replace");

	if (err < 0)
		say(error, error_len, err, &bus_error);
	else
		err = wait_for_job(bus, reply, error, error_len);
	p_sd_bus_message_unref(reply);
	p_sd_bus_error_free(&bus_error);
	return err;
}

/* PROPERTY of the unit NAME, not empty. */
static int get_text(struct bus *bus, const char *name, const char *interface, const char *property,
		    char **ret_text)
{
	sd_bus_message *reply = NULL;
	const char *object;
	char *text = NULL;
	int err = p_sd_bus_call_method(bus->bus, SERVICE, OBJECT, MANAGER, "GetUnit", NULL, &reply,
				       "s", name);

	if (err >= 0)
		err = p_sd_bus_message_read(reply, "o", &object);
	if (err >= 0)
		err = p_sd_bus_get_property_string(bus->bus, SERVICE, object, interface, property,
						   NULL, &text);
	p_sd_bus_message_unref(reply);
	if (err < 0)
		return err;
	if (!*text) {
		free(text);
		return -ENOENT;
	}
	*ret_text = text;
	return 0;
}

int bus__slice_cgroup(struct bus *bus, const char *name, char **ret_path)
{
	return get_text(bus, name, SERVICE ".Slice", "ControlGroup", ret_path);
}

int bus__unit_description(struct bus *bus, const char *name, char **ret_text)
{
	return get_text(bus, name, SERVICE ".Unit", "Description", ret_text);
}

int bus__reload(struct bus *bus, char *error, size_t error_len)
{
	sd_bus_error bus_error = SD_BUS_ERROR_NULL;
	int err = p_sd_bus_call_method(bus->bus, SERVICE, OBJECT, MANAGER, "Reload", &bus_error,
				       NULL, "");

	if (err < 0)
		say(error, error_len, err, &bus_error);
	p_sd_bus_error_free(&bus_error);
	return err < 0 ? err : 0;
}
