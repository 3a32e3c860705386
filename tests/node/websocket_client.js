// Opens COUNT WebSocket connections at once, echoes a message over each in turns, pings, and closes:
// `node websocket_client.js URL h1|h2 COUNT ROUNDS`. With h1 by the `ws` package, with h2 by extended
// CONNECT (RFC 8441), a hundred on a connection. Prints what came of it as one JSON object.
'use strict';
const http2 = require('node:http2');
const WebSocket = require('ws');

const [url, way, count, rounds] = [process.argv[2], process.argv[3], Number(process.argv[4]),
  Number(process.argv[5])];
const out = { opened: 0, echoed: 0, pongs: 0, closed: 0, errors: [] };
const failed = (error) => { if (out.errors.length < 5) out.errors.push(String(error)); };

// Both ways have: send(text), ping(), close(), and call the four of `told`.
const overHttp1 = (told) => {
  const socket = new WebSocket(url, { rejectUnauthorized: false, perMessageDeflate: false });
  socket.on('open', told.opened);
  socket.on('message', (data) => told.message(data.toString()));
  socket.on('pong', told.pong);
  socket.on('close', told.closed);
  socket.on('error', failed);
  return { send: (text) => socket.send(text), ping: () => socket.ping(), close: () => socket.close() };
};

const sessions = [];
const sessionFor = (index) => {
  const at = Math.floor(index / 100);
  if (!sessions[at]) {
    sessions[at] = http2.connect(url.replace(/^ws/, 'http'), { rejectUnauthorized: false });
    sessions[at].setMaxListeners(0);
    sessions[at].on('error', failed);
  }
  return sessions[at];
};

const frame = (opcode, payload) => {
  const mask = Buffer.from([1, 2, 3, 4]);
  const masked = Buffer.from(payload).map((byte, i) => byte ^ mask[i % 4]);
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | masked.length]), mask, masked]);
};

const overHttp2 = (told, index) => {
  const session = sessionFor(index);
  let stream;
  const write = (opcode, payload) => stream.write(frame(opcode, payload));
  const begin = () => {
    stream = session.request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/echo', ':authority': 'local',
      ':scheme': url.startsWith('wss') ? 'https' : 'http', 'sec-websocket-version': '13',
    }, { endStream: false });
    stream.on('response', (headers) => {
      if (headers[':status'] === 200) told.opened();
      else failed(`status ${headers[':status']}`);
    });
    let buffer = Buffer.alloc(0);
    stream.on('data', (piece) => {
      buffer = Buffer.concat([buffer, piece]);
      while (buffer.length >= 2 && buffer.length >= 2 + buffer[1]) {
        const [opcode, payload] = [buffer[0] & 15, buffer.subarray(2, 2 + buffer[1])];
        buffer = buffer.subarray(2 + buffer[1]);
        if (opcode === 1) told.message(payload.toString());
        else if (opcode === 10) told.pong();
        else if (opcode === 8) stream.end();
        else failed(`opcode ${opcode}`);
      }
    });
    stream.on('close', told.closed);
    stream.on('error', failed);
  };
  if (session.remoteSettings && session.remoteSettings.enableConnectProtocol) begin();
  else session.once('remoteSettings', begin);
  return { send: (text) => write(1, text), ping: () => write(9, 'ping'),
    close: () => write(8, Buffer.from([3, 232])) };
};

let waiting = count;
const finish = () => {
  for (const session of sessions) session.close();
  process.stdout.write(JSON.stringify(out));
};
const connections = [];
const startTalking = () => connections.forEach((connection, i) => connection.send(`${i}:0`));
for (let i = 0; i < count; ++i) {
  let round = 0;
  const told = {
    opened: () => { if (++out.opened === count) startTalking(); },
    message: (text) => {
      if (text !== `${i}:${round}`) failed(`${text} instead of ${i}:${round}`);
      ++out.echoed;
      if (++round < rounds) connections[i].send(`${i}:${round}`);
      else connections[i].ping();
    },
    pong: () => { ++out.pongs; connections[i].close(); },
    closed: () => { ++out.closed; if (--waiting === 0) finish(); },
  };
  connections.push(way === 'h2' ? overHttp2(told, i) : overHttp1(told));
}
