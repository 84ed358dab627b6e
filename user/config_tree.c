/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns what a hierarchy's file means to `run`: soft is a service's own memory, hard all that its
 * worker has. It looks at no cgroup. */
#include "user/config_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/config_values.h"
#include "user/text.h"
#include "user/tree_config.h"

#define _cleanup_(function) __attribute__((cleanup(function)))

static void free_text(char **text)
{
	free(*text);
}

/* As tree_file_name() writes it into the mark. */
static char *canonical(const char *path)
{
	_cleanup_(free_text) char *real = realpath(path, NULL);

	return text_to_utf8(real ? real : path, NULL);
}

static int add(struct reader *reader, yaml_node_t *node, const struct target_config *of,
	       const char *file, const struct tree_share *service, uint64_t total_bytes,
	       struct config *config)
{
	struct target_config *target = &config->targets[config->targets_cnt];
	bool is_named = reader__find(reader, node, "name") != NULL;

	*target = *of;
	target->match = strdup(file);
	target->service = strdup(service->name);
	config->targets_cnt++;
	if (!target->match || !target->service)
		return REFUSE_FILE(reader, -ENOMEM, "out of memory");
	if (snprintf(target->name, sizeof(target->name), "%s%s%s", is_named ? of->name : "",
		     is_named ? "/" : "", service->name) >= (int)sizeof(target->name))
		return REFUSE(reader, node, "the name %s/%s is longer than 63 bytes", of->name,
			      service->name);
	target->memory.is_given = true;
	target->memory.soft_bytes = service->memory_bytes;
	target->memory.hard_bytes = total_bytes;
	for (const struct target_config *other = config->targets; other < target; other++)
		if (strcmp(other->name, target->name) == 0)
			return REFUSE(reader, node,
				      "the target on line %u is called '%s' as well; a 'name' "
				      "here tells them apart",
				      other->line, target->name);
	return 0;
}

int config_tree__expand(struct reader *reader, yaml_node_t *node, struct config *config)
{
	struct target_config of = config->targets[config->targets_cnt - 1], *longer;
	_cleanup_(tree_config__free) struct tree_config tree = {};
	_cleanup_(free_text) char *path = NULL, *file = NULL, *match = of.match;
	yaml_node_t *memory = reader__find(reader, node, "memory");
	yaml_node_t *given = memory ? reader__find(reader, memory, "soft") : NULL;
	char error[512];
	int err;

	config->targets_cnt--;
	free(of.pids);
	of.pids = NULL;
	if (of.has_pids)
		return REFUSE(reader, reader__find(reader, node, "pids") ?: node,
			      "a tree's services have no processes of their own");
	given = given ?: memory ? reader__find(reader, memory, "hard") : NULL;
	if (given)
		return REFUSE(reader, given,
			      "soft and hard of a tree's services stand in its file");
	path = config_beside(config->file, match);
	file = path ? canonical(path) : NULL;
	if (!file)
		return REFUSE_FILE(reader, -ENOMEM, "out of memory");
	err = tree_config__load(path, true, &tree, error, sizeof(error));
	if (err)
		return REFUSE(reader, node, "tree: %s", error);
	longer = reallocarray(config->targets, config->targets_cnt + tree.services_cnt,
			      sizeof(*longer));
	if (!longer)
		return REFUSE_FILE(reader, -ENOMEM, "out of memory");
	config->targets = longer;
	for (size_t i = 0; i < tree.services_cnt && !err; i++)
		err = add(reader, node, &of, file, &tree.services[i], tree.worker.memory_bytes,
			  config);
	return err;
}
