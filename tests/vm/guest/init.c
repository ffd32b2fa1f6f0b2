/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The first process of a machine that has nothing but a kernel: does what the lines
 * of /vmtest/plan say and ends the machine.  What the programs test, it does not know.
 *
 *	load FILE		kldload(2)
 *	run PROGRAM ARG...	and wait for its end
 *	arm SECONDS		watchdog(4)
 *	pause SECONDS
 *	panic
 *	shutdown
 */
#include <sys/param.h>
#include <sys/ioctl.h>
#include <sys/linker.h>
#include <sys/reboot.h>
#include <sys/sysctl.h>
#include <sys/wait.h>
#include <sys/watchdog.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define	ARGUMENTS	16
#define	EXIT_PORT	0xf4	/* QEMU's isa-debug-exit. */

static void
run(char **argv)
{
	char *environment[] = { NULL };
	pid_t pid;
	int status;

	pid = fork();
	if (pid == 0) {
		execve(argv[0], argv, environment);
		printf("vmtest: failed init:exec %s %s|\n", argv[0],
		    strerror(errno));
		_exit(127);
	}
	/* Orphans, those of kproc(9) too, are collected on the way. */
	while (waitpid(-1, &status, 0) != pid)
		continue;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		printf("vmtest: failed init:run %s status %d|\n", argv[0], status);
}

static void
load(const char *file)
{
	int i;

	if (kldload(file) < 0) {
		printf("vmtest: failed init:load %s %s|\n", file, strerror(errno));
		return;
	}
	for (i = 0; i < 300 && open("/dev/ipmi0", O_RDWR) < 0; i++)
		usleep(100000);
	/* The descriptor that succeeded must not keep the module busy. */
	for (i = 3; i < 10; i++)
		close(i);
}

static void
arm(long seconds)
{
	sbintime_t exact = (sbintime_t)seconds << 32;
	int fd, whole = (int)seconds;

	fd = open("/dev/" _PATH_WATCHDOG, O_RDWR);
	if (ioctl(fd, WDIOC_SETTIMEOUT, IOCPARM_LEN(WDIOC_SETTIMEOUT) ==
	    sizeof(whole) ? (void *)&whole : (void *)&exact) != 0)
		printf("vmtest: failed init:arm %s|\n", strerror(errno));
	close(fd);
}

static void
panic(void)
{
	int on = 1;

	(void)sysctlbyname("debug.kdb.panic", NULL, NULL, &on, sizeof(on));
}

static void
obey(char **argv)
{
	long seconds;

	seconds = argv[1] != NULL ? strtol(argv[1], NULL, 10) : 0;
	if (strcmp(argv[0], "load") == 0)
		load(argv[1]);
	else if (strcmp(argv[0], "run") == 0)
		run(argv + 1);
	else if (strcmp(argv[0], "arm") == 0)
		arm(seconds);
	else if (strcmp(argv[0], "pause") == 0)
		usleep(seconds * 1000000);
	else if (strcmp(argv[0], "panic") == 0)
		panic();
	else if (strcmp(argv[0], "shutdown") == 0)
		reboot(RB_AUTOBOOT);
}

/* Cuts the line into words in place. */
static void
obey_line(char *line)
{
	char *argv[ARGUMENTS + 1];
	int argc = 0;

	while (argc < ARGUMENTS) {
		while (*line == ' ')
			*line++ = '\0';
		if (*line == '\0')
			break;
		argv[argc++] = line;
		while (*line != ' ' && *line != '\0')
			line++;
	}
	argv[argc] = NULL;
	if (argc > 0)
		obey(argv);
}

static void
end_machine(void)
{

	printf("vmtest: end\n");
	usleep(200000);
	/* The right to touch ports comes with the descriptor. */
	(void)open("/dev/io", O_RDWR);
	__asm__ volatile("outb %b0, %w1" : : "a" (0), "Nd" (EXIT_PORT));
	reboot(RB_POWEROFF);
}

int
main(int argc __unused, char **argv __unused)
{
	static char plan[4096];
	char *at, *end;
	int fd;

	fd = open("/dev/console", O_RDWR);
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	printf("vmtest: begin\n");
	fd = open("/vmtest/plan", O_RDONLY);
	if (fd < 0 || read(fd, plan, sizeof(plan) - 1) < 0)
		printf("vmtest: failed init:plan %s|\n", strerror(errno));
	close(fd);
	for (at = plan; *at != '\0'; at = end) {
		for (end = at; *end != '\n' && *end != '\0'; end++)
			continue;
		if (*end == '\n')
			*end++ = '\0';
		obey_line(at);
	}
	end_machine();
	return (1);
}
