// Writes down what NestJS's client puts on the wire, and what its own server answers: the golden
// files of the bus. Needs a broker that has none of the topics yet.
//
//   BROKERS=127.0.0.1:9092 node capture.mjs <folder>
import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClientKafka, ServerKafka } from '@nestjs/microservices';
import { Kafka, logLevel } from 'kafkajs';
import { lastValueFrom, of, throwError } from 'rxjs';

const brokers = process.env.BROKERS.split(',');
const folder = process.argv[2];
const broker = { brokers, logLevel: logLevel.NOTHING };
const CALLS = 'echo.echo';
const REPLIES = 'echo.echo.reply';
const EVENTS = 'note.note';

const admin = new Kafka(broker).admin();
await admin.connect();
const topics = [CALLS, REPLIES, EVENTS].map((topic) => ({ topic, numPartitions: 1 }));
if (!(await admin.createTopics({ topics, waitForLeaders: true }))) {
  throw new Error('the broker has these topics already; start a new one');
}

const fromBeginning = { fromBeginning: true };
const server = new ServerKafka({
  client: broker,
  consumer: { groupId: 'server' },
  subscribe: fromBeginning,
});
server.addHandler(CALLS, async ({ text, failCode }) =>
  failCode
    ? throwError(() => ({ code: failCode, message: text }))
    : of({ text, payload: '' }),
);
await new Promise((done, failed) => server.listen((error) => (error ? failed(error) : done())));

const client = new ClientKafka({
  client: { ...broker, clientId: 'client' },
  consumer: { groupId: 'client' },
  subscribe: fromBeginning,
});
client.subscribeToResponseOf(CALLS);
await client.connect();
const send = (data) => lastValueFrom(client.send(CALLS, data));
await send({ text: 'héllo ✓' });
await send({ text: 'no such text: ä', failCode: 5 }).catch(() => {});
await send({
  key: 'k1',
  value: { text: 'in an envelope' },
  headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
});
await lastValueFrom(client.emit(EVENTS, { id: 'n1', account: 'a' }));
await lastValueFrom(client.emit(EVENTS, { key: 'a', value: { id: 'n2', account: 'a' } }));

const names = {
  [CALLS]: ['request', 'request_that_fails', 'request_in_an_envelope'],
  [REPLIES]: ['reply', 'reply_error', 'reply_in_an_envelope'],
  [EVENTS]: ['event', 'event_with_a_key'],
};
const left = new Set(Object.values(names).flat());
const hex = (bytes) => (bytes === null ? null : bytes.toString('hex'));
const raw = new Kafka(broker).consumer({ groupId: 'raw' });
await raw.connect();
await raw.subscribe({ topics: Object.keys(names), ...fromBeginning });
await new Promise((done) =>
  raw.run({
    eachMessage: async ({ topic, partition, message }) => {
      const name = names[topic][Number(message.offset)];
      const headers = Object.entries(message.headers);
      const record = {
        topic,
        partition,
        key: hex(message.key),
        value: hex(message.value),
        headers: headers.map(([name, value]) => [name, hex(value)]),
        readable: [message.value, ...headers.map(([, value]) => value)].map(String),
      };
      writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(record, null, 2)}\n`);
      left.delete(name);
      if (left.size === 0) done();
    },
  }),
);
await Promise.all([raw.disconnect(), client.close(), server.close(), admin.disconnect()]);
