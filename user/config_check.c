// SPDX-License-Identifier: BSD-2-Clause
/* Owns what must hold between the keys of one mapping. It never reads a value (see config_values).
 */
#include "user/config_check.h"

#include <errno.h>
#include <string.h>

static int check_order(struct reader *reader, yaml_node_t *node, uint64_t soft, uint64_t hard)
{
	yaml_node_t *given =
		reader__find(reader, node, "soft") ?: reader__find(reader, node, "hard");

	if (!hard || soft <= hard)
		return 0;
	return REFUSE(reader, given ?: node, "soft is above hard");
}

int config_check_place(struct reader *reader, yaml_node_t *node, enum schema_place place,
		       const void *object)
{
	const struct memory_config *memory = object;
	const struct io_rate_config *rate = object;
	const struct cpu_config *cpu = object;
	int err;

	switch (place) {
	case PLACE_MEMORY:
		return check_order(reader, node, memory->soft_bytes, memory->hard_bytes);
	case PLACE_IO_BYTES:
	case PLACE_IO_COUNT:
		return check_order(reader, node, rate->soft, rate->hard);
	case PLACE_CPU:
		err = check_order(reader, node, cpu->soft.cores_ppm, cpu->hard.cores_ppm);
		if (!err)
			err = check_order(reader, node, cpu->soft.weight, cpu->hard.weight);
		if (!err && cpu->has_burst && cpu->soft.cores_ppm &&
		    cpu->burst_ppm > cpu->soft.cores_ppm)
			return REFUSE(reader, reader__find(reader, node, "burst") ?: node,
				      "burst is above soft");
		if (!err && cpu->has_burst && cpu->mode == CPU_MODE_WEIGHT)
			return REFUSE(reader, reader__find(reader, node, "burst") ?: node,
				      "burst belongs to mode quota");
		return err;
	default:
		return 0;
	}
}

static int check_io(struct reader *reader, yaml_node_t *node, struct io_config *io)
{
	static const char *const names[IO_KINDS] = {"rbps", "wbps", "riops", "wiops"};
	bool has_rate = false;

	if (!io->device)
		return REFUSE(reader, node, "io wants a device");
	for (int i = 0; i < IO_KINDS; i++) {
		io->rates[i].is_given |= reader__find(reader, node, names[i]) != NULL;
		has_rate |= io->rates[i].is_given;
	}
	return has_rate ? 0 : REFUSE(reader, node, "io wants one of rbps, wbps, riops and wiops");
}

int config_check_target(struct reader *reader, yaml_node_t *node, struct target_config *target)
{
	yaml_node_t *io = reader__find(reader, node, "io");
	yaml_node_t *priority = reader__find(reader, node, "priority");
	yaml_node_t *pids = reader__find(reader, node, "pids");
	int err = 0;

	target->memory.is_given =
		reader__find(reader, node, "memory") || target->kind == TARGET_TREE;
	target->cpu.is_given = reader__find(reader, node, "cpu");
	target->io.is_given = io;
	target->priority.is_given = priority;
	if (!target->memory.is_given && !target->cpu.is_given && !io && !priority && !pids)
		return REFUSE(reader, node,
			      "governs nothing; 'memory: {}' would govern its memory by the "
			      "defaults");
	if (io)
		err = check_io(reader, io, &target->io);
	if (!err && target->cpu.is_given && target->cpu.mode == CPU_MODE_WEIGHT &&
	    target->priority.weight)
		return REFUSE(reader, reader__find(reader, priority, "weight") ?: priority,
			      "cpu.weight is governed by cpu already");
	if (!err && pids && (target->kind != TARGET_CGROUP || strpbrk(target->match, "*?[")))
		return REFUSE(reader, pids, "pids wants a target with the path of one cgroup");
	return err;
}
