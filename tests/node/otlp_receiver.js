// A collector that speaks OTLP over HTTP: decodes what comes by OpenTelemetry's own code, and prints each span as a line
// of JSON. Prints its port first. Lines on its standard input are JSON of how it answers from then on:
// {"status": 429, "headers": {"retry-after": "1"}, "delay": 200, "rejected": 3, "message": "why"}.
'use strict';
const http = require('http');
const readline = require('readline');
const zlib = require('zlib');
const {opentelemetry} = require('@opentelemetry/otlp-transformer/build/src/generated/root');

const trace = opentelemetry.proto.collector.trace.v1;
const hex = (bytes) => Buffer.from(bytes || []).toString('hex');
const value = (any) => {
  for (const kind of ['stringValue', 'boolValue', 'doubleValue']) {
    if (any[kind] !== undefined && any[kind] !== null) return any[kind];
  }
  return any.intValue === undefined || any.intValue === null ? null : Number(any.intValue);
};
const attributes = (list) => Object.fromEntries((list || []).map((each) => [each.key, value(each.value)]));

let how = {};
readline.createInterface({input: process.stdin}).on('line', (line) => {
  how = JSON.parse(line);
  console.log(JSON.stringify({answers: how}));
}).on('close', () => process.exit(0));

function decode(request, body) {
  const plain = request.headers['content-encoding'] === 'gzip' ? zlib.gunzipSync(body) : body;
  const message = trace.ExportTraceServiceRequest.decode(plain);
  const spans = [];
  for (const resource of message.resourceSpans) {
    for (const scope of resource.scopeSpans) {
      for (const span of scope.spans) {
        spans.push({
          trace: hex(span.traceId), id: hex(span.spanId), parent: hex(span.parentSpanId), state: span.traceState || '',
          name: span.name, kind: span.kind, flags: span.flags, start: String(span.startTimeUnixNano),
          end: String(span.endTimeUnixNano), attributes: attributes(span.attributes),
          events: (span.events || []).map((event) => ({
            name: event.name, time: String(event.timeUnixNano), attributes: attributes(event.attributes),
          })),
          status: span.status ? span.status.code : 0, message: span.status ? span.status.message || '' : '',
          resource: attributes(resource.resource.attributes), scope: scope.scope.name,
        });
      }
    }
  }
  return spans;
}

const server = http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const answer = how;
    let spans;
    try {
      spans = decode(request, Buffer.concat(parts));
    } catch (error) {
      console.log(JSON.stringify({error: String(error)}));
      response.writeHead(400).end();
      return;
    }
    console.log(JSON.stringify({
      call: `${request.method} ${request.url}`, type: request.headers['content-type'],
      coding: request.headers['content-encoding'] || '', headers: request.headers, spans: spans.length,
      status: answer.status || 200,
    }));
    if (!answer.status || answer.status === 200) for (const span of spans) console.log(JSON.stringify({span}));
    const partial = answer.rejected || answer.message
      ? {partialSuccess: {rejectedSpans: answer.rejected || 0, errorMessage: answer.message || ''}} : {};
    setTimeout(() => {
      response.writeHead(answer.status || 200, {'content-type': 'application/x-protobuf', ...answer.headers});
      response.end(Buffer.from(trace.ExportTraceServiceResponse.encode(partial).finish()));
    }, answer.delay || 0);
  });
});
server.listen(Number(process.argv[2] || 0), '127.0.0.1', () => console.log(server.address().port));
