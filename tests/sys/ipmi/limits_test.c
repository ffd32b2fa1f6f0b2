/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What one client may ask for, and that one who goes away early does not take the
 * device along.
 */
#include <sys/param.h>
#include <sys/sysctl.h>
#include <sys/wait.h>

#include <signal.h>

#include "client.h"

static int
tunable(const char *name)
{
	size_t size;
	int value;

	size = sizeof(value);
	ATF_REQUIRE_EQ_MSG(0, sysctlbyname(name, &value, &size, NULL, 0),
	    "%s: %s", name, strerror(errno));
	return (value);
}

static void
require_alive(void)
{
	struct answer answer;
	int fd;

	fd = client_open();
	client_ask(fd, IPMI_GET_DEVICE_ID, NULL, 0, &answer);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(request_length);
ATF_TC_BODY(request_length, tc)
{
	static uint8_t data[65535];
	int fd;

	fd = client_open();
	ATF_CHECK_ERRNO(EMSGSIZE, client_send(fd, IPMI_APP_REQUEST,
	    IPMI_GET_DEVICE_ID, data, sizeof(data), 1) == -1);
	ATF_CHECK_ERRNO(EMSGSIZE, client_send(fd, IPMI_APP_REQUEST,
	    IPMI_GET_DEVICE_ID, data, 1024, 1) == -1);
	close(fd);
	require_alive();
}

ATF_TC_WITHOUT_HEAD(requests_of_a_descriptor);
ATF_TC_BODY(requests_of_a_descriptor, tc)
{
	struct answer answer;
	int fd, i, limit;

	fd = client_open();
	limit = tunable("hw.ipmi.max_requests_per_open");
	for (i = 0; i < limit; i++)
		ATF_REQUIRE_EQ_MSG(0, client_send_device_id(fd, i),
		    "request %d of %d: %s", i, limit, strerror(errno));
	ATF_CHECK_ERRNO(EAGAIN, client_send_device_id(fd, limit) == -1);

	/* What was received no longer counts. */
	ATF_REQUIRE(client_wait(fd));
	ATF_REQUIRE_EQ(0, client_receive(fd, IPMICTL_RECEIVE_MSG, &answer,
	    sizeof(answer.data)));
	ATF_CHECK_EQ(0, client_send_device_id(fd, limit));
	close(fd);
	require_alive();
}

ATF_TC_WITHOUT_HEAD(open_descriptors);
ATF_TC_BODY(open_descriptors, tc)
{
	int count, fds[256], limit;

	close(client_open());
	limit = tunable("hw.ipmi.max_opens");
	ATF_REQUIRE(limit < (int)nitems(fds));
	for (count = 0; count <= limit; count++) {
		fds[count] = open(NODE, O_RDWR);
		if (fds[count] < 0)
			break;
	}
	ATF_CHECK_EQ_MSG(EBUSY, errno, "%s", strerror(errno));
	ATF_CHECK(count <= limit);
	while (count > 0)
		close(fds[--count]);
	require_alive();
}

ATF_TC_WITHOUT_HEAD(close_with_requests_outstanding);
ATF_TC_BODY(close_with_requests_outstanding, tc)
{
	int fd, i, round;

	for (round = 0; round < 5; round++) {
		fd = client_open();
		for (i = 0; i < 20; i++)
			ATF_REQUIRE_EQ(0, client_send_device_id(fd, i));
		ATF_CHECK_EQ(0, close(fd));
	}
	require_alive();
}

ATF_TC_WITHOUT_HEAD(client_killed_with_requests_outstanding);
ATF_TC_BODY(client_killed_with_requests_outstanding, tc)
{
	pid_t pid;
	int fd, i, status;

	close(client_open());
	for (i = 0; i < 5; i++) {
		pid = fork();
		ATF_REQUIRE(pid >= 0);
		if (pid == 0) {
			fd = open(NODE, O_RDWR);
			while (client_send_device_id(fd, 1) == 0)
				continue;
			pause();
		}
		usleep(20000);
		ATF_REQUIRE_EQ(0, kill(pid, SIGKILL));
		ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	}
	require_alive();
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, request_length);
	ATF_TP_ADD_TC(tp, requests_of_a_descriptor);
	ATF_TP_ADD_TC(tp, open_descriptors);
	ATF_TP_ADD_TC(tp, close_with_requests_outstanding);
	ATF_TP_ADD_TC(tp, client_killed_with_requests_outstanding);
	return (atf_no_error());
}
