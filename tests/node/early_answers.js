// Node's own HTTP/1 client: uploads that are answered before they were read. `node early_answers.js
// URL COUNT BYTES`. Prints how often each status came, and each error, as one JSON object.
'use strict';
const [url, count, bytes] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const http = require(url.startsWith('https:') ? 'node:https' : 'node:http');

const content = Buffer.alloc(bytes, 'x');
const out = {};
const note = (what) => { out[what] = (out[what] || 0) + 1; };

const upload = () => new Promise((resolve) => {
  const request = http.request(url, {
    method: 'POST', agent: false, rejectUnauthorized: false,
    headers: { 'content-length': bytes },
  });
  request.on('response', (response) => {
    note(response.statusCode);
    response.resume();
    response.on('end', resolve);
  });
  request.on('error', (error) => { note(error.code); resolve(); });
  request.end(content);
});

(async () => {
  for (let i = 0; i < count; i += 1) await upload();
  console.log(JSON.stringify(out));
})();
