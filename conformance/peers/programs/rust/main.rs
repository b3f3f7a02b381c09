//! The peer program of Rust's nix: sendmsg, recvmsg and ControlMessage::ScmRights.
//! See ../../../PROTOCOL.md.

mod descriptors;
mod json;
mod passing;

use json::{quoted, Request};
use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags};
use nix::sys::wait::wait;
use nix::unistd::{read, write};
use std::os::unix::io::RawFd;

/// An error by its name in the protocol.
pub struct Failure {
    class: &'static str,
    name: &'static str,
    message: String,
    errno: Option<Errno>,
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Failure {
        let (class, name) = match errno {
            Errno::EAGAIN => ("passer", "would-block"),
            Errno::EPIPE | Errno::ECONNRESET => ("passer", "peer-reset"),
            _ => ("os", "os"),
        };
        Failure { class, name, message: errno.desc().into(), errno: Some(errno) }
    }
}

pub fn failed(name: &'static str, message: &str) -> Failure {
    Failure { class: "passer", name, message: message.into(), errno: None }
}

pub fn refuse(why: &str) -> Failure {
    Failure { class: "usage", name: "usage", message: why.into(), errno: None }
}

/// What stands behind "ok"; nothing: the child of a fork does not answer.
pub type Outcome = Result<Option<String>, Failure>;
pub type Operation = (&'static str, fn(&mut Peer, &Request) -> Outcome);

pub fn ok(fields: &str) -> Outcome {
    Ok(Some(format!("{{{fields}}}")))
}

#[derive(Default)]
pub struct Peer {
    pub unread: Vec<u8>,
    pub passers: passing::Passers,
    pub table: descriptors::Table,
}

/// Waits until it is ready, for at most so many seconds; tells whether it is.
pub fn wait_for(fd: RawFd, event: PollFlags, timeout: Option<f64>) -> Result<bool, Errno> {
    let milliseconds = timeout.map_or(-1, |seconds| (seconds * 1000.0).ceil() as i32);
    loop {
        match poll(&mut [PollFd::new(fd, event)], milliseconds) {
            Err(Errno::EINTR) => continue, // a wait that a signal ends begins anew
            found => return found.map(|count| count > 0),
        }
    }
}

fn operations() -> impl Iterator<Item = &'static Operation> {
    descriptors::OPERATIONS.iter().chain(passing::OPERATIONS)
}

fn hello() -> Outcome {
    let names: Vec<String> = operations().map(|(name, _)| quoted(name)).collect();
    ok(&format!(
        r#""protocol": 1, "name": "rust-nix", "version": "nix {}", "language": "Rust", "pid": {},
           "backends": {{}}, "survivals": {{}}, "ops": ["hello", {}]"#,
        "0.26",
        std::process::id(),
        names.join(", ")
    ))
}

fn answer(peer: &mut Peer, line: &str) -> Option<String> {
    let parsed = Request::parse(line);
    let id = parsed.as_ref().ok().and_then(|it| it.text("id").ok()).map_or("null".into(), quoted);
    let outcome = parsed.and_then(|it| match it.text("op")? {
        "hello" => hello(),
        asked => match operations().find(|(name, _)| *name == asked) {
            Some((_, run)) => run(peer, &it),
            None => Ok(Some(String::new())),
        },
    });
    let said = match outcome {
        Ok(None) => return None,
        Ok(Some(fields)) if fields.is_empty() => {
            r#""unsupported": {"reason": "unknown operation"}"#.into()
        }
        Ok(Some(fields)) => format!(r#""ok": {fields}"#),
        Err(failure) => {
            let number = failure.errno.map_or(String::new(), |it| format!(r#", "errno": "{it:?}""#));
            format!(
                r#""error": {{"class": "{}", "name": "{}", "message": {}{number}}}"#,
                failure.class,
                failure.name,
                quoted(&failure.message)
            )
        }
    };
    Some(format!("{{\"id\": {id}, {said}}}").replace('\n', "") + "\n")
}

fn read_line(unread: &mut Vec<u8>) -> Option<String> {
    let mut some = [0; 65536];
    loop {
        if let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = unread.drain(..=end).collect();
            return Some(String::from_utf8_lossy(&line).into_owned());
        }
        match read(0, &mut some) {
            Ok(0) => return None,
            Ok(got) => unread.extend(&some[..got]),
            Err(Errno::EINTR | Errno::EAGAIN) => continue,
            Err(_) => return None,
        }
    }
}

fn main() {
    let mut peer = Peer::default();
    while let Some(line) = read_line(&mut peer.unread) {
        let said = answer(&mut peer, &line).unwrap_or_default();
        let mut rest = said.as_bytes();
        while !rest.is_empty() {
            match write(1, rest) {
                Ok(done) => rest = &rest[done..],
                Err(_) => std::process::exit(1),
            }
        }
    }
    while wait().is_ok() {} // the children of fork, whose input ends before this one's
}
