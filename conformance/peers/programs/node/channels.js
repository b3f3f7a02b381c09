'use strict';
// The passer: what node:child_process has behind `send(message, handle)`, over an adopted channel.
// The handles are those of node:cluster, "net.Native", which nobody reads or writes on the way.
// Node takes over what it sends and needs it until it is sent; of several each waits for the word
// from the other end that the one before has arrived.
const { setupChannel } = require('internal/child_process');
const { internalBinding } = require('internal/test/binding');
const { EventEmitter } = require('events');
const fs = require('fs');
const net = require('net');
const { Failed, refused } = require('./descriptors');

const { Pipe, constants } = internalBinding('pipe_wrap');

// What Node has a handle of, by the number of the descriptor: {handle, unsent, closing}.
const held = new Map();

// Have a handle of a descriptor: of a pipe, a Unix socket or a TCP socket.
function handleOf(fd) {
  fs.fstatSync(fd);
  if (!held.has(fd)) {
    let handle;
    try {
      handle = new net.Socket({ fd, manualStart: true })._handle;
    } catch (error) {
      if (error.code !== 'ERR_INVALID_FD_TYPE') throw error;
      throw new Failed('os', `Node passes pipes and sockets only: ${error.message}`);
    }
    held.set(fd, { handle, unsent: 0, closing: false });
  }
  return held.get(fd);
}

function close(fd) {
  const one = held.get(fd);
  if (!one) {
    fs.closeSync(fd);
  } else if (one.closing) {
    throw new Failed('os', `EBADF: ${fd} has been closed`);
  } else {
    one.closing = true;
    closeWhatIsSent(fd, one);
  }
}

function closeWhatIsSent(fd, one) {
  if (!one.closing || one.unsent > 0) return;
  held.delete(fd);
  one.handle.close();
}

class Channel {
  constructor(fd) {
    this.arrived = [];
    this.unsent = 0;
    this.ended = null;
    this.changed = new EventEmitter().setMaxListeners(0);
    this.pipe = new Pipe(constants.IPC);
    const refusal = fs.fstatSync(fd).isSocket() ? this.pipe.open(fd) : -1;
    if (refusal) throw new Failed('os', `Node makes no channel of descriptor ${fd}`);
    this.target = new EventEmitter();
    this.target.on('message', (_, handle) => this.take(handle));
    this.target.on('disconnect', () => this.end(new Failed('peer-closed', 'disconnected')));
    this.target.on('error', (error) => this.end(error));
    setupChannel(this.target, this.pipe, 'json').refCounted();
  }

  take(handle) {
    if (!handle) {
      this.arrived.push(new Failed('lost', 'a message came without a handle'));
    } else {
      held.set(handle.fd, { handle, unsent: 0, closing: false });
      this.arrived.push(handle.fd);
    }
    this.changed.emit('change');
  }

  end(why) {
    this.ended ??= why;
    this.changed.emit('change');
  }

  // Send a descriptor, or have it wait; what is refused at once is told.
  async send(fd, closing) {
    const one = handleOf(fd);
    one.unsent += 1;
    this.unsent += 1;
    let refusal = null;
    this.target.send({}, one.handle, { keepOpen: true }, (error) => {
      refusal = error;
      if (error) this.end(error);
      this.unsent -= 1;
      one.unsent -= 1;
      closeWhatIsSent(fd, one);
      this.changed.emit('change');
    });
    await new Promise(setImmediate);
    if (refusal) throw refusal;
    if (closing) close(fd);
  }

  // Wait until something holds.
  async until(holds, seconds, otherwise) {
    const deadline = seconds === undefined ? Infinity : Date.now() + seconds * 1000;
    while (!holds()) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Failed('timed-out', otherwise);
      await new Promise((resolve) => {
        const timer = left === Infinity ? null : setTimeout(resolve, left);
        this.changed.once('change', () => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  async flush(seconds) {
    await this.until(() => !this.unsent || this.ended, seconds, 'not all has been sent in time');
    if (this.unsent) throw new Failed('peer-reset', `${this.unsent} were not sent`);
  }

  async receive(seconds) {
    await this.until(() => this.arrived.length || this.ended, seconds, 'nothing has come in time');
    if (!this.arrived.length) throw this.ended;
    const first = this.arrived.shift();
    if (first instanceof Failed) throw first;
    return first;
  }

  async close() {
    if (this.target.connected) this.target.disconnect();
    await this.until(() => this.pipe.fd < 0);
    this.arrived.filter((one) => !(one instanceof Failed)).forEach(close);
  }
}

module.exports = { Channel, close, refused };
