/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the reading of a hierarchy's file, all or nothing. It never looks at a cgroup. */
#include "user/tree_config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/amount.h"
#include "user/config_yaml.h"
#include "user/units.h"

#define MEMORY_MIN (1ULL << 20)
#define MEMORY_MAX (1024ULL << 40)
#define DEFAULT_WORKER "local"
#define _cleanup_(function) __attribute__((cleanup(function)))
#define ALNUM "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const char *const file_keys[] = {"crs", "services", "workers", NULL};
static const char *const service_keys[] = {"name", "cpuset", "memory_limit", NULL};
static const char *const worker_keys[] = {"cpuset", "memory", NULL};

const char *tree_name_fault(const char *name)
{
	/* A controller's files stand beside the folders (Documentation/admin-guide/cgroup-v2.rst,
	 * "Avoid Name Collisions"). */
	static const char *const controllers[] = {"cgroup.", "cpu.",  "cpuset.",  "memory.",
						  "io.",     "pids.", "hugetlb.", "rdma.",
						  "misc.",   "irq.",  "dmem."};

	if (!*name)
		return "is empty";
	if (strlen(name) > TREE_NAME_MAX)
		return "is longer than 63 bytes";
	if (!isalnum((unsigned char)*name))
		return "does not begin with a letter or a digit";
	if (strspn(name, ALNUM "_.-") != strlen(name))
		return "has other characters than letters, digits, '_', '.' and '-'";
	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++)
		if (strncmp(name, controllers[i], strlen(controllers[i])) == 0)
			return "begins as a controller's files do";
	return NULL;
}

static int check_keys(struct reader *reader, yaml_node_t *mapping, const char *const *known)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;

	for (; pair < mapping->data.mapping.pairs.top; pair++) {
		yaml_node_t *node = yaml_document_get_node(&reader->document, pair->key);
		const char *const *key = known;
		char shown[SHOWN_LEN];

		if (node->type != YAML_SCALAR_NODE)
			return REFUSE(reader, node, "a key is not a word");
		while (*key && (strlen(*key) != node->data.scalar.length ||
				strcmp(*key, reader_scalar(node)) != 0))
			key++;
		if (!*key)
			return REFUSE(reader, node, "unknown key '%s'", reader_show(node, shown));
		/* Only known keys, each once, stand before this one. */
		if (reader__find(reader, mapping, *key) !=
		    yaml_document_get_node(&reader->document, pair->value))
			return REFUSE(reader, node, "'%s' is given twice", *key);
	}
	return 0;
}

/* The scalar of KEY in MAPPING. */
static int find_text(struct reader *reader, yaml_node_t *mapping, const char *key,
		     yaml_node_t **ret_node)
{
	yaml_node_t *node = reader__find(reader, mapping, key);
	char shown[SHOWN_LEN];

	if (!node)
		return REFUSE(reader, mapping, "there is no '%s'", key);
	if (node->type != YAML_SCALAR_NODE || !node->data.scalar.length)
		return REFUSE(reader, node, "%s wants a text", key);
	if (strlen(reader_scalar(node)) != node->data.scalar.length)
		return REFUSE(reader, node, "%s: '%s' has a NUL in it", key,
			      reader_show(node, shown));
	*ret_node = node;
	return 0;
}

static int load_cpus(struct reader *reader, yaml_node_t *mapping, struct tree_share *share)
{
	yaml_node_t *node = NULL;
	char shown[SHOWN_LEN];
	int err = find_text(reader, mapping, "cpuset", &node);

	if (err || !node)
		return err;
	err = cpuset_parse(reader_scalar(node), &share->cpus);
	share->line = node->start_mark.line + 1;
	share->column = node->start_mark.column + 1;
	if (err == -EEXIST)
		return REFUSE(reader, node, "cpuset: '%s' names a CPU twice",
			      reader_show(node, shown));
	if (err)
		return REFUSE(reader, node, "cpuset: '%s' is not a list of CPUs such as 0-3,8",
			      reader_show(node, shown));
	return 0;
}

static int load_memory(struct reader *reader, yaml_node_t *mapping, const char *key,
		       struct tree_share *share)
{
	yaml_node_t *node = NULL;
	char shown[SHOWN_LEN];
	uint64_t bytes;
	int err = find_text(reader, mapping, key, &node);

	if (err || !node)
		return err;
	err = units_parse_bytes(reader_scalar(node), &bytes);
	if (err == -EINVAL)
		return REFUSE(reader, node, "%s: '%s' is not a size such as 512M or 4G", key,
			      reader_show(node, shown));
	if (err || bytes < MEMORY_MIN || bytes > MEMORY_MAX)
		return REFUSE(reader, node, "%s: '%s' is outside 1M to 1024T", key,
			      reader_show(node, shown));
	share->memory_bytes = bytes & ~(PAGE_BYTES - 1);
	return 0;
}

static int check_name(struct reader *reader, yaml_node_t *node, struct tree_share *share)
{
	bool has_nul = strlen(reader_scalar(node)) != node->data.scalar.length;
	const char *fault = has_nul ? "has a NUL in it" : tree_name_fault(reader_scalar(node));
	char shown[SHOWN_LEN];

	if (fault)
		return REFUSE(reader, node, "the name '%s' %s", reader_show(node, shown), fault);
	strcpy(share->name, reader_scalar(node));
	return 0;
}

static int load_service(struct reader *reader, yaml_node_t *node, bool may_share,
			const struct tree_config *config, struct tree_share *service)
{
	yaml_node_t *name = NULL;
	int err, cpu;

	if (node->type != YAML_MAPPING_NODE)
		return REFUSE(reader, node, "a service wants a mapping");
	err = check_keys(reader, node, service_keys);
	if (!err)
		err = find_text(reader, node, "name", &name);
	if (!err && name)
		err = check_name(reader, name, service);
	if (!err)
		err = load_cpus(reader, node, service);
	if (!err)
		err = load_memory(reader, node, "memory_limit", service);
	if (err || !name)
		return err;
	for (const struct tree_share *other = config->services; other < service; other++) {
		if (strcmp(other->name, service->name) == 0)
			return REFUSE(reader, name, "two services are called '%s'", service->name);
		cpu = cpuset_first_shared(&service->cpus, &other->cpus);
		if (cpu >= 0 && !may_share)
			return REFUSE(reader, reader__find(reader, node, "cpuset"),
				      "cpuset: CPU %d is '%s's already, on line %u "
				      "(--shared-cpus allows it)",
				      cpu, other->name, other->line);
	}
	return 0;
}

static int load_services(struct reader *reader, yaml_node_t *list, bool may_share,
			 struct tree_config *config)
{
	const yaml_node_item_t *item;
	size_t cnt;
	int err;

	if (list->type != YAML_SEQUENCE_NODE)
		return REFUSE(reader, list, "a list of services is wanted here");
	item = list->data.sequence.items.start;
	cnt = list->data.sequence.items.top - item;
	if (!cnt)
		return REFUSE(reader, list, "there are no services");
	if (cnt > TREE_SERVICES_MAX)
		return REFUSE(reader, list, "there are more than %d services", TREE_SERVICES_MAX);
	config->services = calloc(cnt, sizeof(*config->services));
	if (!config->services)
		return REFUSE_FILE(reader, -ENOMEM, "out of memory");
	while (config->services_cnt < cnt) {
		err = load_service(reader, yaml_document_get_node(&reader->document, *item++),
				   may_share, config, &config->services[config->services_cnt++]);
		if (err)
			return err;
	}
	return 0;
}

/* What the services need together. */
static int sum_up(struct reader *reader, yaml_node_t *list, const struct tree_config *config,
		  struct tree_share *sum)
{
	for (size_t i = 0; i < config->services_cnt; i++) {
		cpuset_add(&sum->cpus, &config->services[i].cpus);
		sum->memory_bytes += config->services[i].memory_bytes;
	}
	/* 1024 services of 1024T fit 64 bits. */
	return sum->memory_bytes > MEMORY_MAX
		       ? REFUSE(reader, list, "the services' memory is more than 1024T")
		       : 0;
}

static int load_worker(struct reader *reader, yaml_node_t *workers, const struct tree_share *sum,
		       struct tree_config *config)
{
	const yaml_node_pair_t *pair;
	yaml_node_t *key, *node;
	char wanted[24], given[24];
	int err;

	if (workers->type != YAML_MAPPING_NODE)
		return REFUSE(reader, workers, "workers wants a mapping");
	pair = workers->data.mapping.pairs.start;
	if (workers->data.mapping.pairs.top - pair != 1)
		return REFUSE(reader, workers, "workers wants exactly one worker");
	key = yaml_document_get_node(&reader->document, pair->key);
	node = yaml_document_get_node(&reader->document, pair->value);
	if (key->type != YAML_SCALAR_NODE)
		return REFUSE(reader, key, "a key is not a word");
	if (node->type != YAML_MAPPING_NODE)
		return REFUSE(reader, node, "a worker wants a mapping");
	err = check_name(reader, key, &config->worker);
	if (!err)
		err = check_keys(reader, node, worker_keys);
	if (!err && reader__find(reader, node, "cpuset"))
		err = load_cpus(reader, node, &config->worker);
	if (!err && reader__find(reader, node, "memory"))
		err = load_memory(reader, node, "memory", &config->worker);
	if (err)
		return err;
	if (config->worker.memory_bytes && config->worker.memory_bytes < sum->memory_bytes)
		return REFUSE(
			reader, reader__find(reader, node, "memory"),
			"memory: the services' limits sum up to %s, more than the worker's %s",
			units_format_bytes(sum->memory_bytes, wanted, sizeof(wanted)),
			units_format_bytes(config->worker.memory_bytes, given, sizeof(given)));
	return 0;
}

/* Every service's CPUs among the worker's. */
static int check_inside(struct reader *reader, const struct tree_config *config)
{
	for (size_t i = 0; i < config->services_cnt; i++) {
		const struct tree_share *service = &config->services[i];
		yaml_mark_t mark = {.line = service->line - 1, .column = service->column - 1};
		int cpu = cpuset_first_outside(&service->cpus, &config->worker.cpus);

		if (cpu >= 0)
			return REFUSE_AT(reader, mark,
					 "cpuset: CPU %d is not among the worker's, on line %u",
					 cpu, config->worker.line);
	}
	return 0;
}

static int load(struct reader *reader, bool may_share, struct tree_config *config)
{
	yaml_node_t *root = yaml_document_get_root_node(&reader->document);
	yaml_node_t *list, *plain, *workers;
	struct tree_share sum = {};
	int err;

	if (!root)
		return REFUSE_AT(reader, (yaml_mark_t){}, "is empty: there are no services");
	if (root->type != YAML_MAPPING_NODE)
		return REFUSE(reader, root, "a mapping is wanted here");
	err = check_keys(reader, root, file_keys);
	if (err)
		return err;
	list = reader__find(reader, root, "crs");
	plain = reader__find(reader, root, "services");
	if (list && plain)
		return REFUSE(reader, plain, "'crs' and 'services' are two words for one list");
	list = list ?: plain;
	if (!list)
		return REFUSE(reader, root, "there is no 'services' (or 'crs')");
	err = load_services(reader, list, may_share, config);
	if (!err)
		err = sum_up(reader, list, config, &sum);
	strcpy(config->worker.name, DEFAULT_WORKER);
	workers = reader__find(reader, root, "workers");
	if (!err && workers)
		err = load_worker(reader, workers, &sum, config);
	if (err)
		return err;
	if (!config->worker.memory_bytes)
		config->worker.memory_bytes = sum.memory_bytes;
	if (cpuset_is_empty(&config->worker.cpus))
		config->worker.cpus = sum.cpus;
	return check_inside(reader, config);
}

int tree_config__load(const char *file, bool may_share, struct tree_config *ret_config, char *error,
		      size_t error_len)
{
	_cleanup_(reader__close) struct reader reader = {};
	_cleanup_(tree_config__free) struct tree_config config = {};
	int err = reader__open(&reader, file, error, error_len);

	if (err)
		return err;
	config.file = strdup(file);
	if (!config.file)
		return REFUSE_FILE(&reader, -ENOMEM, "out of memory");
	err = load(&reader, may_share, &config);
	if (err)
		return err;
	*ret_config = config;
	config = (struct tree_config){};
	return 0;
}

static int check_online(const struct tree_config *config, const struct tree_share *share,
			const struct cpuset *online, char *error, size_t error_len)
{
	int cpu = cpuset_first_outside(&share->cpus, online);
	char list[256];

	if (cpu < 0)
		return 0;
	snprintf(error, error_len, "%s:%u:%u: cpuset: this machine runs no CPU %d, only %s",
		 config->file, share->line, share->column, cpu,
		 cpuset_format(online, list, sizeof(list)));
	return -EINVAL;
}

int tree_config__check_cpus(const struct tree_config *config, const struct cpuset *online,
			    char *error, size_t error_len)
{
	int err = 0;

	for (size_t i = 0; i < config->services_cnt && !err; i++)
		err = check_online(config, &config->services[i], online, error, error_len);
	return err ?: check_online(config, &config->worker, online, error, error_len);
}

void tree_config__free(struct tree_config *config)
{
	free(config->services);
	free(config->file);
	*config = (struct tree_config){};
}
