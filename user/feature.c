// SPDX-License-Identifier: BSD-2-Clause
/* Asks the kernel and the host what they have; never their version. It never
 * loads or attaches anything. */
#include "user/feature.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "user/cgfs.h"

static const struct feature_row table[FEATURE_MAX] = {
	[FEATURE_ROOT] = {"root", "root (uid 0)", "BPF programs and limits need it",
			  "run it with sudo", true},
	[FEATURE_CAP_BPF] = {"cap_bpf", "the capability CAP_BPF (or CAP_SYS_ADMIN)",
			     "no BPF program can be loaded", "give it the capability", true},
	[FEATURE_CAP_PERFMON] = {"cap_perfmon", "the capability CAP_PERFMON (or CAP_SYS_ADMIN)",
				 "no BPF program can look into the kernel",
				 "give it the capability", true},
	[FEATURE_CAP_READ] = {"cap_dac_read_search", "the capability CAP_DAC_READ_SEARCH",
			      "cgroups cannot be opened by the number in an event",
			      "give it the capability", true},
	[FEATURE_CGROUP2] = {"cgroup2", "cgroup v2 mounted on /sys/fs/cgroup",
			     "there is nothing to govern",
			     "boot with systemd.unified_cgroup_hierarchy=1 (cgroup "
			     "v1 is not served)",
			     true},
	[FEATURE_CGROUP2_WRITABLE] = {"cgroup2_writable", "cgroup v2 mounted writable",
				      "no limit can be moved", "mount -o remount,rw /sys/fs/cgroup",
				      true},
	[FEATURE_MEMORY_CONTROLLER] = {"memory_controller", "the memory controller in cgroup v2",
				       "memory limits cannot be governed",
				       "boot without cgroup_disable=memory and free it from v1",
				       true},
	[FEATURE_BTF] = {"btf", "the kernel's types (/sys/kernel/btf/vmlinux)",
			 "no BPF program can be fitted to this kernel",
			 "use a kernel built with CONFIG_DEBUG_INFO_BTF", true},
	[FEATURE_BPFFS] = {"bpffs", "bpffs mounted on /sys/fs/bpf",
			   "the ledger could not outlive a crash", "mount -t bpf bpf /sys/fs/bpf",
			   true},
	[FEATURE_FTRACE] = {"ftrace", "kernel.ftrace_enabled=1", "programs attach and never run",
			    "sysctl kernel.ftrace_enabled=1", true},
	[FEATURE_FPROBE] = {"fprobe", "function register_fprobe_ips (5.18)",
			    "where the kernel preempts itself, programs at the limit are left out",
			    "use a kernel with CONFIG_FPROBE", false},
	[FEATURE_BPF_LOOP] = {"bpf_loop", "the helper bpf_loop (5.17)",
			      "no task can be held at OOM", "use a kernel from 5.17 on", true},
	[FEATURE_CHARGE] = {"charge", "function page_counter_try_charge",
			    "limits are seen only when they are reached",
			    "use a kernel with memory cgroups", true},
	[FEATURE_OOM] = {"oom", "function mem_cgroup_out_of_memory",
			 "no hold: what the watermark misses is killed",
			 "use a kernel with memory cgroups", true},
	[FEATURE_KILL_TASK] = {"kill_task", "tracepoint mark_victim with the task (6.9)",
			       "nothing, where the function mark_oom_victim is there",
			       "none needed", false},
	[FEATURE_KILL_FUNCTION] = {"kill_function", "function mark_oom_victim",
				   "kills are not journaled where the tracepoint lacks the task",
				   "none needed from 6.9 on", false},
	[FEATURE_LIFE] = {"life",
			  "function cgroup_mkdir, tracepoints cgroup_mkdir and cgroup_rmdir",
			  "cgroups made later are not seen", "use a kernel from 4.20 on", true},
	[FEATURE_WRITE] = {"write", "function cgroup_file_write",
			   "other writers and our own heartbeat are not seen",
			   "use a kernel with cgroup v2", true},
	[FEATURE_RECLAIM] = {"reclaim", "file memory.reclaim (5.19)",
			     "limits return only below use, page cache included",
			     "none needed from 5.19 on", false},
	[FEATURE_PSI] = {"psi", "pressure (/proc/pressure/memory)",
			 "no psi_spike, and samples without pressure; limits do not depend on it",
			 "boot with psi=1", false},
	[FEATURE_CPU_CONTROLLER] = {"cpu_controller", "the cpu controller in cgroup v2",
				    "CPU time cannot be governed", "free it from cgroup v1", false},
	[FEATURE_IO_CONTROLLER] = {"io_controller", "the io controller in cgroup v2",
				   "IO cannot be governed", "free it from cgroup v1", false},
	[FEATURE_CPU_THROTTLE] = {"cpu_throttle", "function throttle_cfs_rq",
				  "CPU quotas are not raised",
				  "use a kernel with CONFIG_CFS_BANDWIDTH", false},
	[FEATURE_CPU_RELEASE] = {"cpu_release", "function unthrottle_cfs_rq",
				 "what throttling cost is not journaled",
				 "use a kernel with CONFIG_CFS_BANDWIDTH", false},
	[FEATURE_LIMIT_WRITE] = {"limit_write", "function kernfs_fop_write_iter",
				 "bench-latency enters a program at every write on the machine",
				 "none needed where vfs_write is there", false},
	[FEATURE_VFS_WRITE] = {"vfs_write", "function vfs_write",
			       "nothing, where kernfs_fop_write_iter is there", "none needed",
			       false},
	[FEATURE_RECEIVE] = {"receive", "function unix_stream_recvmsg",
			     "bench-latency does not see a daemon receive a request",
			     "use a kernel with unix sockets built in", false},
	[FEATURE_PROCESS] = {"process", "tracepoints sched_process_fork and sched_process_exec",
			     "bench-latency does not see clients and runtimes start",
			     "use a kernel from 5.5 on", false},
	[FEATURE_SAMPLE] = {"sample", "the cgroup iterator (6.1)",
			    "no calibration; run learns no distribution of its own",
			    "use a kernel from 6.1 on", false},
	[FEATURE_IO_THROTTLE] = {"io_throttle", "function __blk_throtl_bio",
				 "IO limits are not raised, where blk_throtl_bio is not there",
				 "use a kernel with CONFIG_BLK_DEV_THROTTLING", false},
	[FEATURE_IO_THROTTLE_OLDER] = {"io_throttle_older", "function blk_throtl_bio",
				       "nothing, where __blk_throtl_bio is there", "none needed",
				       false},
	[FEATURE_IO_CARRY] = {"io_carry", "io.max that may move while bios wait (6.6)",
			      "lowered in a bad moment it lets much through, then keeps a bio for "
			      "minutes",
			      "use a kernel from 6.6 on", false},
	[FEATURE_TASKS] = {"tasks", "tracepoints cgroup_attach_task and sched_process_fork",
			   "tasks that come later get no priority", "use a kernel from 5.5 on",
			   false},
};

/* Every program, also the two ends of one moment. Where two are for one moment, the second is for
 * kernels that lack the first. */
static const struct program_row programs[] = {
	{"on_charge", FEATURE_FPROBE, FEATURE_MAX, "run"},
	{"on_charge_older", FEATURE_CHARGE, FEATURE_FPROBE, "run"},
	{"on_oom", FEATURE_FPROBE, FEATURE_MAX, "run"},
	{"on_oom_older", FEATURE_OOM, FEATURE_FPROBE, "run"},
	{"on_oom_done", FEATURE_OOM, FEATURE_MAX, "run"},
	{"on_kill", FEATURE_KILL_TASK, FEATURE_MAX, "run"},
	{"on_kill_by_function", FEATURE_KILL_FUNCTION, FEATURE_KILL_TASK, "run"},
	{"on_victim_exit", FEATURE_KILL_TASK, FEATURE_MAX, "run"},
	{"on_victim_exit", FEATURE_KILL_FUNCTION, FEATURE_KILL_TASK, "run"},
	{"on_mkdir", FEATURE_LIFE, FEATURE_MAX, "run"},
	{"on_made", FEATURE_LIFE, FEATURE_MAX, "run"},
	{"on_rmdir", FEATURE_LIFE, FEATURE_MAX, "run"},
	{"on_write", FEATURE_WRITE, FEATURE_MAX, "run"},
	{"on_throttle", FEATURE_CPU_THROTTLE, FEATURE_MAX, "run"},
	{"on_unthrottle", FEATURE_CPU_RELEASE, FEATURE_MAX, "run"},
	{"on_bio", FEATURE_IO_THROTTLE, FEATURE_MAX, "run"},
	{"on_bio_older", FEATURE_IO_THROTTLE_OLDER, FEATURE_IO_THROTTLE, "run"},
	{"on_attach_task", FEATURE_TASKS, FEATURE_MAX, "run"},
	{"on_fork", FEATURE_TASKS, FEATURE_MAX, "run"},
	{"on_sample", FEATURE_SAMPLE, FEATURE_MAX, "run"},
	{"on_limit_write", FEATURE_LIMIT_WRITE, FEATURE_MAX, "bench-latency"},
	{"on_limit_written", FEATURE_LIMIT_WRITE, FEATURE_MAX, "bench-latency"},
	{"on_vfs_write", FEATURE_VFS_WRITE, FEATURE_LIMIT_WRITE, "bench-latency"},
	{"on_vfs_written", FEATURE_VFS_WRITE, FEATURE_LIMIT_WRITE, "bench-latency"},
	{"on_receive", FEATURE_RECEIVE, FEATURE_MAX, "bench-latency"},
	{"on_start", FEATURE_PROCESS, FEATURE_MAX, "bench-latency"},
	{"on_exec", FEATURE_PROCESS, FEATURE_MAX, "bench-latency"},
};

const struct program_row *feature_program(size_t i)
{
	return i < sizeof(programs) / sizeof(*programs) ? &programs[i] : NULL;
}

const struct feature_row *feature_row(enum feature feature)
{
	return &table[feature];
}

static bool has_function(const struct btf *btf, const char *name)
{
	return btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;
}

/* Does the tracepoint's second argument (the first is the probe's own context)
 * point to something?
 */
static bool tracepoint_has_pointer(const struct btf *btf, const char *typedef_name)
{
	int id = btf__find_by_name_kind(btf, typedef_name, BTF_KIND_TYPEDEF);
	const struct btf_type *type;

	if (id <= 0)
		return false;
	type = btf__type_by_id(btf, btf__type_by_id(btf, id)->type);
	if (!type || !btf_is_ptr(type))
		return false;
	type = btf__type_by_id(btf, type->type);
	if (!type || !btf_is_func_proto(type) || btf_vlen(type) < 2)
		return false;
	type = btf__type_by_id(btf, btf_params(type)[1].type);
	return type && btf_is_ptr(type);
}

/* What waiting bios had used is carried over to a new limit, and may be negative: kernels before
 * bb8d5587bdc3 and ef100397fac3 (6.6) kept that without a sign.
 */
static bool carries_with_sign(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "throtl_grp", BTF_KIND_STRUCT);
	const struct btf_type *group = id > 0 ? btf__type_by_id(btf, id) : NULL, *type;
	const struct btf_member *member = group ? btf_members(group) : NULL;

	for (int i = 0; group && i < btf_vlen(group); i++, member++) {
		if (strcmp(btf__name_by_offset(btf, member->name_off), "carryover_bytes") != 0)
			continue;
		type = btf__type_by_id(btf, btf__resolve_type(btf, member->type));
		if (btf_is_array(type))
			type = btf__type_by_id(btf, btf__resolve_type(btf, btf_array(type)->type));
		return !btf_is_int(type) || btf_int_encoding(type) & BTF_INT_SIGNED;
	}
	return true;
}

static bool has_word(const char *file, const char *word)
{
	char text[256] = " ", want[32];
	FILE *f = fopen(file, "re");
	bool has;

	if (!f)
		return false;
	has = fgets(text + 1, sizeof(text) - 2, f) != NULL;
	fclose(f);
	text[strcspn(text, "\n")] = '\0';
	strcat(text, " ");
	snprintf(want, sizeof(want), " %s ", word);
	return has && strstr(text, want);
}

/* In this namespace of users, which tells enough: elsewhere the kernel refuses by itself. */
static bool has_capability(unsigned int number)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	return data[number / 32].effective & (1U << number % 32);
}

static bool is_bpffs(void)
{
	struct statfs fs;

	return statfs("/sys/fs/bpf", &fs) == 0 && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

static void probe_kernel(struct features *features)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf) {
		features->err[FEATURE_BTF] = -errno;
		return;
	}
	features->has[FEATURE_BTF] = true;
	features->has[FEATURE_CHARGE] = has_function(btf, "page_counter_try_charge");
	features->has[FEATURE_OOM] = has_function(btf, "mem_cgroup_out_of_memory");
	features->has[FEATURE_KILL_FUNCTION] = has_function(btf, "mark_oom_victim");
	features->has[FEATURE_WRITE] = has_function(btf, "cgroup_file_write");
	features->has[FEATURE_FPROBE] = has_function(btf, "register_fprobe_ips");
	features->has[FEATURE_BPF_LOOP] = has_function(btf, "bpf_loop");
	features->has[FEATURE_KILL_TASK] = tracepoint_has_pointer(btf, "btf_trace_mark_victim");
	features->has[FEATURE_SAMPLE] =
		btf__find_by_name_kind(btf, "bpf_iter__cgroup", BTF_KIND_STRUCT) > 0;
	features->has[FEATURE_LIFE] =
		btf__find_by_name_kind(btf, "btf_trace_cgroup_mkdir", BTF_KIND_TYPEDEF) > 0 &&
		has_function(btf, "cgroup_mkdir");
	features->has[FEATURE_CPU_THROTTLE] = has_function(btf, "throttle_cfs_rq");
	features->has[FEATURE_IO_THROTTLE] = has_function(btf, "__blk_throtl_bio");
	features->has[FEATURE_IO_THROTTLE_OLDER] = has_function(btf, "blk_throtl_bio");
	features->has[FEATURE_IO_CARRY] = carries_with_sign(btf);
	features->has[FEATURE_TASKS] =
		btf__find_by_name_kind(btf, "btf_trace_cgroup_attach_task", BTF_KIND_TYPEDEF) > 0;
	features->has[FEATURE_CPU_RELEASE] = has_function(btf, "unthrottle_cfs_rq");
	features->has[FEATURE_LIMIT_WRITE] = has_function(btf, "kernfs_fop_write_iter");
	features->has[FEATURE_VFS_WRITE] = has_function(btf, "vfs_write");
	features->has[FEATURE_RECEIVE] = has_function(btf, "unix_stream_recvmsg");
	features->has[FEATURE_PROCESS] =
		btf__find_by_name_kind(btf, "btf_trace_sched_process_exec", BTF_KIND_TYPEDEF) > 0;
	btf__free(btf);
}

void features_probe(struct features *ret_features)
{
	struct features features = {};
	struct statvfs fs;
	int root_fd;

	features.has[FEATURE_ROOT] = geteuid() == 0;
	features.has[FEATURE_CAP_BPF] = has_capability(CAP_BPF) || has_capability(CAP_SYS_ADMIN);
	features.has[FEATURE_CAP_PERFMON] =
		has_capability(CAP_PERFMON) || has_capability(CAP_SYS_ADMIN);
	features.has[FEATURE_CAP_READ] = has_capability(CAP_DAC_READ_SEARCH);
	features.err[FEATURE_CGROUP2] = cgfs_open_root(&root_fd);
	if (!features.err[FEATURE_CGROUP2]) {
		features.has[FEATURE_CGROUP2] = true;
		features.has[FEATURE_CGROUP2_WRITABLE] =
			fstatvfs(root_fd, &fs) == 0 && !(fs.f_flag & ST_RDONLY);
		features.has[FEATURE_RECLAIM] = faccessat(root_fd, "memory.reclaim", F_OK, 0) == 0;
		close(root_fd);
	}
	features.has[FEATURE_MEMORY_CONTROLLER] =
		has_word(CGFS_ROOT "/cgroup.controllers", "memory");
	features.has[FEATURE_CPU_CONTROLLER] = has_word(CGFS_ROOT "/cgroup.controllers", "cpu");
	features.has[FEATURE_IO_CONTROLLER] = has_word(CGFS_ROOT "/cgroup.controllers", "io");
	features.has[FEATURE_BPFFS] = is_bpffs();
	/* Kernels without the switch cannot turn it off. */
	features.has[FEATURE_FTRACE] = access("/proc/sys/kernel/ftrace_enabled", F_OK) != 0 ||
				       has_word("/proc/sys/kernel/ftrace_enabled", "1");
	features.has[FEATURE_PSI] = access("/proc/pressure/memory", R_OK) == 0;
	probe_kernel(&features);
	*ret_features = features;
}

enum feature features_missing(const struct features *features)
{
	for (int i = 0; i < FEATURE_MAX; i++)
		if (table[i].is_required && !features->has[i])
			return i;
	return FEATURE_MAX;
}

bool features_want_program(const struct features *features, const char *program)
{
	const struct program_row *row;

	for (size_t i = 0; (row = feature_program(i)); i++)
		if (strcmp(row->name, program) == 0 && features->has[row->needs] &&
		    (row->unless == FEATURE_MAX || !features->has[row->unless]))
			return true;
	return false;
}
