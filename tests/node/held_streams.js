// Holds WebSockets and gRPC streams open, and says something over each every PAUSE ms, but not before the
// last one was answered: `node held_streams.js WEBSOCKET_URL SOCKETS GRPC_ADDRESS STREAMS PAUSE_MS`. gRPC
// streams are ten on a connection. Each line of stdin is answered with a line of JSON that says how it is. Nothing
// is said before all are open. At the end of stdin all are closed in order, once what was said is answered.
'use strict';
const readline = require('node:readline');
const grpc = require('@grpc/grpc-js');
const WebSocket = require('ws');

const [url, sockets, address, streams, pause] = [process.argv[2], Number(process.argv[3]), process.argv[4],
  Number(process.argv[5]), Number(process.argv[6])];
const streamsOfConnection = 10;
const opensAtATime = 50;
const out = { opened: 0, said: 0, heard: 0, unanswered: 0, cut: { websockets: 0, grpc: 0 }, closed: 0, errors: [] };
const held = [];
let closing = false;
let opened = () => {};
let openNext = () => {};
let settled = () => {};

// What every held one has: say(), end(), and its kind; the peers below tell it what happens.
class Held {
  constructor(kind) {
    this.kind = kind;
    this.isOpen = false;
    this.isOver = false;
    this.said = 0;
    this.heard = 0;
  }

  begin(peer) { this.peer = peer; }

  tellOpen() {
    if (this.isOpen) return;
    this.isOpen = true;
    if (++out.opened === sockets + streams) opened();
    else openNext();
  }

  say() {
    if (!this.isOpen || this.isOver || this.said !== this.heard) return;
    ++this.said;
    ++out.said;
    this.peer.say(String(this.said));
  }

  tellHeard(text) {
    if (text !== String(this.said)) this.tellWrong(`heard ${text} instead of ${this.said}`);
    this.heard = this.said;
    ++out.heard;
    settled();
  }

  tellWrong(error) { if (out.errors.length < 10) out.errors.push(`${this.kind}: ${error}`); }

  tellOver(inOrder) {
    if (this.isOver) return;
    this.isOver = true;
    if (closing && inOrder && this.said === this.heard) ++out.closed;
    else ++out.cut[this.kind];
    settled();
  }
}

const holdSocket = () => {
  const one = new Held('websockets');
  const socket = new WebSocket(url, { perMessageDeflate: false });
  socket.on('open', () => one.tellOpen());
  socket.on('message', (data) => one.tellHeard(data.toString()));
  socket.on('error', (error) => one.tellWrong(error));
  socket.on('close', (code) => {
    if (!closing) one.tellWrong(`closed with ${code}`);
    one.tellOver(code === 1000);
  });
  one.begin({ say: (text) => socket.send(text), end: () => socket.close(1000) });
  return one;
};

const bytes = (value) => value;
let client = null;
const holdStream = (index) => {
  if (index % streamsOfConnection === 0) {
    client = new grpc.Client(address, grpc.credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  }
  const one = new Held('grpc');
  const call = client.makeBidiStreamRequest('/weir.Echo/Talk', bytes, bytes);
  call.on('data', (message) => {
    if (!one.isOpen) one.tellOpen();  // the answer to the first message, of which tellHeard() knows nothing
    else one.tellHeard(message.toString());
  });
  call.on('error', () => {});
  call.on('status', (status) => {
    if (!closing || status.code !== 0) one.tellWrong(`ended with ${status.code} ${status.details}`);
    one.tellOver(status.code === 0);
  });
  call.write(Buffer.from('hello'));
  one.begin({ say: (text) => call.write(Buffer.from(text)), end: () => call.end() });
  return one;
};

const tell = () => {
  out.unanswered = held.filter((one) => !one.isOver && one.said !== one.heard).length;
  process.stdout.write(JSON.stringify(out) + '\n');
};
const whenSettled = (condition, then) => {
  settled = () => {
    if (!condition()) return;
    settled = () => {};
    then();
  };
  settled();
};

// A tenth of them at a time, so that they do not come as one burst.
let turn = 0;
const talk = () => {
  for (let i = turn; i < held.length; i += 10) held[i].say();
  turn = (turn + 1) % 10;
};

let timer = null;
opened = () => { timer = setInterval(talk, pause / 10); };
openNext = () => {
  if (held.length < sockets) held.push(holdSocket());
  else if (held.length < sockets + streams) held.push(holdStream(held.length - sockets));
};
for (let i = 0; i < opensAtATime; ++i) openNext();
const lines = readline.createInterface({ input: process.stdin });
lines.on('line', tell);
lines.on('close', () => {
  clearInterval(timer);
  const limit = setTimeout(() => { tell(); process.exit(1); }, 30000);
  whenSettled(() => held.every((one) => one.isOver || one.said === one.heard), () => {
    closing = true;
    for (const one of held) if (!one.isOver) one.peer.end();
    whenSettled(() => held.every((one) => one.isOver), () => {
      clearTimeout(limit);
      tell();
      process.exit(0);
    });
  });
});
