/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The ioctls of <sys/ipmi.h>: what they return, and that each descriptor has its
 * own.
 */
#include <sys/param.h>

#include "client.h"

ATF_TC_WITHOUT_HEAD(nothing_to_receive);
ATF_TC_BODY(nothing_to_receive, tc)
{
	struct answer answer;
	int fd;

	fd = client_open();
	ATF_CHECK_ERRNO(EAGAIN, client_receive(fd, IPMICTL_RECEIVE_MSG,
	    &answer, sizeof(answer.data)) == -1);
	ATF_CHECK_ERRNO(EAGAIN, client_receive(fd, IPMICTL_RECEIVE_MSG_TRUNC,
	    &answer, sizeof(answer.data)) == -1);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(unknown_and_unsupported);
ATF_TC_BODY(unknown_and_unsupported, tc)
{
	struct ipmi_cmdspec spec = { .netfn = 0x2e, .cmd = 1 };
	int fd, on = 1;

	fd = client_open();
	ATF_CHECK_ERRNO(ENOTTY, ioctl(fd, _IO(IPMI_IOC_MAGIC, 99), NULL) == -1);
	ATF_CHECK_ERRNO(EOPNOTSUPP,
	    ioctl(fd, IPMICTL_REGISTER_FOR_CMD, &spec) == -1);
	ATF_CHECK_ERRNO(EOPNOTSUPP,
	    ioctl(fd, IPMICTL_UNREGISTER_FOR_CMD, &spec) == -1);
	/* ipmitool gives up where this fails. */
	ATF_CHECK_EQ(0, ioctl(fd, IPMICTL_SET_GETS_EVENTS_CMD, &on));
	close(fd);
}

ATF_TC_WITHOUT_HEAD(own_address_and_lun);
ATF_TC_BODY(own_address_and_lun, tc)
{
	unsigned int value;
	int fd, other;

	fd = client_open();
	other = client_open();
	ATF_CHECK_EQ(0, ioctl(fd, IPMICTL_GET_MY_ADDRESS_CMD, &value));
	ATF_CHECK_EQ(0x20, value);
	ATF_CHECK_EQ(0, ioctl(fd, IPMICTL_GET_MY_LUN_CMD, &value));
	ATF_CHECK_EQ(2, value);

	value = 0x82;
	ATF_CHECK_EQ(0, ioctl(fd, IPMICTL_SET_MY_ADDRESS_CMD, &value));
	value = 7;
	ATF_CHECK_EQ(0, ioctl(fd, IPMICTL_SET_MY_LUN_CMD, &value));
	ATF_CHECK_EQ(0, ioctl(fd, IPMICTL_GET_MY_ADDRESS_CMD, &value));
	ATF_CHECK_EQ(0x82, value);
	ATF_CHECK_EQ(0, ioctl(fd, IPMICTL_GET_MY_LUN_CMD, &value));
	ATF_CHECK_EQ(3, value);

	ATF_CHECK_EQ(0, ioctl(other, IPMICTL_GET_MY_ADDRESS_CMD, &value));
	ATF_CHECK_EQ(0x20, value);
	close(other);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(bad_addresses);
ATF_TC_BODY(bad_addresses, tc)
{
	void *nowhere = (void *)(uintptr_t)8;
	struct answer answer;
	struct ipmi_req req;
	int fd;

	fd = client_open();
	memset(&req, 0, sizeof(req));
	req.addr = nowhere;
	req.addr_len = sizeof(struct ipmi_system_interface_addr);
	req.msg.netfn = IPMI_APP_REQUEST;
	req.msg.cmd = IPMI_GET_DEVICE_ID;
	ATF_CHECK_ERRNO(EFAULT, ioctl(fd, IPMICTL_SEND_COMMAND, &req) == -1);
	ATF_CHECK_ERRNO(EFAULT, client_send(fd, IPMI_APP_REQUEST,
	    IPMI_GET_DEVICE_ID, nowhere, 4, 1) == -1);

	/* An answer with nowhere to go is not lost. */
	ATF_REQUIRE_EQ(0, client_send_device_id(fd, 2));
	ATF_REQUIRE(client_wait(fd));
	memset(&answer, 0, sizeof(answer));
	answer.recv.addr = (unsigned char *)&answer.addr;
	answer.recv.addr_len = sizeof(answer.addr);
	answer.recv.msg.data = nowhere;
	answer.recv.msg.data_len = sizeof(answer.data);
	ATF_CHECK_ERRNO(EFAULT,
	    ioctl(fd, IPMICTL_RECEIVE_MSG, &answer.recv) == -1);
	ATF_CHECK_EQ(0, client_receive(fd, IPMICTL_RECEIVE_MSG, &answer,
	    sizeof(answer.data)));
	ATF_CHECK_EQ(2, answer.recv.msgid);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(short_room);
ATF_TC_BODY(short_room, tc)
{
	struct answer answer, whole;
	int fd;

	fd = client_open();
	client_ask(fd, IPMI_GET_DEVICE_ID, NULL, 0, &whole);
	ATF_REQUIRE_EQ(0, client_send_device_id(fd, 3));
	ATF_REQUIRE(client_wait(fd));
	ATF_CHECK_ERRNO(EMSGSIZE, client_receive(fd, IPMICTL_RECEIVE_MSG,
	    &answer, 4) == -1);
	ATF_CHECK_EQ(0, client_receive(fd, IPMICTL_RECEIVE_MSG_TRUNC, &answer,
	    4));
	ATF_CHECK_EQ(3, answer.recv.msgid);
	ATF_CHECK_EQ(4, answer.recv.msg.data_len);
	ATF_CHECK_EQ(0, memcmp(answer.data, whole.data, 4));
	ATF_CHECK_EQ(0, answer.data[4]);
	ATF_CHECK_ERRNO(EAGAIN, client_receive(fd, IPMICTL_RECEIVE_MSG,
	    &answer, sizeof(answer.data)) == -1);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(answers_stay_in_order);
ATF_TC_BODY(answers_stay_in_order, tc)
{
	struct answer answer;
	long i;
	int fd;

	fd = client_open();
	for (i = 0; i < 10; i++)
		ATF_REQUIRE_EQ(0, client_send_device_id(fd, 100 - i));
	for (i = 0; i < 10; i++) {
		ATF_REQUIRE(client_wait(fd));
		ATF_REQUIRE_EQ(0, client_receive(fd, IPMICTL_RECEIVE_MSG,
		    &answer, sizeof(answer.data)));
		ATF_CHECK_EQ(100 - i, answer.recv.msgid);
	}
	close(fd);
}

ATF_TC_WITHOUT_HEAD(answers_go_to_who_asked);
ATF_TC_BODY(answers_go_to_who_asked, tc)
{
	struct answer answer;
	int fds[4];
	size_t i;

	for (i = 0; i < nitems(fds); i++) {
		fds[i] = client_open();
		ATF_REQUIRE_EQ(0, client_send_device_id(fds[i], 7 + (long)i));
	}
	for (i = 0; i < nitems(fds); i++) {
		ATF_REQUIRE(client_wait(fds[i]));
		ATF_REQUIRE_EQ(0, client_receive(fds[i], IPMICTL_RECEIVE_MSG,
		    &answer, sizeof(answer.data)));
		ATF_CHECK_EQ(7 + (long)i, answer.recv.msgid);
		ATF_CHECK_ERRNO(EAGAIN, client_receive(fds[i],
		    IPMICTL_RECEIVE_MSG, &answer, sizeof(answer.data)) == -1);
		close(fds[i]);
	}
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, nothing_to_receive);
	ATF_TP_ADD_TC(tp, unknown_and_unsupported);
	ATF_TP_ADD_TC(tp, own_address_and_lun);
	ATF_TP_ADD_TC(tp, bad_addresses);
	ATF_TP_ADD_TC(tp, short_room);
	ATF_TP_ADD_TC(tp, answers_stay_in_order);
	ATF_TP_ADD_TC(tp, answers_go_to_who_asked);
	return (atf_no_error());
}
