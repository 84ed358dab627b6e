/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises of user/journal: what a reader of the file finds, and that nothing stops the writer. It
 * never looks inside the room. */
#include "user/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PROMISE(name) static void name(__attribute__((unused)) void **state)
#define STAMP "2026-01-02T03:04:05.678901Z"
#define ANY_STARTED "{'ts':'" STAMP "','event':'started'}\n"

static char folder[64], file[80], other[80];
static struct journal *journal;
static char content[1 << 16], *lines[8];
static json_t *record;
static int real_stdout, real_stderr;

static int setup(__attribute__((unused)) void **state)
{
	strcpy(folder, "/tmp/cgbpf-journal.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/journal", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	umask(022);
	return 0;
}

static int teardown(__attribute__((unused)) void **state)
{
	dup2(real_stdout, STDOUT_FILENO);
	dup2(real_stderr, STDERR_FILENO);
	journal__close(journal);
	journal = NULL;
	remove(file);
	remove(other);
	return remove(folder);
}

/* Reads PATH into `lines`; a torn tail counts as a line. */
static void read_lines(const char *path, size_t expected_cnt)
{
	int fd = open(path, O_RDONLY);
	ssize_t len = read(fd, content, sizeof(content) - 1);
	char *rest = content;
	size_t cnt = 0;

	close(fd);
	assert_true(len >= 0);
	content[len] = '\0';
	while (rest && *rest && cnt < COUNT(lines))
		lines[cnt++] = strsep(&rest, "\n");
	assert_int_equal(cnt, expected_cnt);
}

/* The line is EXPECTED behind its time, where ' stands for ". */
static void assert_line(size_t i, const char *expected)
{
	for (char *quote = lines[i]; (quote = strchr(quote, '"')); quote++)
		*quote = '\'';
	assert_string_equal(lines[i] + strlen("{'ts':'" STAMP "',"), expected);
}

static const char *text_of(const char *key)
{
	return json_string_value(json_object_get(record, key));
}

static void open_journal(const char *path)
{
	assert_int_equal(journal__open(path, &journal), 0);
}

static void write_event(enum journal_event event)
{
	journal__write(journal, &(struct journal_record){.event = event});
}

/* Writes one record to a fresh journal and parses its line. */
static void write_one(const struct journal_record *what)
{
	open_journal(file);
	journal__write(journal, what);
	read_lines(file, 1);
	json_decref(record);
	record = json_loads(lines[0], JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(record);
}

/* Standard output goes to the second of ENDS, which is closed here. */
static void capture_stdout(const int ends[2])
{
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
}

/* Standard error goes to PATH. */
static void divert_stderr(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	dup2(fd, STDERR_FILENO);
	close(fd);
}

/* Which line a record becomes. */
struct shape {
	const char *promise;
	const char *line;
	struct journal_record record;
};

static const struct shape shapes[] = {
	{"ts, event, cgroup and target come first, then the order of the struct",
	 "'event':'soft_limit_raised','cgroup':'/lab/hog','target':'hog','dry_run':true,"
	 "'cgroup_id':42,'knob':'memory.max','old':1,'new':2,'reason':'r','detail':'d'}",
	 {JOURNAL_SOFT_LIMIT_RAISED, true, "/lab/hog", 42, "hog", "memory.max", 1, 2, "r", "d",
	  .has_times = false}},
	{"the four moments stand together",
	 "'event':'blind','t':{'received':3,'decided':4,'written':5,'effective':6}}",
	 {JOURNAL_BLIND, .has_times = true, .times = {3, 4, 5, 6}}},
	{"keys that are not given are left out", "'event':'stopped'}", {.event = JOURNAL_STOPPED}},
	{"moments that were not reached are left out",
	 "'event':'not_raised','t':{'received':7}}",
	 {.event = JOURNAL_NOT_RAISED, .has_times = true, .times = {.received_ns = 7}}},
	{"a change always has old and new, and no limit reads max",
	 "'event':'restored','knob':'memory.max','old':0,'new':'max'}",
	 {.event = JOURNAL_RESTORED, .knob = "memory.max", .new_bytes = UINT64_MAX}},
	{"a number beyond JSON integers is kept as text",
	 "'event':'governed','cgroup_id':'18446744073709551614'}",
	 {.event = JOURNAL_GOVERNED, .cgroup_id = UINT64_MAX - 1}},
	{"an OOM adjustment names its cgroup and memory even when nothing was added",
	 "'event':'oom_adjustment','cgroup':'/a','oom_cgroup':'/a','added_memory':0,"
	 "'adjusted_cgroups':[]}",
	 {.event = JOURNAL_OOM_ADJUSTMENT, .cgroup = "/a"}},
	{"an OOM kill names limit, trigger and victim",
	 "'event':'oom_kill','limit_cgroup':'/','trigger_pid':1,'victim_pid':2,"
	 "'victim_comm':'x'}",
	 {JOURNAL_OOM_KILL, .limit_cgroup = "/", .trigger_pid = 1, .victim_pid = 2,
	  .victim_comm = "x"}},
	{"a foreign write names writer, value and answer",
	 "'event':'foreign_write','pid':9,'comm':'sh','value':'1G','answer':'obey'}",
	 {JOURNAL_FOREIGN_WRITE, .pid = 9, .comm = "sh", .value = "1G", .answer = "obey"}},
	{"a count is written even when it is zero",
	 "'event':'started','count':0}",
	 {.event = JOURNAL_STARTED, .has_count = true}},
	{"a name that is no UTF-8 comes with its bytes",
	 "'event':'cgroup_gone','cgroup':'/a\\uFFFD\\u0001','cgroup_bytes':'2f61ff01'}",
	 {.event = JOURNAL_CGROUP_GONE, .cgroup = "/a\xff\x01"}},
};

static void a_record_becomes_its_line(void **state)
{
	const struct shape *shape = *state;

	write_one(&shape->record);
	assert_line(0, shape->line);
}

PROMISE(the_time_is_utc_with_microseconds)
{
	time_t before = time(NULL);
	struct tm utc = {0};
	const char *rest;

	setenv("TZ", "Asia/Kathmandu", 1);
	tzset();
	write_one(&(struct journal_record){.event = JOURNAL_STARTED});
	assert_int_equal(strlen(text_of("ts")), strlen(STAMP));
	rest = strptime(text_of("ts"), "%Y-%m-%dT%H:%M:%S.", &utc);
	assert_non_null(rest);
	assert_int_equal(strspn(rest, "0123456789"), 6);
	assert_string_equal(rest + 6, "Z");
	assert_in_range(timegm(&utc), before, before + 5);
}

PROMISE(hostile_names_stay_data_on_one_line_of_ascii)
{
	static const char name[] = "/\033[2J\033]0;x\a\r\t\"}\n{\"event\":\"x\\u0000\\%n%s$(id)`id`"
				   "/-rf/0::/forged/\xc2\x9b[2J/gr\xc3\xb6\xc3\x9f/\xe2\x80\xae";

	write_one(&(struct journal_record){
		.event = JOURNAL_OOM_KILL, .cgroup = name, .target = name, .victim_comm = name});
	for (const char *byte = lines[0]; *byte; byte++)
		assert_in_range(*byte, 0x20, 0x7e);
	assert_string_equal(text_of("cgroup"), name);
	assert_string_equal(text_of("target"), name);
	assert_string_equal(text_of("victim_comm"), name);
	assert_null(text_of("cgroup_bytes"));
}

PROMISE(a_name_of_4095_bytes_is_kept_whole)
{
	char name[4096];

	memset(name, '\033', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	write_one(&(struct journal_record){.event = JOURNAL_GOVERNED, .cgroup = name});
	assert_string_equal(text_of("cgroup"), name);
}

PROMISE(every_event_has_a_name_of_its_own)
{
	for (int a = 0; a < JOURNAL_EVENT_MAX; a++) { /* 0 is "unknown" */
		for (int b = a + 1; b < JOURNAL_EVENT_MAX; b++)
			assert_string_not_equal(journal_event_name(a), journal_event_name(b));
	}
}

PROMISE(what_stands_in_the_file_stays_and_a_torn_tail_is_closed)
{
	divert_stderr(file);
	dprintf(STDERR_FILENO, "{\"event\":\"old\"}\n{\"eve");
	open_journal(file);
	write_event(JOURNAL_STARTED);
	read_lines(file, 3);
	assert_string_equal(lines[0], "{\"event\":\"old\"}");
	assert_string_equal(lines[1], "{\"eve");
	assert_line(2, "'event':'started'}");
}

PROMISE(a_symbolic_link_is_refused_and_its_aim_is_untouched)
{
	struct journal *untouched = (void *)folder;

	assert_int_equal(symlink(other, file), 0);
	assert_int_equal(journal__open(file, &untouched), -ELOOP);
	assert_ptr_equal(untouched, folder);
	assert_int_equal(access(other, F_OK), -1);
}

PROMISE(a_new_file_is_closed_to_others_and_not_inherited)
{
	struct stat st;
	int next = dup(0);

	close(next);
	open_journal(file);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(fcntl(next, F_GETFD), FD_CLOEXEC);
}

PROMISE(each_record_is_one_write)
{
	char message[256];
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
	capture_stdout(ends);
	open_journal("-");
	write_event(JOURNAL_STARTED);
	write_event(JOURNAL_STOPPED);
	assert_int_equal(read(ends[0], message, sizeof(message)), strlen(ANY_STARTED));
	assert_int_equal(read(ends[0], message, sizeof(message)), strlen(ANY_STARTED));
	assert_int_equal(read(ends[0], message, sizeof(message)), -1);
	close(ends[0]);
}

PROMISE(a_reader_that_stands_still_or_leaves_does_not_stop_the_writer)
{
	uint64_t dropped_cnt;
	int ends[2];

	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(pipe(ends), 0);
	capture_stdout(ends);
	open_journal("-");
	divert_stderr("/dev/null");
	for (int i = 0; i < 4096; i++)
		write_event(JOURNAL_STARTED);
	dropped_cnt = journal__dropped(journal);
	assert_true(dropped_cnt > 0);
	assert_int_equal(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK, 0);
	close(ends[0]);
	write_event(JOURNAL_STARTED);
	assert_int_equal(journal__dropped(journal), dropped_cnt + 1);
}

PROMISE(a_full_disk_is_said_once_and_counted)
{
	open_journal("/dev/full");
	divert_stderr(other);
	for (int i = 0; i < 3; i++)
		write_event(JOURNAL_STARTED);
	assert_int_equal(journal__dropped(journal), 3);
	read_lines(other, 1);
	assert_string_equal(lines[0], "cgbpf: cannot write to the journal '/dev/full': "
				      "No space left on device, ignoring");
}

PROMISE(after_a_cut_record_the_loss_is_told_on_a_line_of_its_own)
{
	struct rlimit unlimited, tight;
	struct stat st;

	signal(SIGXFSZ, SIG_DFL);
	open_journal(file);
	divert_stderr("/dev/null");
	write_event(JOURNAL_STARTED);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
	tight = unlimited;
	tight.rlim_cur = (rlim_t)st.st_size + 10;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	for (int i = 0; i < 3; i++)
		write_event(JOURNAL_STARTED);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
	assert_int_equal(journal__dropped(journal), 3);
	write_event(JOURNAL_STOPPED);
	write_event(JOURNAL_STOPPED); /* without another loss in front */
	read_lines(file, 5);
	assert_int_equal(strlen(lines[1]), 10); /* the cut one */
	assert_line(2, "'event':'events_lost','reason':'journal_full','count':3}");
	assert_line(3, "'event':'stopped'}");
}

PROMISE(a_rotation_that_fails_keeps_the_old_file_and_one_that_works_takes_the_new)
{
	open_journal(file);
	assert_int_equal(rename(file, other), 0);
	assert_int_equal(mkdir(file, 0700), 0);
	assert_int_equal(journal__reopen(journal), -EISDIR);
	write_event(JOURNAL_STARTED);
	read_lines(other, 1);
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(journal__reopen(journal), 0);
	write_event(JOURNAL_STOPPED);
	read_lines(other, 1);
	read_lines(file, 1);
	assert_line(0, "'event':'stopped'}");
}

PROMISE(copy_and_truncate_leaves_no_hole)
{
	open_journal(file);
	write_event(JOURNAL_STARTED);
	assert_int_equal(truncate(file, 0), 0);
	write_event(JOURNAL_STARTED);
	read_lines(file, 1);
	assert_line(0, "'event':'started'}");
}

PROMISE(without_a_file_records_go_nowhere)
{
	open_journal(NULL);
	write_event(JOURNAL_STARTED);
	assert_int_equal(journal__reopen(journal), 0);
	assert_int_equal(journal__dropped(journal), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	struct CMUnitTest shape_tests[COUNT(shapes)];
	const struct CMUnitTest tests[] = {
		TEST(the_time_is_utc_with_microseconds),
		TEST(hostile_names_stay_data_on_one_line_of_ascii),
		TEST(a_name_of_4095_bytes_is_kept_whole),
		TEST(every_event_has_a_name_of_its_own),
		TEST(what_stands_in_the_file_stays_and_a_torn_tail_is_closed),
		TEST(a_symbolic_link_is_refused_and_its_aim_is_untouched),
		TEST(a_new_file_is_closed_to_others_and_not_inherited),
		TEST(each_record_is_one_write),
		TEST(a_reader_that_stands_still_or_leaves_does_not_stop_the_writer),
		TEST(a_full_disk_is_said_once_and_counted),
		TEST(after_a_cut_record_the_loss_is_told_on_a_line_of_its_own),
		TEST(a_rotation_that_fails_keeps_the_old_file_and_one_that_works_takes_the_new),
		TEST(copy_and_truncate_leaves_no_hole),
		TEST(without_a_file_records_go_nowhere),
	};

	for (size_t i = 0; i < COUNT(shapes); i++)
		shape_tests[i] = (struct CMUnitTest){shapes[i].promise, a_record_becomes_its_line,
						     setup, teardown, (void *)&shapes[i]};
	real_stdout = dup(STDOUT_FILENO);
	real_stderr = dup(STDERR_FILENO);
	alarm(60); /* a journal that blocks ends here */
	return cmocka_run_group_tests_name("journal lines", shape_tests, NULL, NULL) +
	       cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
