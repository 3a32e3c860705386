// Node's own HTTP/2 client: many requests on one connection, content both ways, trailers, a reset.
// `node http2_client.js URL`. Prints what came of it as one JSON object.
'use strict';
const http2 = require('node:http2');

const url = process.argv[2];
const session = http2.connect(url, { rejectUnauthorized: false });
const out = {};

const ask = (headers, body) => new Promise((resolve, reject) => {
  const stream = session.request(headers, { endStream: body === undefined });
  const got = { status: 0, interim: [], size: 0, text: '', trailers: {} };
  stream.on('headers', (fields) => got.interim.push(fields[':status']));
  stream.on('response', (fields) => { got.status = fields[':status']; });
  stream.on('trailers', (fields) => { got.trailers = { ...fields }; });
  stream.on('data', (piece) => {
    got.size += piece.length;
    if (got.text.length < 100) got.text += piece.toString('latin1').slice(0, 100);
  });
  stream.on('end', () => resolve(got));
  stream.on('error', reject);
  if (body !== undefined) stream.end(body);
});

const left = () => new Promise((resolve) => {
  const stream = session.request({ ':path': '/endless' });
  stream.once('data', () => stream.close(http2.constants.NGHTTP2_CANCEL));
  stream.on('close', () => resolve(stream.rstCode));
  stream.on('error', () => {});
});

(async () => {
  session.on('error', (error) => { out.error = String(error); });
  const many = [];
  for (let i = 0; i < 100; ++i) many.push(ask({ ':path': `/small?${i}` }));
  out.many = (await Promise.all(many)).filter((got) => got.status === 200).length;
  out.upload = await ask({ ':path': '/upload', ':method': 'POST' }, Buffer.alloc(3000000, 'x'));
  out.trailers = await ask({ ':path': '/trailers' });
  out.left = await left();
  out.after = (await ask({ ':path': '/small' })).status;
  out.alpn = session.alpnProtocol;
  session.close();
  process.stdout.write(JSON.stringify(out));
})().catch((error) => { process.stderr.write(`${error.stack}\n`); process.exit(1); });
