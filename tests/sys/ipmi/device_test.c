/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The device as the rest of the system sees it: node, poll(2), sysctl(3), and one
 * question to the BMC.
 */
#include <sys/param.h>
#include <sys/stat.h>
#include <sys/sysctl.h>

#include "client.h"

#define	GID_OPERATOR	5

ATF_TC_WITHOUT_HEAD(node);
ATF_TC_BODY(node, tc)
{
	struct stat sb;

	close(client_open());
	ATF_REQUIRE_EQ(0, stat(NODE, &sb));
	ATF_CHECK(S_ISCHR(sb.st_mode));
	ATF_CHECK_EQ_MSG(0660, sb.st_mode & ALLPERMS, "mode %o",
	    (unsigned int)(sb.st_mode & ALLPERMS));
	ATF_CHECK_EQ(0, sb.st_uid);
	ATF_CHECK_EQ(GID_OPERATOR, sb.st_gid);
}

ATF_TC_WITHOUT_HEAD(several_opens);
ATF_TC_BODY(several_opens, tc)
{
	int fds[8];
	size_t i;

	for (i = 0; i < nitems(fds); i++)
		fds[i] = client_open();
	for (i = 0; i < nitems(fds); i++)
		ATF_CHECK_EQ(0, close(fds[i]));
}

ATF_TC_WITHOUT_HEAD(no_read_no_write);
ATF_TC_BODY(no_read_no_write, tc)
{
	char byte = 0;
	int fd;

	fd = client_open();
	ATF_CHECK_ERRNO(ENODEV, read(fd, &byte, 1) == -1);
	ATF_CHECK_ERRNO(ENODEV, write(fd, &byte, 1) == -1);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(poll_is_an_error_when_nothing_is_outstanding);
ATF_TC_BODY(poll_is_an_error_when_nothing_is_outstanding, tc)
{
	struct pollfd pfd = { .events = POLLIN };

	pfd.fd = client_open();
	ATF_REQUIRE_EQ(1, poll(&pfd, 1, 0));
	ATF_CHECK_EQ_MSG(POLLERR, pfd.revents, "revents %#x",
	    (unsigned int)pfd.revents);
	close(pfd.fd);
}

ATF_TC_WITHOUT_HEAD(poll_wakes_up_for_an_answer);
ATF_TC_BODY(poll_wakes_up_for_an_answer, tc)
{
	struct pollfd pfd = { .events = POLLIN };
	struct answer answer;

	pfd.fd = client_open();
	ATF_REQUIRE_EQ(0, client_send_device_id(pfd.fd, 1));
	ATF_REQUIRE_EQ(1, poll(&pfd, 1, ANSWER_MS));
	ATF_CHECK_EQ_MSG(POLLIN, pfd.revents, "revents %#x",
	    (unsigned int)pfd.revents);
	ATF_CHECK_EQ(0, client_receive(pfd.fd, IPMICTL_RECEIVE_MSG, &answer,
	    sizeof(answer.data)));
	close(pfd.fd);
}

ATF_TC_WITHOUT_HEAD(device_id);
ATF_TC_BODY(device_id, tc)
{
	struct ipmi_system_interface_addr addr;
	struct answer answer;
	int fd;

	fd = client_open();
	client_ask(fd, IPMI_GET_DEVICE_ID, NULL, 0, &answer);
	ATF_CHECK_EQ(IPMI_RESPONSE_RECV_TYPE, answer.recv.recv_type);
	ATF_CHECK_EQ(IPMI_APP_REQUEST | 1, answer.recv.msg.netfn);
	memcpy(&addr, &answer.addr, sizeof(addr));
	ATF_CHECK_EQ(IPMI_SYSTEM_INTERFACE_ADDR_TYPE, addr.addr_type);
	ATF_CHECK_EQ(IPMI_BMC_CHANNEL, addr.channel);
	/* Completion code and at least what IPMI 0.9 has. */
	ATF_CHECK(answer.recv.msg.data_len >= 7);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(tunables);
ATF_TC_BODY(tunables, tc)
{
	static const char *names[] = {
		"on", "wd_init_enable", "wd_timer_actions",
		"wd_shutdown_countdown", "wd_startup_countdown",
		"wd_pretimeout_countdown", "cycle_wait", "wd_pat_wait_ms",
		"max_requests_per_open", "max_opens",
	};
	char name[64];
	size_t i, size;
	int value;

	close(client_open());
	for (i = 0; i < nitems(names); i++) {
		strlcpy(name, "hw.ipmi.", sizeof(name));
		strlcat(name, names[i], sizeof(name));
		size = sizeof(value);
		ATF_CHECK_MSG(sysctlbyname(name, &value, &size, NULL, 0) == 0 &&
		    size == sizeof(value), "%s: %s", name, strerror(errno));
	}
}

ATF_TC_WITHOUT_HEAD(statistics_count_requests);
ATF_TC_BODY(statistics_count_requests, tc)
{
	static const char name[] = "dev.ipmi.0.stats.requests";
	struct answer answer;
	uint64_t after, before;
	size_t size;
	int fd;

	fd = client_open();
	size = sizeof(before);
	ATF_REQUIRE_EQ(0, sysctlbyname(name, &before, &size, NULL, 0));
	client_ask(fd, IPMI_GET_DEVICE_ID, NULL, 0, &answer);
	size = sizeof(after);
	ATF_REQUIRE_EQ(0, sysctlbyname(name, &after, &size, NULL, 0));
	ATF_CHECK(after > before);
	close(fd);
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, node);
	ATF_TP_ADD_TC(tp, several_opens);
	ATF_TP_ADD_TC(tp, no_read_no_write);
	ATF_TP_ADD_TC(tp, poll_is_an_error_when_nothing_is_outstanding);
	ATF_TP_ADD_TC(tp, poll_wakes_up_for_an_answer);
	ATF_TP_ADD_TC(tp, device_id);
	ATF_TP_ADD_TC(tp, tunables);
	ATF_TP_ADD_TC(tp, statistics_count_requests);
	return (atf_no_error());
}
