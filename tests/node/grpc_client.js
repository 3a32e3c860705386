// Calls every kind of method of grpc_origin.js at the address given, and prints what came of it as
// one JSON object.
'use strict';
const grpc = require('@grpc/grpc-js');

const bytes = (value) => value;
const [address, messages] = [process.argv[2], Number(process.argv[3])];
const client = new grpc.Client(address, grpc.credentials.createInsecure());
const out = {};

const unary = (path, request) => new Promise((resolve) => {
  let trailers = null;
  const call = client.makeUnaryRequest(path, bytes, bytes, Buffer.from(request), (error, value) => {
    call.once('status', () => resolve({
      code: error ? error.code : 0, details: error ? error.details : '',
      value: value ? value.toString() : '', trailers,
    }));
  });
  call.on('status', (status) => { trailers = status.metadata.getMap(); });
});

const collect = () => new Promise((resolve) => {
  const call = client.makeClientStreamRequest('/weir.Echo/Collect', bytes, bytes, (error, value) => {
    resolve(error ? String(error) : value.toString());
  });
  for (let i = 0; i < 100; ++i) call.write(Buffer.alloc(10000));
  call.end();
});

const spread = () => new Promise((resolve) => {
  const call = client.makeServerStreamRequest('/weir.Echo/Spread', bytes, bytes, Buffer.from('1000'));
  let count = 0;
  call.on('data', () => { ++count; });
  call.on('error', (error) => resolve(String(error)));
  call.on('end', () => resolve(count));
});

// One message is out at a time: each answer must come while the request still runs.
const talk = () => new Promise((resolve) => {
  const call = client.makeBidiStreamRequest('/weir.Echo/Talk', bytes, bytes);
  let count = 0;
  call.on('data', () => {
    if (++count === messages) call.end();
    else call.write(Buffer.from(String(count)));
  });
  call.on('error', (error) => resolve(String(error)));
  call.on('end', () => resolve(count));
  call.write(Buffer.from('0'));
});

const cancelled = () => new Promise((resolve) => {
  const call = client.makeBidiStreamRequest('/weir.Echo/Talk', bytes, bytes);
  call.on('data', () => call.cancel());
  call.on('error', (error) => resolve(error.code));
  call.write(Buffer.from('0'));
});

(async () => {
  out.unary = await unary('/weir.Echo/Unary', 'hello');
  out.fail = await unary('/weir.Echo/Fail', 'hello');
  out.missing = await unary('/weir.Echo/Missing', 'hello');
  out.collect = await collect();
  out.spread = await spread();
  out.talk = await talk();
  out.cancelled = await cancelled();
  console.log(JSON.stringify(out));
  client.close();
})();
