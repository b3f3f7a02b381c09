//! What the peer does with plain descriptors, with its table, and with its children.

use crate::json::{Request, Value};
use crate::{failed, ok, refuse, wait_for, Failure, Operation, Outcome, Peer};
use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, FdFlag, OFlag};
use nix::poll::PollFlags;
use nix::sys::resource::{getrlimit, setrlimit, Resource};
use nix::sys::socket::{socketpair, AddressFamily, SockFlag, SockType};
use nix::sys::stat::{fstat, Mode, SFlag};
use nix::sys::wait::{waitpid, WaitPidFlag, WaitStatus};
use nix::unistd::{close, dup, dup2, fork, lseek, read, write, ForkResult, Pid, Whence};
use std::os::unix::io::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{sleep, spawn, JoinHandle};
use std::time::{Duration, Instant};

/// What fills the descriptor table, and what disturbs it.
#[derive(Default)]
pub struct Table {
    filling: Vec<RawFd>,
    churning: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Table {
    fn let_go(&mut self, count: usize) -> Result<usize, Errno> {
        let rest = self.filling.len().saturating_sub(count);
        let freed = self.filling.split_off(rest);
        freed.iter().try_for_each(|fd| close(*fd))?;
        Ok(freed.len())
    }
}

const FLAGS: [(&str, OFlag); 7] = [
    ("read", OFlag::O_RDONLY),
    ("write", OFlag::O_WRONLY),
    ("both", OFlag::O_RDWR),
    ("append", OFlag::O_APPEND),
    ("nonblocking", OFlag::O_NONBLOCK),
    ("create", OFlag::O_CREAT),
    ("directory", OFlag::O_DIRECTORY),
];

const KINDS: [(SFlag, &str); 6] = [
    (SFlag::S_IFREG, "file"),
    (SFlag::S_IFDIR, "directory"),
    (SFlag::S_IFIFO, "pipe"),
    (SFlag::S_IFSOCK, "socket"),
    (SFlag::S_IFCHR, "character device"),
    (SFlag::S_IFBLK, "block device"),
];

fn fd_of(it: &Request) -> Result<RawFd, Failure> {
    Ok(it.number("fd")? as RawFd)
}

fn status_of(fd: RawFd) -> nix::Result<OFlag> {
    Ok(OFlag::from_bits_truncate(fcntl(fd, FcntlArg::F_GETFL)?))
}

fn open(_: &mut Peer, it: &Request) -> Outcome {
    let mut mode = OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    for asked in it.list("flags")? {
        let known = FLAGS.iter().find(|(word, _)| *asked == Value::Text(word.to_string()));
        mode |= known.ok_or_else(|| refuse(&format!("there is no such flag: {asked:?}")))?.1;
    }
    let fd = nix::fcntl::open(it.text("path")?, mode, Mode::from_bits_truncate(0o600))?;
    ok(&format!(r#""fd": {fd}"#))
}

fn pair(_: &mut Peer, _: &Request) -> Outcome {
    let flag = SockFlag::SOCK_CLOEXEC;
    let (left, right) = socketpair(AddressFamily::Unix, SockType::Stream, None, flag)?;
    ok(&format!(r#""fds": [{left}, {right}]"#))
}

fn write_to(_: &mut Peer, it: &Request) -> Outcome {
    let (fd, data) = (fd_of(it)?, it.bytes("hex")?);
    let mut done = 0;
    while done < data.len() {
        match write(fd, &data[done..]) {
            Ok(some) => done += some,
            Err(Errno::EAGAIN) if done > 0 => break,
            Err(Errno::EINTR) => continue,
            Err(number) => return Err(number.into()),
        }
    }
    ok(&format!(r#""count": {done}"#))
}

fn read_from(_: &mut Peer, it: &Request) -> Outcome {
    let (fd, count) = (fd_of(it)?, it.number("count")?);
    if !wait_for(fd, PollFlags::POLLIN, it.timeout())? {
        return Err(failed("timed-out", "nothing to read in time"));
    }
    let mut data = vec![0; count as usize];
    let got = read(fd, &mut data)?;
    let digits: String = data[..got].iter().map(|byte| format!("{byte:02x}")).collect();
    ok(&format!(r#""hex": "{digits}""#))
}

fn seek(_: &mut Peer, it: &Request) -> Outcome {
    let offset = lseek(fd_of(it)?, it.number("offset")?, Whence::SeekSet)?;
    ok(&format!(r#""offset": {offset}"#))
}

fn close_it(_: &mut Peer, it: &Request) -> Outcome {
    close(fd_of(it)?)?;
    ok("")
}

fn flags(_: &mut Peer, it: &Request) -> Outcome {
    let fd = fd_of(it)?;
    let (status, more) = (status_of(fd)?, fcntl(fd, FcntlArg::F_GETFD)?);
    let access = match status & OFlag::O_ACCMODE {
        OFlag::O_RDONLY => "read",
        OFlag::O_WRONLY => "write",
        OFlag::O_RDWR => "both",
        _ => "none",
    };
    ok(&format!(
        r#""nonblocking": {}, "append": {}, "cloexec": {}, "access": "{access}""#,
        status.contains(OFlag::O_NONBLOCK),
        status.contains(OFlag::O_APPEND),
        FdFlag::from_bits_truncate(more).contains(FdFlag::FD_CLOEXEC),
    ))
}

fn set_nonblocking(_: &mut Peer, it: &Request) -> Outcome {
    let fd = fd_of(it)?;
    let mut status = status_of(fd)?;
    status.set(OFlag::O_NONBLOCK, it.truth("on"));
    fcntl(fd, FcntlArg::F_SETFL(status))?;
    ok("")
}

fn identity(_: &mut Peer, it: &Request) -> Outcome {
    let about = fstat(fd_of(it)?)?;
    let its = SFlag::from_bits_truncate(about.st_mode) & SFlag::S_IFMT;
    let kind = KINDS.iter().find(|(bits, _)| *bits == its).map_or("other", |(_, word)| word);
    ok(&format!(r#""dev": {}, "ino": {}, "kind": "{kind}""#, about.st_dev, about.st_ino))
}

fn limit(_: &mut Peer, it: &Request) -> Outcome {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, it.number("descriptors")? as u64, most)?;
    ok("")
}

fn fill(peer: &mut Peer, it: &Request) -> Outcome {
    while let Ok(fd) = fcntl(2, FcntlArg::F_DUPFD_CLOEXEC(0)) {
        peer.table.filling.push(fd);
    }
    peer.table.let_go(it.number("leave")? as usize)?;
    ok(&format!(r#""filled": {}"#, peer.table.filling.len()))
}

fn free(peer: &mut Peer, it: &Request) -> Outcome {
    let all = peer.table.filling.len();
    let count = it.field("count").map_or(Ok(all as i64), |_| it.number("count"))?;
    ok(&format!(r#""freed": {}"#, peer.table.let_go(count as usize)?))
}

fn table(_: &mut Peer, _: &Request) -> Outcome {
    let (most, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let open = (0..most as RawFd).filter(|fd| fcntl(*fd, FcntlArg::F_GETFD).is_ok());
    let numbers: Vec<String> = open.map(|fd| fd.to_string()).collect();
    ok(&format!(r#""fds": [{}]"#, numbers.join(", ")))
}

fn churn(peer: &mut Peer, it: &Request) -> Outcome {
    const MOMENT: Duration = Duration::from_micros(100);
    if !it.truth("on") {
        if let Some((wanted, thread)) = peer.table.churning.take() {
            wanted.store(false, Ordering::Relaxed);
            thread.join().map_err(|_| failed("os", "the thread has panicked"))?;
        }
    } else if peer.table.churning.is_none() {
        let wanted = Arc::new(AtomicBool::new(true));
        let until = Arc::clone(&wanted);
        let thread = spawn(move || {
            while until.load(Ordering::Relaxed) {
                let both = [dup(2), dup(2)];
                sleep(MOMENT);
                both.into_iter().flatten().try_for_each(close).expect("it was ours");
                sleep(MOMENT);
            }
        });
        peer.table.churning = Some((wanted, thread));
    }
    ok("")
}

fn fork_off(peer: &mut Peer, it: &Request) -> Outcome {
    let (input, output) = (it.number("stdin")? as RawFd, it.number("stdout")? as RawFd);
    // Safe: a child has one thread, and churn, the only other one, is never on then.
    let child = match unsafe { fork() }? {
        ForkResult::Parent { child } => Some(child),
        ForkResult::Child => {
            dup2(input, 0)?;
            dup2(output, 1)?;
            peer.unread.clear();
            None
        }
    };
    close(input)?;
    close(output)?;
    Ok(child.map(|pid| format!(r#"{{"pid": {pid}}}"#)))
}

fn wait(_: &mut Peer, it: &Request) -> Outcome {
    let pid = Pid::from_raw(it.number("pid")? as i32);
    let began = Instant::now();
    loop {
        match waitpid(pid, Some(WaitPidFlag::WNOHANG))? {
            WaitStatus::Exited(_, status) => return ok(&format!(r#""status": {status}"#)),
            WaitStatus::Signaled(_, signal, _) => {
                return ok(&format!(r#""status": {}"#, -(signal as i32)))
            }
            _ if it.timeout().map_or(false, |most| began.elapsed().as_secs_f64() > most) => {
                return Err(failed("timed-out", "it has not ended"))
            }
            _ => sleep(Duration::from_millis(1)),
        }
    }
}

pub const OPERATIONS: &[Operation] = &[
    ("open", open),
    ("socketpair", pair),
    ("write", write_to),
    ("read", read_from),
    ("seek", seek),
    ("close", close_it),
    ("flags", flags),
    ("set_nonblocking", set_nonblocking),
    ("identity", identity),
    ("limit", limit),
    ("fill", fill),
    ("free", free),
    ("table", table),
    ("churn", churn),
    ("fork", fork_off),
    ("wait", wait),
];
