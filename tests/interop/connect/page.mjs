// Runs in the browser. Each case fails with an error; `drive.cjs` calls them one after another.
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { AuthService } from './gen/auth/v1/auth_pb.js';
import { FeedService } from './gen/feed/v1/feed_pb.js';
import { BadRequestSchema, ErrorInfoSchema } from './gen/google/rpc/error_details_pb.js';

const ADA = { email: 'ada@example.com', password: 'correct-Horse-7-battery' };

function equal(seen, wanted) {
  const text = (value) => JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v));
  if (text(seen) !== text(wanted)) throw new Error(`${text(seen)} is not ${text(wanted)}`);
}

/// The error of a call that has to fail with this code.
async function failure(call, code) {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    equal(Code[error.code], Code[code]);
    return error;
  }
  throw new Error('the call does not fail');
}

/// Takes the numbers of a stream of posts until it ends.
async function take(posts, numbers = []) {
  for await (const { feed, number } of posts) {
    equal(feed, posts.feed);
    numbers.push(number);
  }
  return numbers;
}

function cases(baseUrl) {
  const transport = createGrpcWebTransport({ baseUrl });
  const auth = createClient(AuthService, transport);
  const feeds = createClient(FeedService, transport);
  const watch = (request, options) =>
    Object.assign(feeds.watch(request, options), { feed: request.feed });
  const reason = (error) => error.findDetails(ErrorInfoSchema).map((info) => info.reason);

  return {
    async an_account_is_registered() {
      const { user, accessToken } = await auth.register({ ...ADA, name: 'Ada Lovelace' });
      equal([user.email, user.name], [ADA.email, 'Ada Lovelace']);
      equal(accessToken.startsWith('v4.public.'), true);
    },

    async its_profile_is_read_with_its_token() {
      const { accessToken } = await auth.login(ADA);
      const headers = { authorization: `Bearer ${accessToken}` };
      const { user } = await auth.getProfile({}, { headers });
      equal(user.email, ADA.email);
      equal(timestampDate(user.createdAt) <= new Date(), true);
    },

    async an_error_has_its_reason() {
      const call = auth.login({ ...ADA, password: 'another-Horse-7' });
      const error = await failure(call, Code.Unauthenticated);
      equal(reason(error), ['INVALID_CREDENTIALS']);
      equal(reason(await failure(auth.getProfile({}), Code.Unauthenticated)), ['TOKEN_MISSING']);
    },

    async an_error_names_the_fields() {
      const call = auth.register({ email: 'grace@example', password: 'short', name: 'Grace' });
      const error = await failure(call, Code.InvalidArgument);
      const [details] = error.findDetails(BadRequestSchema);
      const fields = details.fieldViolations.map(({ field }) => field);
      equal(fields.includes('password'), true);
      equal(details.fieldViolations.every(({ description }) => description !== ''), true);
    },

    async a_page_of_another_origin_reads_the_id_of_its_request() {
      let id;
      await auth.login(ADA, { onHeader: (headers) => (id = headers.get('x-request-id')) });
      equal(typeof id, 'string');
      const headers = { 'x-request-id': 'of-the-page' };
      const error = await failure(auth.getProfile({}, { headers }), Code.Unauthenticated);
      equal(error.metadata.get('x-request-id'), 'of-the-page');
    },

    async a_service_of_another_platform_answers() {
      const post = await feeds.get({ feed: 'a', number: 9007199254740993n });
      equal([post.feed, post.number], ['a', 9007199254740993n]);
      const error = await failure(feeds.get({ feed: 'a' }), Code.NotFound);
      equal(error.rawMessage, 'no such post');
    },

    async its_metadata_comes_both_ways() {
      let language;
      const headers = { 'accept-language': 'sv' };
      const onHeader = (answer) => (language = answer.get('language'));
      await feeds.get({ feed: 'a', number: 1n }, { headers, onHeader });
      equal(language, 'sv');
    },

    async a_call_belongs_to_the_trace_of_the_page() {
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const post = await feeds.get({ feed: 'a', number: 1n }, { headers: { traceparent } });
      equal(post.number, 1n);
    },

    async a_stream_ends() {
      const numbers = Array.from({ length: 300 }, (_, at) => BigInt(at + 1));
      equal(await take(watch({ feed: 'a', count: numbers.length })), numbers);
      equal(await take(watch({ feed: 'a' })), []);
    },

    async a_stream_fails_midway() {
      const numbers = [];
      const call = take(watch({ feed: 'a', count: 2, fail: true }), numbers);
      const error = await failure(call, Code.DataLoss);
      equal(error.rawMessage, 'the feed is torn');
      equal(numbers, [1n, 2n]);
    },

    async a_stream_comes_as_it_is_made_and_is_cancelled() {
      const left = new AbortController();
      const posts = watch({ feed: 'open', count: 2 }, { signal: left.signal });
      const stream = posts[Symbol.asyncIterator]();
      for (const number of [1n, 2n]) equal((await stream.next()).value.number, number);
      left.abort();
      await failure(stream.next(), Code.Canceled);
      // Answers as soon as the server has seen it.
      equal((await feeds.get({ feed: 'left', number: 1n })).number, 1n);
    },

    async a_stream_ends_with_its_time() {
      const numbers = [];
      const posts = watch({ feed: 'open', count: 1 }, { timeoutMs: 1000 });
      await failure(take(posts, numbers), Code.DeadlineExceeded);
      equal(numbers, [1n]);
      equal((await feeds.get({ feed: 'left', number: 1n })).number, 1n);
    },
  };
}

globalThis.connect = {
  cases: (platform) => Object.keys(cases(platform)),
  run: (platform, name) => cases(platform)[name](),
  /// The code and the words of the error that a page which is not let in gets.
  async refused(platform) {
    const auth = createClient(AuthService, createGrpcWebTransport({ baseUrl: platform }));
    const error = await auth.login(ADA).then(
      () => ConnectError.from('the call does not fail', Code.Internal),
      (reason) => ConnectError.from(reason),
    );
    return [Code[error.code], error.rawMessage];
  },
};
