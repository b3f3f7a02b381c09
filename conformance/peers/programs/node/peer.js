'use strict';
// The peer program of Node's own channels between processes. Other ends than adopted ones are made
// by starting a process: there is no `pair`, no `listen` and no `fork`.
const fs = require('fs');
const { Channel, close } = require('./channels');
const { Failed, refused, operations } = require('./descriptors');

const channels = new Map();

function channel(it) {
  if (!channels.has(it.passer)) throw refused('there is no such passer here');
  return channels.get(it.passer);
}

operations.hello = () => ({
  protocol: 1, name: 'node', version: process.versions.node, language: `Node.js ${process.version}`,
  pid: process.pid, backends: {}, survivals: {}, kinds: ['pipe', 'socket'],
  ops: Object.keys(operations).sort(),
});
operations.adopt = (it) => {
  const passer = `c${channels.size + 1}`;
  channels.set(passer, new Channel(it.fd));
  return { passer };
};
operations.drop = async (it) => {
  await channel(it).close();
  return {};
};
operations.send = async (it) => {
  await channel(it).send(it.fd, it.close);
  return {};
};
operations.flush = async (it) => {
  await channel(it).flush(it.timeout);
  return {};
};
operations.queued = (it) => ({ queued: channel(it).unsent });
operations.recv = async (it) => ({ fd: await channel(it).receive(it.timeout) });
operations.recv_nowait = async (it) => {
  try {
    return { fd: await channel(it).receive(0) };
  } catch (error) {
    if (error.condition !== 'timed-out') throw error;
    throw new Failed('would-block', error.message);
  }
};
operations.close = (it) => {
  close(it.fd);
  return {};
};

const NAMES = {
  EAGAIN: 'would-block', EPIPE: 'peer-reset', ECONNRESET: 'peer-reset',
  ERR_IPC_CHANNEL_CLOSED: 'peer-reset', // or by ourselves, and then nobody asks
};

// The outcome of an operation, as an answer has it.
async function outcome(it) {
  if (!Object.hasOwn(operations, it.op)) return { unsupported: { reason: 'unknown operation' } };
  try {
    return { ok: await operations[it.op](it) };
  } catch (error) {
    const name = error.condition || NAMES[error.code] || (error.syscall && 'os');
    if (!name) throw error; // a fault of this program: it dies, and standard error tells why
    const kind = { usage: 'usage', os: 'os' }[name] || 'passer';
    const described = { class: kind, name, message: error.message };
    return { error: error.syscall ? { ...described, errno: error.code } : described };
  }
}

async function answer(line) {
  const it = JSON.parse(line);
  let said = Buffer.from(`${JSON.stringify({ id: it.id, ...await outcome(it) })}\n`);
  while (said.length) {
    try {
      said = said.subarray(fs.writeSync(1, said));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      await new Promise(setImmediate);
    }
  }
}

async function converse() {
  let unread = '';
  for await (const some of process.stdin.setEncoding('utf8')) {
    const lines = (unread + some).split('\n');
    unread = lines.pop();
    for (const line of lines) await answer(line);
  }
  process.exit(0);
}

converse();
