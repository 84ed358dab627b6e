/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the reading of one configuration file, all or nothing. It never looks at a cgroup. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/config.h"
#include "user/config_amounts.h"
#include "user/config_check.h"
#include "user/config_schema.h"
#include "user/config_tree.h"
#include "user/config_values.h"
#include "user/config_yaml.h"
#include "user/text.h"

#define PIDS_MAX 1024
#define WEIGHT_STEP 100
#define _cleanup_(function) __attribute__((cleanup(function)))

static int check_keys(struct reader *reader, yaml_node_t *mapping, enum schema_place place)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;

	for (; pair < mapping->data.mapping.pairs.top; pair++) {
		yaml_node_t *node = yaml_document_get_node(&reader->document, pair->key);
		const struct schema_key *key, *near;
		char shown[SHOWN_LEN];

		if (node->type != YAML_SCALAR_NODE)
			return REFUSE(reader, node, "a key is not a word");
		key = schema_find(place, reader_scalar(node), node->data.scalar.length);
		if (!key) {
			near = schema_find_near(place, reader_scalar(node));
			return REFUSE(reader, node, "unknown key '%s'%s%s%s",
				      reader_show(node, shown), near ? "; did you mean '" : "",
				      near ? near->key : "", near ? "'?" : "");
		}
		/* Only known keys, each once, stand before this one. */
		if (reader__find(reader, mapping, key->key) !=
		    yaml_document_get_node(&reader->document, pair->value))
			return REFUSE(reader, node, "'%s' is given twice", key->key);
	}
	return 0;
}

static int load_scalar(struct reader *reader, const struct schema_key *key, yaml_node_t *node,
		       void *at)
{
	char shown[SHOWN_LEN];
	const char *why = NULL;
	int err;

	if (node->type != YAML_SCALAR_NODE || !node->data.scalar.length)
		return REFUSE(reader, node, "%s wants %s", key->key, key->unit);
	if (strlen(reader_scalar(node)) != node->data.scalar.length)
		return REFUSE(reader, node, "%s: '%s' has a NUL in it", key->key,
			      reader_show(node, shown));
	err = key->parse(key, reader_scalar(node), at, &why);
	if (err == -ENOMEM)
		return REFUSE_FILE(reader, err, "out of memory");
	if (err == -ERANGE)
		return REFUSE(reader, node, "%s: '%s' is outside %s to %s", key->key,
			      reader_show(node, shown), key->min, key->max);
	if (err && why)
		return REFUSE(reader, node, "%s: '%s' %s", key->key, reader_show(node, shown), why);
	if (err)
		return REFUSE(reader, node, "%s: '%s' is not %s", key->key,
			      reader_show(node, shown), key->unit);
	return 0;
}

static int load_targets(struct reader *reader, yaml_node_t *list, struct config *config);

static int load_pids(struct reader *reader, yaml_node_t *list, struct target_config *target)
{
	const struct schema_key key = {.key = "pids",
				       .parse = schema_read_count,
				       .min = "1",
				       .max = "4194304",
				       .unit = "a list of process ids"};
	const yaml_node_item_t *item;
	size_t cnt;
	int err = 0;

	if (list->type != YAML_SEQUENCE_NODE)
		return REFUSE(reader, list, "pids wants a list of process ids");
	item = list->data.sequence.items.start;
	cnt = list->data.sequence.items.top - item;
	if (cnt > PIDS_MAX)
		return REFUSE(reader, list, "there are more than %d pids", PIDS_MAX);
	target->has_pids = true;
	target->pids = calloc(cnt, sizeof(*target->pids));
	if (cnt && !target->pids)
		return REFUSE_FILE(reader, -ENOMEM, "out of memory");
	while (target->pids_cnt < cnt && !err) {
		yaml_node_t *node = yaml_document_get_node(&reader->document, *item++);
		struct pid_config *pid = &target->pids[target->pids_cnt++];
		uint64_t number = 0;

		err = load_scalar(reader, &key, node, &number);
		pid->pid = number;
		pid->line = node->start_mark.line + 1;
		pid->column = node->start_mark.column + 1;
	}
	return err;
}

static int load_mapping(struct reader *reader, yaml_node_t *node, enum schema_place place,
			const char *name, void *object)
{
	int err;

	if (node->type != YAML_MAPPING_NODE)
		return REFUSE(reader, node, "%s wants a mapping", name);
	err = check_keys(reader, node, place);
	for (const struct schema_key *key = schema_keys; key->key && !err; key++) {
		yaml_node_t *value;
		void *at = (char *)object + key->offset;

		if (key->place != place || !(value = reader__find(reader, node, key->key)))
			continue;
		if (key->shape == SHAPE_MAPPING)
			err = load_mapping(reader, value, key->inside, key->key, at);
		else if (key->shape == SHAPE_LIST)
			err = load_targets(reader, value, object);
		else if (key->shape == SHAPE_PIDS)
			err = load_pids(reader, value, object);
		else
			err = load_scalar(reader, key, value, at);
	}
	return err ?: config_check_place(reader, node, place, object);
}

static int load_target(struct reader *reader, yaml_node_t *node, const struct config *config,
		       struct target_config *target)
{
	const struct schema_key *name_key = schema_find(PLACE_TARGET, "name", strlen("name"));
	const char *why = NULL;
	yaml_node_t *name;
	int err;

	target->memory = config->memory_defaults;
	target->psi = config->psi;
	target->cpu = config->cpu_defaults;
	target->io = config->io_defaults;
	target->line = node->start_mark.line + 1;
	target->column = node->start_mark.column + 1;
	err = schema_set_fallbacks(PLACE_TARGET, target);
	if (!err)
		err = load_mapping(reader, node, PLACE_TARGET, "a target", target);
	if (err)
		return err;
	if (target->kind == TARGET_NONE)
		return REFUSE(reader, node,
			      "a target has one of cgroup, docker, pid, unit and tree");
	err = config_check_target(reader, node, target);
	if (err)
		return err;
	if (!target->name[0] && name_key->parse(name_key, target->match, target->name, &why) < 0)
		text_escape(target->match, strlen(target->match), target->name,
			    sizeof(target->name));

	name = reader__find(reader, node, "name") ?: node;
	for (const struct target_config *other = config->targets; other < target; other++) {
		if (other->kind == target->kind && strcmp(other->match, target->match) == 0)
			return REFUSE(reader, node, "the target on line %u is the same",
				      other->line);
		if (strcmp(other->name, target->name) == 0)
			return REFUSE(reader, name, "the target on line %u has the same name",
				      other->line);
	}
	return 0;
}

static int load_targets(struct reader *reader, yaml_node_t *list, struct config *config)
{
	const yaml_node_item_t *item;
	struct target_config *longer;
	size_t cnt;
	int err;

	if (list->type != YAML_SEQUENCE_NODE)
		return REFUSE(reader, list, "targets wants a list of mappings");
	item = list->data.sequence.items.start;
	cnt = list->data.sequence.items.top - item;
	if (cnt > CONFIG_TARGETS_MAX)
		return REFUSE(reader, list, "there are more than %d targets", CONFIG_TARGETS_MAX);
	for (; cnt; cnt--, item++) {
		yaml_node_t *node = yaml_document_get_node(&reader->document, *item);

		longer = reallocarray(config->targets, config->targets_cnt + 1, sizeof(*longer));
		if (!longer)
			return REFUSE_FILE(reader, -ENOMEM, "out of memory");
		config->targets = longer;
		longer += config->targets_cnt++;
		*longer = (struct target_config){};
		err = load_target(reader, node, config, longer);
		if (!err && longer->kind == TARGET_TREE)
			err = config_tree__expand(reader, node, config);
		if (err)
			return err;
	}
	return 0;
}

static int set_fallbacks(struct config *config)
{
	int err = schema_set_fallbacks(PLACE_MACHINE, config);

	err = err ?: schema_set_fallbacks(PLACE_SAMPLES, &config->samples);
	err = err ?: schema_set_fallbacks(PLACE_ML, &config->ml);
	if (!err)
		err = schema_set_fallbacks(PLACE_MEMORY, &config->memory_defaults);
	if (!err)
		err = schema_set_fallbacks(PLACE_CPU, &config->cpu_defaults);
	config->cpu_defaults.step.weight = WEIGHT_STEP;
	return err ?: schema_set_fallbacks(PLACE_IO, &config->io_defaults);
}

/* Wherever we were started. */
static int place_file(const struct config *config, char **file)
{
	char *path;

	if (!*file)
		return 0;
	path = config_beside(config->file, *file);
	if (!path)
		return -ENOMEM;
	free(*file);
	*file = path;
	return 0;
}

int config__load(const char *file, struct config *ret_config, char *error, size_t error_len)
{
	_cleanup_(reader__close) struct reader reader = {};
	_cleanup_(config__free) struct config config = {};
	yaml_node_t *root;
	int err = reader__open(&reader, file, error, error_len);

	if (err)
		return err;
	root = yaml_document_get_root_node(&reader.document);
	if (!root)
		return REFUSE_AT(&reader, (yaml_mark_t){}, "is empty: there are no targets");
	config.file = strdup(file);
	err = config.file ? set_fallbacks(&config) : -ENOMEM;
	if (err)
		return REFUSE_FILE(&reader, err, "%s", strerror(-err));
	err = load_mapping(&reader, root, PLACE_FILE, "a configuration", &config);
	if (err)
		return err;
	if (!config.targets_cnt)
		return REFUSE(&reader, reader__find(&reader, root, "targets") ?: root,
			      "there are no targets");
	err = place_file(&config, &config.calibration_file)
		      ?: place_file(&config, &config.ml.model_path);
	if (err)
		return REFUSE_FILE(&reader, err, "out of memory");
	if (config.calibration_file) {
		err = calibration__load(config.calibration_file, &config.calibration, error,
					error_len);
		if (err)
			return err;
	}
	*ret_config = config;
	config = (struct config){};
	return 0;
}

int config__default(struct config *ret_config)
{
	struct config config = {.targets = calloc(1, sizeof(*config.targets)), .targets_cnt = 1};
	struct target_config *target = config.targets;
	int err = target ? set_fallbacks(&config) : -ENOMEM;

	if (!err)
		err = schema_set_fallbacks(PLACE_TARGET, target);
	if (!err && !(target->match = strdup("")))
		err = -ENOMEM;
	if (err) {
		config.targets_cnt = target ? 1 : 0;
		config__free(&config);
		return err;
	}
	strcpy(target->name, "default");
	target->kind = TARGET_ALL_FINITE;
	target->memory = config.memory_defaults;
	target->memory.is_given = true;
	target->cpu = config.cpu_defaults;
	target->cpu.is_given = true;
	*ret_config = config;
	return 0;
}

void config__free(struct config *config)
{
	for (size_t i = 0; i < config->targets_cnt; i++) {
		free(config->targets[i].match);
		free(config->targets[i].pids);
		free(config->targets[i].service);
	}
	free(config->targets);
	free(config->calibration_file);
	calibration__free(&config->calibration);
	free(config->ml.model_path);
	free(config->file);
	*config = (struct config){};
}
