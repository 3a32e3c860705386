// A WebSocket server of the `ws` package that echoes; prints its port.
'use strict';
const { WebSocketServer } = require('ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, clientTracking: false }, () => {
  process.stdout.write(`${server.address().port}\n`);
});
server.on('connection', (socket) => {
  socket.on('message', (data, binary) => socket.send(data, { binary }));
  socket.on('error', () => {});
});
