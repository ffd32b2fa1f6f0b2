// SPDX-License-Identifier: BSD-2-Clause
//! The queue's promises: turns, order, limits, and no request lost.

use super::fifo::Fifo;
use super::*;

fn open(clients: &mut Clients) -> ClientId {
    clients.reserve(64).unwrap();
    clients.open(Client::boxed(), 7).unwrap()
}

fn request(client: ClientId, msgid: i64) -> Box<Request> {
    let mut request = Request::boxed();
    request.client = client;
    request.msgid = msgid;
    request
}

fn drain(clients: &mut Clients) -> Vec<i64> {
    std::iter::from_fn(|| clients.pop().map(|r| r.msgid)).collect()
}

#[test]
fn descriptors_take_turns_and_each_keeps_its_order() {
    let mut clients = Clients::new();
    let (a, b) = (open(&mut clients), open(&mut clients));
    for i in 0..4 {
        clients.submit(request(a, i), 100).unwrap();
    }
    clients.submit(request(b, 10), 100).unwrap();
    clients.submit(request(b, 11), 100).unwrap();
    assert_eq!(drain(&mut clients), [10, 0, 11, 1, 2, 3]);
}

#[test]
fn a_request_past_the_limit_is_refused_and_nothing_changes() {
    let mut clients = Clients::new();
    let a = open(&mut clients);
    for i in 0..3 {
        clients.submit(request(a, i), 3).unwrap();
    }
    assert_eq!(clients.submit(request(a, 3), 3), Err(Errno::Again));
    let first = clients.pop().unwrap();
    // Taken by the worker it is still outstanding.
    assert_eq!(clients.submit(request(a, 3), 3), Err(Errno::Again));
    assert_eq!(clients.complete(first).ok(), Some(7));
    assert_eq!(clients.receive(a, |_| Ok(())).unwrap().msgid, 0);
    assert_eq!(clients.submit(request(a, 3), 3), Ok(()));
    assert_eq!(clients.queued(), 3);
}

#[test]
fn a_descriptor_past_the_limit_is_refused() {
    let mut clients = Clients::new();
    let first = open(&mut clients);
    assert_eq!(clients.reserve(1), Err(Errno::Busy));
    drop(clients.close(first));
    assert_eq!(clients.reserve(1), Ok(()));
    assert_eq!(clients.reserve(1), Err(Errno::Busy), "not open yet");
    assert!(clients.open(Client::boxed(), 0).is_ok());
    for _ in 1..CLIENTS {
        open(&mut clients);
    }
    assert_eq!(clients.reserve(999), Err(Errno::Busy));
}

#[test]
fn what_comes_back_after_close_reaches_nobody() {
    let mut clients = Clients::new();
    let a = open(&mut clients);
    clients.submit(request(a, 1), 9).unwrap();
    clients.submit(request(a, 2), 9).unwrap();
    let flying = clients.pop().unwrap();
    drop(clients.close(a));
    assert_eq!(clients.queued(), 0);
    let b = open(&mut clients);
    assert_ne!(a, b);
    assert_eq!(clients.complete(flying).err().unwrap().msgid, 1);
    assert_eq!(clients.receive(b, |_| Ok(())).err(), Some(Errno::Again));
}

#[test]
fn a_refused_receive_and_an_undone_one_keep_the_message() {
    let mut clients = Clients::new();
    let a = open(&mut clients);
    clients.submit(request(a, 5), 9).unwrap();
    clients.submit(request(a, 6), 9).unwrap();
    for _ in 0..2 {
        let request = clients.pop().unwrap();
        clients.complete(request).ok();
    }
    let refused = clients.receive(a, |_| Err(Errno::MessageSize));
    assert_eq!(refused.err(), Some(Errno::MessageSize));
    let taken = clients.receive(a, |_| Ok(())).unwrap();
    assert_eq!(taken.msgid, 5);
    let mut woken = vec![];
    assert!(clients
        .unreceive(taken, |cookie| woken.push(cookie))
        .is_none());
    assert_eq!(woken.len(), 1, "somebody may have begun to wait");
    assert_eq!(clients.receive(a, |_| Ok(())).unwrap().msgid, 5);
    assert_eq!(clients.find(a).unwrap().outstanding(), 1);
}

#[test]
fn an_aborted_request_goes_first_again() {
    let mut clients = Clients::new();
    let a = open(&mut clients);
    for i in 0..3 {
        clients.submit(request(a, i), 9).unwrap();
    }
    let first = clients.pop().unwrap();
    assert!(clients.put_back(first).is_none());
    assert_eq!(drain(&mut clients), [0, 1, 2]);
}

#[test]
fn a_long_queue_is_dropped_without_recursion() {
    let dropper = std::thread::Builder::new().stack_size(64 * 1024);
    let list = std::iter::repeat_with(Request::boxed).take(20_000).fold(
        Fifo::EMPTY,
        |mut list, request| {
            list.push(request);
            list
        },
    );
    dropper.spawn(move || drop(list)).unwrap().join().unwrap();
}
