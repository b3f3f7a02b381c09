//! The passer: a NUL byte and the rights of one descriptor.
//!
//! What the flags of the two calls give, it takes: no waiting, no SIGPIPE, close-on-exec.

use crate::json::Request;
use crate::{failed, ok, refuse, wait_for, Failure, Operation, Outcome, Peer};
use nix::cmsg_space;
use nix::poll::PollFlags;
use nix::sys::socket::{
    accept4, bind, connect, getsockopt, listen, recvmsg, sendmsg, socket, socketpair, sockopt,
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
};
use nix::unistd::close;
use std::io::{IoSlice, IoSliceMut};
use std::os::unix::io::RawFd;

/// The sockets by the numbers in their names; none: dropped.
#[derive(Default)]
pub struct Passers(Vec<Option<RawFd>>);

impl Passers {
    fn name(&mut self, fd: RawFd) -> String {
        self.0.push(Some(fd));
        format!("\"s{}\"", self.0.len())
    }

    fn slot(&mut self, it: &Request, which: &str) -> Result<&mut Option<RawFd>, Failure> {
        let number = it.text(which)?.strip_prefix('s').and_then(|word| word.parse::<usize>().ok());
        number
            .and_then(|number| self.0.get_mut(number.wrapping_sub(1)))
            .ok_or_else(|| refuse("there is no such passer here"))
    }

    fn socket(&mut self, it: &Request, which: &str) -> Result<RawFd, Failure> {
        self.slot(it, which)?.ok_or_else(|| failed("closed", "it has been dropped"))
    }
}

fn unix_socket() -> nix::Result<RawFd> {
    socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)
}

/// Closes the socket if what was to be done with it fails.
fn or_close(fd: RawFd, done: nix::Result<()>) -> nix::Result<RawFd> {
    if done.is_err() {
        close(fd)?;
    }
    done.map(|()| fd)
}

fn adopt(peer: &mut Peer, it: &Request) -> Outcome {
    let fd = it.number("fd")? as RawFd;
    getsockopt(fd, sockopt::SockType)?;
    ok(&format!(r#""passer": {}"#, peer.passers.name(fd)))
}

fn pair(peer: &mut Peer, _: &Request) -> Outcome {
    let flag = SockFlag::SOCK_CLOEXEC;
    let (left, right) = socketpair(AddressFamily::Unix, SockType::Stream, None, flag)?;
    let (one, other) = (peer.passers.name(left), peer.passers.name(right));
    ok(&format!(r#""passers": [{one}, {other}]"#))
}

fn listening(peer: &mut Peer, it: &Request) -> Outcome {
    let at = UnixAddr::new(it.text("path")?)?;
    let fd = unix_socket()?;
    let fd = or_close(fd, bind(fd, &at).and_then(|()| listen(fd, 128)))?;
    ok(&format!(r#""listener": {}"#, peer.passers.name(fd)))
}

fn accept(peer: &mut Peer, it: &Request) -> Outcome {
    let listener = peer.passers.socket(it, "listener")?;
    if !wait_for(listener, PollFlags::POLLIN, it.timeout())? {
        return Err(failed("timed-out", "nobody has connected in time"));
    }
    let fd = accept4(listener, SockFlag::SOCK_CLOEXEC)?;
    ok(&format!(r#""passer": {}"#, peer.passers.name(fd)))
}

fn connecting(peer: &mut Peer, it: &Request) -> Outcome {
    let at = UnixAddr::new(it.text("path")?)?;
    let fd = unix_socket()?;
    let fd = or_close(fd, connect(fd, &at))?;
    ok(&format!(r#""passer": {}"#, peer.passers.name(fd)))
}

fn drop_it(peer: &mut Peer, it: &Request) -> Outcome {
    if let Some(fd) = peer.passers.slot(it, "passer")?.take() {
        close(fd)?;
    }
    ok("")
}

fn send(peer: &mut Peer, it: &Request) -> Outcome {
    let (end, fd) = (peer.passers.socket(it, "passer")?, it.number("fd")? as RawFd);
    let fds = [fd];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    sendmsg::<()>(end, &[IoSlice::new(b"\0")], &[ControlMessage::ScmRights(&fds)], flags, None)?;
    if it.truth("close") {
        close(fd)?;
    }
    ok("")
}

fn flush(peer: &mut Peer, it: &Request) -> Outcome {
    peer.passers.socket(it, "passer")?;
    ok("")
}

fn receive(end: RawFd) -> Outcome {
    let mut byte = [0];
    let mut room = cmsg_space!(RawFd);
    let mut data = [IoSliceMut::new(&mut byte)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(end, &mut data, Some(&mut room), flags)?;
    let fds: Vec<RawFd> = message
        .cmsgs()
        .flat_map(|one| match one {
            ControlMessageOwned::ScmRights(fds) => fds,
            _ => Vec::new(),
        })
        .collect();
    let (got, truncated) = (message.bytes, message.flags.contains(MsgFlags::MSG_CTRUNC));
    match fds[..] {
        [fd] if got == 1 && !truncated => return ok(&format!(r#""fd": {fd}"#)),
        _ => fds.into_iter().try_for_each(close)?,
    }
    Err(match (got, byte) {
        _ if truncated => failed("lost", "the control message was truncated"),
        (0, _) => failed("peer-closed", "the stream has ended"),
        (_, [0]) => failed("lost", "a byte came without its descriptor"),
        _ => failed("not-a-passer", "what came is not a NUL byte with one descriptor"),
    })
}

fn recv(peer: &mut Peer, it: &Request) -> Outcome {
    let end = peer.passers.socket(it, "passer")?;
    if !wait_for(end, PollFlags::POLLIN, it.timeout())? {
        return Err(failed("timed-out", "nothing has arrived in time"));
    }
    receive(end)
}

fn recv_nowait(peer: &mut Peer, it: &Request) -> Outcome {
    receive(peer.passers.socket(it, "passer")?)
}

pub const OPERATIONS: &[Operation] = &[
    ("adopt", adopt),
    ("pair", pair),
    ("listen", listening),
    ("accept", accept),
    ("connect", connecting),
    ("drop", drop_it),
    ("send", send),
    ("flush", flush),
    ("recv", recv),
    ("recv_nowait", recv_nowait),
];
