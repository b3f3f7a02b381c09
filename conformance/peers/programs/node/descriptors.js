'use strict';
// What the peer program in Node does with plain descriptors, and with its table. Nothing here passes
// descriptors. Node can neither duplicate one nor poll it, so there is no `socketpair` and no `read`.
// See ../../../PROTOCOL.md.
const { spawn } = require('child_process');
const { once } = require('events');
const fs = require('fs');

const FLAGS = {
  read: fs.constants.O_RDONLY, write: fs.constants.O_WRONLY, both: fs.constants.O_RDWR,
  append: fs.constants.O_APPEND, nonblocking: fs.constants.O_NONBLOCK,
  create: fs.constants.O_CREAT, directory: fs.constants.O_DIRECTORY,
};
const ACCESS = ['read', 'write', 'both', 'none'];
const CLOSE_ON_EXEC = 0o2000000; // as Linux shows it in /proc
const INFO = '/proc/self/fdinfo/';

// An outcome by its name in the protocol, or a request that makes no sense.
class Failed extends Error {
  constructor(name, message) {
    super(message);
    this.condition = name;
  }
}

const refused = (message) => new Failed('usage', message);
const operations = {};
let filling = [];

operations.open = (it) => {
  const flags = it.flags.map((word) => {
    if (!(word in FLAGS)) throw refused(`no such flag: ${word}`);
    return FLAGS[word];
  });
  const all = flags.reduce((some, one) => some | one, fs.constants.O_NOCTTY);
  return { fd: fs.openSync(it.path, all, 0o600) };
};

operations.write = (it) => {
  const data = Buffer.from(it.hex, 'hex');
  let done = 0;
  try {
    while (done < data.length) done += fs.writeSync(it.fd, data, done);
  } catch (error) {
    if (error.code !== 'EAGAIN' || done === 0) throw error;
  }
  return { count: done };
};

operations.identity = (it) => {
  const about = fs.fstatSync(it.fd);
  const kinds = {
    file: about.isFile(), directory: about.isDirectory(), pipe: about.isFIFO(),
    socket: about.isSocket(), 'character device': about.isCharacterDevice(),
    'block device': about.isBlockDevice(),
  };
  const kind = Object.keys(kinds).find((name) => kinds[name]);
  return { dev: about.dev, ino: about.ino, kind: kind || 'other' };
};

if (fs.existsSync(INFO)) { // it has no fcntl(2)
  operations.flags = (it) => {
    fs.fstatSync(it.fd); // or it would be a file that is missing
    const flags = parseInt(/^flags:\s*(\d+)$/m.exec(fs.readFileSync(INFO + it.fd, 'utf8'))[1], 8);
    return {
      nonblocking: (flags & fs.constants.O_NONBLOCK) !== 0,
      append: (flags & fs.constants.O_APPEND) !== 0,
      access: ACCESS[flags & 3],
      cloexec: (flags & CLOSE_ON_EXEC) !== 0,
    };
  };
}

// -- the table --

const LIMITING = 'while read most; do prlimit --pid $PPID --nofile=$most: && echo ok || echo no; done';
const folders = (process.env.PATH || '').split(':');

if (folders.some((folder) => fs.existsSync(`${folder}/prlimit`))) { // it has no setrlimit(2)
  // Started now: with a full table there would be no slots for what it is talked to by.
  const shell = spawn('sh', ['-c', LIMITING], { stdio: ['pipe', 'pipe', 'inherit'] });
  operations.limit = async (it) => {
    shell.stdin.write(`${it.descriptors}\n`);
    const [said] = await once(shell.stdout, 'data');
    if (String(said) !== 'ok\n') throw new Failed('os', 'prlimit has failed');
    return {};
  };
  operations.fill = (it) => {
    try {
      for (;;) filling.push(fs.openSync('/dev/null'));
    } catch (error) {
      if (error.code !== 'EMFILE') throw error;
    }
    letGo(it.leave);
    return { filled: filling.length };
  };
  operations.free = (it) => ({ freed: letGo(it.count ?? filling.length) });
}

function letGo(count) {
  const freed = filling.slice(Math.max(0, filling.length - count));
  filling = filling.slice(0, filling.length - freed.length);
  freed.forEach((fd) => fs.closeSync(fd));
  return freed.length;
}

module.exports = { Failed, refused, operations };
