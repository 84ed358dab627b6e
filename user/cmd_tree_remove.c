/* SPDX-License-Identifier: BSD-2-Clause */
/* `tree remove` and `tree prune`: hierarchies made here, by what they were made of or by age. They
 * touch no other folder. */
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/cmd_tree.h"
#include "user/log.h"
#include "user/text.h"

#define NSEC_PER_SEC 1000000000ULL
#define TIMEOUT_NS (30 * NSEC_PER_SEC)
#define OLD_NS (24 * 3600 * NSEC_PER_SEC)

static int remove_list(const struct command *command, const struct tree_removal *removal,
		       const struct tree_list *list)
{
	int status = EXIT_DONE;

	for (size_t i = 0; i < list->cnt; i++) {
		struct tree_error error = {.status = EXIT_FAILED};
		char shown[1024];

		if (list->workers[i].mark.kind == TREE_PROJECT_FOLDER) {
			tree_remove_project(removal->root_fd, list->workers[i].path);
			continue;
		}
		if (tree_remove(removal, &list->workers[i], &error))
			status = tree_say(command, &error);
		else
			printf("removed %s\n",
			       text_escape(list->workers[i].path, strlen(list->workers[i].path),
					   shown, sizeof(shown)));
	}
	return status;
}

static bool is_empty(int root_fd, const struct tree_worker *worker)
{
	char text[256];
	int fd;
	bool is;

	if (cgfs_open_path(root_fd, worker->path, &fd))
		return true;
	is = !cgfs_read(fd, "cgroup.events", text, sizeof(text)) && strstr(text, "populated 0");
	close(fd);
	return is;
}

static void tell_of_others(const struct tree_list *list)
{
	if (list->others_cnt)
		log_info("%zu left: they are of other users (--parent names a place)",
			 list->others_cnt);
}

/* Takes those with processes out of the list. */
static size_t leave_used(int root_fd, struct tree_list *list)
{
	size_t cnt = 0, used_cnt;

	for (size_t i = 0; i < list->cnt; i++) {
		if (list->workers[i].mark.kind == TREE_PROJECT_FOLDER ||
		    is_empty(root_fd, &list->workers[i]))
			list->workers[cnt++] = list->workers[i];
		else
			tree_worker__free(&list->workers[i]);
	}
	used_cnt = list->cnt - cnt;
	list->cnt = cnt;
	return used_cnt;
}

static int main_remove(int argc, char **argv)
{
	struct tree_removal removal = {.timeout_ns = TIMEOUT_NS};
	struct tree_filter filter = {.is_wary = true};
	bool is_all = false;
	char shown[512];
	const struct param params[] = {
		TREE_FILE_PARAM(filter),
		TREE_FILTER_PARAMS(filter),
		{"all", 0, PARAM_FLAG, NULL, "every one made here", &is_all, 0, 0},
		{"kill", 0, PARAM_FLAG, NULL, "kill what runs in them (cgroup.kill)",
		 &removal.is_killing, 0, 0},
		{"timeout", 0, PARAM_SECONDS, "SEC",
		 "how long to wait for processes to be gone (30)", &removal.timeout_ns, 0, 0},
		{0},
	};
	struct tree_list list;
	int err = params_parse(&tree_remove_command, params, argc, argv), status;

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	if (!is_all && !filter.file && !filter.parent && !filter.project && !filter.run_id &&
	    !filter.phase) {
		log_error("tree remove: which? '--config', '--parent', '--project', '--run-id', "
			  "'--phase' or '--all' (see 'cgbpf help tree')");
		return EXIT_WRONG_CALL;
	}
	status = tree_look_up(&tree_remove_command, &filter, &removal.root_fd, &list);
	if (status)
		return status;
	tell_of_others(&list);
	if (!list.cnt && filter.file && access(filter.file, F_OK) < 0) {
		log_error("tree remove: %s: no such file, and no hierarchy was made of one there",
			  text_escape(filter.file, strlen(filter.file), shown, sizeof(shown)));
		status = EXIT_WRONG_CALL;
	} else {
		if (!list.cnt && !list.others_cnt)
			log_info("nothing to remove");
		status = remove_list(&tree_remove_command, &removal, &list);
	}
	tree_list__free(&list);
	close(removal.root_fd);
	return status;
}

static int main_prune(int argc, char **argv)
{
	struct tree_removal removal = {.timeout_ns = TIMEOUT_NS};
	uint64_t old_ns = OLD_NS;
	struct tree_filter filter = {.is_wary = true};
	const struct param params[] = {
		{"older-than", 0, PARAM_SECONDS, "SEC", "made so long ago, such as 2h (24h)",
		 &old_ns, 0, 0},
		TREE_FILE_PARAM(filter),
		TREE_FILTER_PARAMS(filter),
		{"kill", 0, PARAM_FLAG, NULL,
		 "also those that something runs in, which is killed (cgroup.kill)",
		 &removal.is_killing, 0, 0},
		{0},
	};
	struct tree_list list;
	size_t used_cnt;
	int err = params_parse(&tree_prune, params, argc, argv), status;

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	filter.older_than_s = old_ns / NSEC_PER_SEC;
	filter.has_projects = true;
	status = tree_look_up(&tree_prune, &filter, &removal.root_fd, &list);
	if (status)
		return status;
	tell_of_others(&list);
	used_cnt = removal.is_killing ? 0 : leave_used(removal.root_fd, &list);
	if (used_cnt)
		log_info("%zu left: something runs in them (--kill)", used_cnt);
	status = remove_list(&tree_prune, &removal, &list);
	tree_list__free(&list);
	close(removal.root_fd);
	return status;
}

const struct command tree_remove_command = {
	"tree remove",
	"remove hierarchies, once nothing runs in them any more",
	"Waits for the kernel to say that the last process is gone, then removes leaf first.",
	main_remove,
};

const struct command tree_prune = {
	"tree prune",
	"remove what runs that died have left, by age",
	"Only what nothing runs in, unless --kill is given.",
	main_prune,
};
