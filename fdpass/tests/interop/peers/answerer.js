// A child of a process that has given it a channel: tells which socket has come with a message, and
// answers the question that is in it.
const fs = require("fs");

process.on("message", (message, socket) => {
  const { dev, ino } = fs.fstatSync(socket._handle.fd);
  socket.on("data", (question) => socket.end(String(question).toUpperCase()));
  process.send({ message, dev, ino });
});
