/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/engine.c to what it makes of answers, with an Engine of canned ones. It never reaches
 * a real one. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/engine.h"

static char folder[] = "/tmp/cgbpf-engine.XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static char asked[1024];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/engine.sock", folder);
	return engine_use(address.sun_path);
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(address.sun_path);
	return rmdir(folder);
}

struct engine {
	const char *answer;
	int fd;
	pthread_t thread;
};

/* One connection, one request, one answer. */
static void *answer_once(void *context)
{
	struct engine *engine = context;
	int fd = accept(engine->fd, NULL, NULL);
	ssize_t len = read(fd, asked, sizeof(asked) - 1);

	asked[len > 0 ? len : 0] = '\0';
	if (write(fd, engine->answer, strlen(engine->answer)) < 0)
		perror("write");
	close(fd);
	return NULL;
}

static void begin(struct engine *engine, const char *answer)
{
	engine->answer = answer;
	unlink(address.sun_path);
	engine->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(engine->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(engine->fd, 1), 0);
	assert_int_equal(pthread_create(&engine->thread, NULL, answer_once, engine), 0);
}

static void end(struct engine *engine)
{
	pthread_join(engine->thread, NULL);
	close(engine->fd);
}

static void an_answer_is_read_as_json(void **state)
{
	struct engine engine;
	json_t *json = NULL;

	(void)state;
	begin(&engine, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"Id\":\"abc\"}");
	assert_int_equal(engine_get("/info", &json), 0);
	end(&engine);
	assert_string_equal(json_string_value(json_object_get(json, "Id")), "abc");
	assert_non_null(strstr(asked, "GET /info HTTP/1.1\r\n"));
	json_decref(json);
}

static void a_refusal_comes_with_the_engines_words_escaped(void **state)
{
	struct engine_answer answer;
	struct engine engine;
	json_t *body = json_pack("{s:i}", "Memory", 5);

	(void)state;
	begin(&engine, "HTTP/1.1 404 Not Found\r\nContent-Length: 31\r\n\r\n"
		       "{\"message\":\"no \\u001bthat one\"}");
	assert_int_equal(engine_ask(&(struct engine_request){.method = "POST",
							     .path = "/x/update",
							     .body = body},
				    &answer),
			 -EREMOTEIO);
	end(&engine);
	assert_int_equal(answer.status, 404);
	assert_string_equal(answer.message, "no \\x1bthat one");
	assert_non_null(strstr(asked, "POST /x/update HTTP/1.1\r\n"));
	assert_non_null(strstr(asked, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(asked, "\r\n\r\n{\"Memory\":5}"));
	engine_answer_free(&answer);
	json_decref(body);
}

static void what_is_no_engine_is_told_from_none(void **state)
{
	struct engine engine;
	json_t *json = NULL;

	(void)state;
	begin(&engine, "hello");
	assert_int_equal(engine_get("/info", &json), -EPROTO);
	end(&engine);
	assert_int_equal(engine_get("/info", &json), -ECONNREFUSED);
	unlink(address.sun_path);
	assert_int_equal(engine_get("/info", &json), -ENOENT);
	assert_null(json);
}

static void only_a_unix_socket_is_used(void **state)
{
	(void)state;
	assert_int_equal(engine_use("tcp://127.0.0.1:2375"), -EINVAL);
	assert_int_equal(engine_use("docker.sock"), -EINVAL);
	assert_int_equal(engine_use("unix:///run/other.sock"), 0);
	assert_string_equal(engine_socket(), "/run/other.sock");
	assert_int_equal(engine_use(address.sun_path), 0);
}

static void a_name_cannot_leave_its_place_in_the_path(void **state)
{
	char buf[32];

	(void)state;
	assert_int_equal(engine_escape("web_1", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "web_1");
	assert_int_equal(engine_escape("../a?b=c d\xff", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "..%2Fa%3Fb%3Dc%20d%FF");
	assert_int_equal(engine_escape("0123456789", buf, 10), -ENAMETOOLONG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_read_as_json),
		cmocka_unit_test(a_refusal_comes_with_the_engines_words_escaped),
		cmocka_unit_test(what_is_no_engine_is_told_from_none),
		cmocka_unit_test(only_a_unix_socket_is_used),
		cmocka_unit_test(a_name_cannot_leave_its_place_in_the_path),
	};

	return cmocka_run_group_tests_name("engine", tests, make_folder, remove_folder);
}
