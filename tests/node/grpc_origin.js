// A gRPC server of plain bytes: every kind of call, and one that fails. Prints its port.
'use strict';
const grpc = require('@grpc/grpc-js');

const bytes = (value) => value;
const method = (path, requestStream, responseStream) => ({
  path, requestStream, responseStream,
  requestSerialize: bytes, requestDeserialize: bytes,
  responseSerialize: bytes, responseDeserialize: bytes,
});
const service = {
  unary: method('/weir.Echo/Unary', false, false),
  collect: method('/weir.Echo/Collect', true, false),
  spread: method('/weir.Echo/Spread', false, true),
  talk: method('/weir.Echo/Talk', true, true),
  fail: method('/weir.Echo/Fail', false, false),
};

const server = new grpc.Server();
server.addService(service, {
  unary: (call, done) => {
    const trailers = new grpc.Metadata();
    trailers.set('x-trailer', 'behind');
    done(null, call.request, trailers);
  },
  collect: (call, done) => {
    let size = 0;
    call.on('data', (message) => { size += message.length; });
    call.on('end', () => done(null, Buffer.from(String(size))));
  },
  spread: (call) => {
    for (let i = 0; i < Number(call.request.toString()); ++i) call.write(Buffer.from(String(i)));
    call.end();
  },
  talk: (call) => {
    call.on('data', (message) => call.write(message));
    call.on('end', () => call.end());
  },
  fail: (call, done) => done({code: grpc.status.FAILED_PRECONDITION, details: 'not today'}),
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(port);
});
