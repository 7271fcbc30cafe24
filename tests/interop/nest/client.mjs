// An unmodified NestJS client calls the test contract. Prints a line for each case that holds and
// ends with an error at the first that does not.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { ClientKafka } from '@nestjs/microservices';
import { logLevel } from 'kafkajs';
import { firstValueFrom, lastValueFrom, timeout } from 'rxjs';

const { BROKERS, PREFIX } = process.env;
const topic = (name) => PREFIX + name;

/// How long an answer may take; Nest's client by itself would wait for ever.
const PATIENCE_MS = 20_000;
const CONCURRENT = 200;
const NOT_FOUND = 5;
const INVALID_ARGUMENT = 3;
const HOSTILE = 'Grüße, 世界 🚋 שלום "quoted" \\ \n\t\u2028\u0000 {"json": [1]}';

const options = (group) => ({
  client: { brokers: BROKERS.split(','), clientId: 'nest', logLevel: logLevel.NOTHING },
  consumer: { groupId: topic(group) },
  // A reply that comes before the group knows its place would be skipped.
  subscribe: { fromBeginning: true },
});
const client = new ClientKafka(options('nest'));
// Leaves bytes alone.
const binary = new ClientKafka({ ...options('nest-binary'), parser: { keepBinary: true } });
binary.subscribeToResponseOf(topic('echo.echo'));
for (const name of ['echo.echo', 'echo.apply', 'echo.who_am_i', 'echo.append', 'note.note']) {
  client.subscribeToResponseOf(topic(name));
}

/// The one answer; fails if there is none, or if the call does not end after it.
const call = (name, data, by = client) =>
  lastValueFrom(by.send(topic(name), data).pipe(timeout(PATIENCE_MS)));

const failure = (name, data) =>
  call(name, data).then(
    (answer) => assert.fail(`it answered ${JSON.stringify(answer)}`),
    (error) => error,
  );

const cases = {
  async a_call_is_answered() {
    const answer = await call('echo.echo', { text: 'hello', payload: 'AAEC' });
    assert.deepEqual(answer, { text: 'hello', payload: 'AAEC' });
  },

  async text_of_any_kind_comes_back() {
    assert.equal((await call('echo.echo', { text: HOSTILE })).text, HOSTILE);
  },

  async an_empty_message_is_answered_with_an_object() {
    assert.deepEqual(await call('echo.echo', {}), { text: '', payload: '' });
  },

  async an_error_arrives_with_code_and_message() {
    const text = 'no such text: ä, 100%';
    const error = await failure('echo.echo', { text, failCode: NOT_FOUND });
    assert.equal(error.code, NOT_FOUND);
    assert.equal(error.message, text);
  },

  async a_wrong_type_is_an_invalid_argument() {
    assert.equal((await failure('echo.echo', { text: 7 })).code, INVALID_ARGUMENT);
  },

  async what_is_no_json_is_an_invalid_argument() {
    assert.equal((await failure('echo.echo', 'hello')).code, INVALID_ARGUMENT);
    assert.equal((await failure('echo.echo', '{"text":')).code, INVALID_ARGUMENT);
  },

  async a_message_in_an_envelope_is_answered() {
    const answer = await call('echo.echo', { key: 'k', value: { text: 'in an envelope' } });
    assert.equal(answer.text, 'in an envelope');
  },

  async protobuf_is_answered_with_protobuf() {
    // Field 1, two bytes long.
    const value = Buffer.from('\x0a\x02hi');
    const headers = { 'content-type': 'application/protobuf' };
    assert.deepEqual(await call('echo.echo', { value, headers }, binary), value);
  },

  async two_hundred_calls_at_once_get_their_own_answers() {
    const texts = Array.from({ length: CONCURRENT }, (_, number) => `nest ${number}`);
    const answers = await Promise.all(
      texts.map((text, number) => call('echo.echo', { text, delayMs: number % 7 })),
    );
    assert.deepEqual(answers.map((answer) => answer.text), texts);
  },

  async an_effect_is_taken_once() {
    assert.deepEqual(await call('echo.apply', { id: 'nest-apply' }), { effects: 1 });
  },

  async an_internal_method_is_answered_on_a_trusted_topic() {
    const answer = await call('echo.who_am_i', {});
    assert.equal(answer.fromBus, true);
    assert.ok(answer.budgetMs > 0 && answer.budgetMs <= 5000, `${answer.budgetMs} ms`);
  },

  async an_event_is_emitted() {
    await firstValueFrom(client.emit(topic('note.note'), { id: 'nest-event', account: 'a' }));
  },

  async a_call_on_a_topic_without_trust_gets_no_answer() {
    let ended = 'nothing';
    const say = (what) => () => (ended = what);
    const waiting = client
      .send(topic('echo.append'), { account: 'nest', number: 1 })
      .subscribe({ next: say('an answer'), error: say('an error'), complete: say('an end') });
    // The events of the topic after it and the calls of others are not held up.
    await firstValueFrom(client.emit(topic('note.note_in_order'), { id: 'nest-untrusted' }));
    assert.equal((await call('echo.echo', { text: 'after it' })).text, 'after it');
    assert.equal(ended, 'nothing');
    waiting.unsubscribe();
  },
};

await client.connect();
await binary.connect();
try {
  for (const [name, holds] of Object.entries(cases)) {
    try {
      await holds();
    } catch (error) {
      throw new Error(name, { cause: error });
    }
    console.log(`ok nest ${name}`);
  }
} finally {
  await Promise.all([client.close(), binary.close()]);
}
