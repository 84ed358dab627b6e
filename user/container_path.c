/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the table of names that container runtimes give to cgroups. It asks nobody and never opens a
 * path. */
#include "user/container_path.h"

#include <string.h>

enum id_kind { ID_HEX = 1, ID_TEXT = 2, ID_NONE = 3 };

/* One component of a path: PREFIX, id, SUFFIX; below a component that begins with PARENT. */
struct pattern {
	const char *runtime; /* NULL: a helper beside a container */
	const char *parent, *prefix, *suffix;
	enum id_kind kind;
};

/* The first that fits counts. */
static const struct pattern patterns[] = {
	{NULL, "", "crio-conmon-", "", ID_TEXT},
	{NULL, "", "libpod-conmon-", "", ID_TEXT},
	{NULL, "", "lxc.monitor.", "", ID_TEXT},
	{NULL, "systemd-nspawn@", "supervisor", "", ID_NONE},
	{NULL, "machine-", "supervisor", "", ID_NONE},
	{"containerd", "", "cri-containerd-", ".scope", ID_HEX},
	{"cri-o", "", "crio-", ".scope", ID_HEX},
	{"cri-o", "", "crio-", "", ID_HEX},
	{"docker", "", "docker-", ".scope", ID_HEX},
	{"podman", "", "libpod-payload-", "", ID_HEX},
	{"podman", "", "libpod-", ".scope", ID_HEX},
	{"podman", "", "libpod-", "", ID_HEX},
	{"nerdctl", "", "nerdctl-", ".scope", ID_HEX},
	{"runc", "", "runc-", ".scope", ID_TEXT},
	{"crun", "", "crun-", ".scope", ID_TEXT},
	{"lxc", "", "lxc.payload.", "", ID_TEXT},
	{"libvirt-lxc", "", "machine-lxc\\x2d", ".scope", ID_TEXT},
	{"nspawn", "", "systemd-nspawn@", ".service", ID_TEXT},
	{"bpm", "", "bpm-", ".scope", ID_TEXT},
	{"nomad", "share.slice", "", ".scope", ID_TEXT},
	{"nomad", "reserve.slice", "", ".scope", ID_TEXT},
	{"docker", "docker", "", "", ID_HEX},
	{"kubernetes", "pod", "", "", ID_HEX},
	{"container", "", "", "", ID_HEX},
};

static bool is_hex_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_hex_id(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && is_hex_digit(text[n]))
		n++;
	return n == len && len == CONTAINER_ID_LEN;
}

static bool begins(const char *text, size_t len, const char *prefix)
{
	return len >= strlen(prefix) && memcmp(text, prefix, strlen(prefix)) == 0;
}

static bool fits(const struct pattern *pattern, const char *name, size_t len, const char *parent,
		 size_t parent_len, struct container_path *ret)
{
	size_t prefix_len = strlen(pattern->prefix), suffix_len = strlen(pattern->suffix);

	if (len < prefix_len + suffix_len || !begins(name, len, pattern->prefix) ||
	    memcmp(name + len - suffix_len, pattern->suffix, suffix_len) != 0 ||
	    !begins(parent, parent_len, pattern->parent))
		return false;
	ret->runtime = pattern->runtime;
	ret->id = name + prefix_len;
	ret->id_len = len - prefix_len - suffix_len;
	ret->is_hex = is_hex_id(ret->id, ret->id_len);
	return pattern->kind == ID_NONE	  ? !ret->id_len
	       : pattern->kind == ID_TEXT ? ret->id_len > 0
					  : ret->is_hex;
}

/* What comes behind "NUMBER\x2d" in libvirt's name. */
static void skip_pid(struct container_path *container)
{
	static const char dash[] = "\\x2d";
	const char *at = memmem(container->id, container->id_len, dash, strlen(dash));

	if (!at)
		return;
	at += strlen(dash);
	container->id_len -= at - container->id;
	container->id = at;
}

/* Of a runtime that the table does not know; a pod's slice has an id of its own. */
static bool has_hex_id(const char *name, size_t len, struct container_path *ret)
{
	if (len > 6 && memcmp(name + len - 6, ".slice", 6) == 0)
		return false;
	for (size_t i = 0, run; i < len; i += run + 1) {
		for (run = 0; i + run < len && is_hex_digit(name[i + run]);)
			run++;
		if (run == CONTAINER_ID_LEN) {
			*ret = (struct container_path){"container", name + i, run, true, false};
			return true;
		}
	}
	return false;
}

/* containerd with systemd's names and without systemd makes one literal folder of
 * "SLICE:cri-containerd:ID"; machined's scopes of containers are no scopes of virtual machines. */
static bool fits_oddity(const char *name, size_t len, struct container_path *ret)
{
	static const char infix[] = ":cri-containerd:", machine[] = "machine-", scope[] = ".scope";
	const char *at = memmem(name, len, infix, strlen(infix));

	if (at) {
		ret->runtime = "containerd";
		ret->id = at + strlen(infix);
		ret->id_len = name + len - ret->id;
		ret->is_hex = is_hex_id(ret->id, ret->id_len);
		return ret->is_hex;
	}
	if (len <= strlen(machine) + strlen(scope) || !begins(name, len, machine) ||
	    begins(name, len, "machine-qemu") || begins(name, len, "machine-lxc\\x2d") ||
	    memcmp(name + len - strlen(scope), scope, strlen(scope)) != 0)
		return false;
	ret->runtime = "nspawn";
	ret->id = name + strlen(machine);
	ret->id_len = len - strlen(machine) - strlen(scope);
	ret->is_hex = false;
	return true;
}

static bool fits_any(const char *name, size_t len, const char *parent, size_t parent_len,
		     struct container_path *ret)
{
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (fits(&patterns[i], name, len, parent, parent_len, ret))
			return true;
	/* lxc/NAME: below a folder of just this name. */
	if (parent_len == 3 && memcmp(parent, "lxc", 3) == 0) {
		*ret = (struct container_path){.runtime = "lxc", .id = name, .id_len = len};
		return len > 0;
	}
	return fits_oddity(name, len, ret) || has_hex_id(name, len, ret);
}

/* The component that ends at END, and what is before it. */
static const char *component(const char *path, const char *end)
{
	while (end > path && end[-1] != '/')
		end--;
	return end;
}

bool container_path_parse(const char *path, struct container_path *ret)
{
	const char *end = path + strlen(path), *leaf_end = end;

	while (end > path) {
		const char *name = component(path, end);
		const char *parent_end = name > path ? name - 1 : name;
		const char *parent = component(path, parent_end);
		struct container_path found = {};

		if (fits_any(name, end - name, parent, parent_end - parent, &found)) {
			if (!found.runtime)
				return false;
			if (strcmp(found.runtime, "libvirt-lxc") == 0)
				skip_pid(&found);
			found.is_own = end == leaf_end;
			*ret = found;
			return true;
		}
		end = parent_end;
	}
	return false;
}
