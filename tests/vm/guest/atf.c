/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Runs the cases of one test program, each in a process of its own, and says on one
 * line each how it ended: "vmtest: passed|failed|skipped program:case reason|".
 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define	TIMEOUT	300

/* What a case tells the runner. */
static struct verdict {
	bool	failed;
	bool	skipped;
	char	reason[400];
} *verdict;

static int	 variables;
static char	**variable;		/* "-v", "name=value" pairs. */

atf_error_t
atf_no_error(void)
{

	return (0);
}

void
atf_tp_add(atf_tp_t *tp, atf_tc_t *tc)
{

	if (tp->count < sizeof(tp->cases) / sizeof(tp->cases[0]))
		tp->cases[tp->count++] = tc;
}

void
atf_tc_set_md_var(atf_tc_t *tc, const char *name, const char *value)
{

	if (strcmp(name, "timeout") == 0)
		tc->timeout = strtol(value, NULL, 10);
}

static const char *
config_variable(const char *name)
{
	size_t length;
	int i;

	length = strlen(name);
	for (i = 0; i + 1 < variables; i += 2)
		if (strncmp(variable[i + 1], name, length) == 0 &&
		    variable[i + 1][length] == '=')
			return (variable[i + 1] + length + 1);
	return (NULL);
}

bool
atf_tc_get_config_var_as_bool_wd(const atf_tc_t *tc __unused, const char *name,
    bool otherwise)
{
	const char *value;

	value = config_variable(name);
	return (value == NULL ? otherwise : strcmp(value, "yes") == 0);
}

long
atf_tc_get_config_var_as_long_wd(const atf_tc_t *tc __unused, const char *name,
    long otherwise)
{
	const char *value;

	value = config_variable(name);
	return (value == NULL ? otherwise : strtol(value, NULL, 10));
}

/* The first reason is the one that counts. */
static void
say(const char *format, va_list ap)
{

	if (!verdict->failed && !verdict->skipped)
		vsnprintf(verdict->reason, sizeof(verdict->reason), format, ap);
}

void
atf_tc_fail_nonfatal(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
	verdict->failed = true;
}

void
atf_tc_fail(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
	verdict->failed = true;
	_exit(1);
}

void
atf_tc_skip(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
	verdict->skipped = true;
	_exit(0);
}

/* Runs one part of a case; true if its process ended by itself. */
static bool
run_apart(const atf_tc_t *tc, void (*part)(const atf_tc_t *))
{
	time_t end;
	pid_t pid;
	int status;

	pid = fork();
	if (pid == 0) {
		part(tc);
		_exit(0);
	}
	end = time(NULL) + (tc->timeout != 0 ? tc->timeout : TIMEOUT);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (time(NULL) > end) {
			kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			break;
		}
		usleep(5000);
	}
	return (WIFEXITED(status));
}

/* Said twice: what the kernel prints goes between the letters of what we print. */
static void
report(const char *how, const char *program, const char *name,
    const char *reason)
{
	int i;

	for (i = 0; i < 2; i++) {
		printf("vmtest: %s %s:%s %s|\n", how, program, name, reason);
		usleep(30000);
	}
}

static void
run_case(const char *program, atf_tc_t *tc)
{
	const char *how;
	bool ended;

	memset(verdict, 0, sizeof(*verdict));
	if (tc->head != NULL)
		tc->head(tc);
	ended = run_apart(tc, tc->body);
	if (tc->cleanup != NULL)
		ended = run_apart(tc, tc->cleanup) && ended;
	how = !ended || verdict->failed ? "failed" :
	    verdict->skipped ? "skipped" : "passed";
	report(how, program, tc->name,
	    ended ? verdict->reason : "killed by a signal or out of time");
}

int
main(int argc, char **argv)
{
	static atf_tp_t tp;
	const char *program;
	size_t i;

	program = strrchr(argv[0], '/');
	program = program == NULL ? argv[0] : program + 1;
	variables = argc - 1;
	variable = argv + 1;
	verdict = mmap(NULL, sizeof(*verdict), PROT_READ | PROT_WRITE,
	    MAP_ANON | MAP_SHARED, -1, 0);
	if (verdict == MAP_FAILED || atf_add_test_cases(&tp) != 0)
		return (1);
	for (i = 0; i < tp.count; i++)
		run_case(program, tp.cases[i]);
	report("ran", program, "all", "");
	return (0);
}
