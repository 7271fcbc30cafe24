// Calls the platform, at the address that is its argument, with the types of its OpenAPI document. Prints
// a line for each case that holds and ends with an error at the first that does not. Where the compiler is
// told to expect an error, it fails if there is none.
import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from './api.js';

type Status = components['schemas']['Status'];
type Detail = Status['details'][number];

const baseUrl = process.argv[2];
assert.ok(baseUrl, 'no address');
const client = createClient<paths>({ baseUrl });
const ada = { email: 'ada@example.com', password: 'correct-Horse-7-battery' };
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

/// The detail of that type of google.rpc.
function detail(error: Status | undefined, type: string): Detail {
  const found = error?.details.find((one) => one['@type'].endsWith(`/google.rpc.${type}`));
  assert.ok(found, `no ${type} in ${JSON.stringify(error)}`);
  return found;
}

const cases = {
  async an_account_is_registered() {
    const body = { ...ada, name: 'Ada Lovelace' };
    const { data, response } = await client.POST('/api/v1/auth/register', { body });
    assert.equal(response.status, 201);
    assert.equal(data?.user?.email, ada.email);
    assert.deepEqual(data.user.roles, []);
  },

  async its_profile_is_read_with_its_token() {
    const { data: pair } = await client.POST('/api/v1/auth/login', { body: ada });
    assert.ok(pair);
    const { data, response } = await client.GET('/api/v1/auth/profile', bearer(pair.accessToken));
    assert.equal(response.status, 200);
    assert.equal(data?.name, 'Ada Lovelace');
    assert.ok(data.createdAt && !Number.isNaN(Date.parse(data.createdAt)), data.createdAt);
  },

  async a_wrong_password_has_a_reason() {
    const body = { ...ada, password: 'another-Horse-7' };
    const { data, error, response } = await client.POST('/api/v1/auth/login', { body });
    assert.equal(data, undefined);
    assert.equal(response.status, 401);
    assert.equal(error?.code, 16);
    assert.equal(detail(error, 'ErrorInfo')['reason'], 'INVALID_CREDENTIALS');
  },

  async a_field_that_breaks_a_rule_is_named() {
    const body = { email: 'grace@example.com', password: 'short', name: 'Grace Hopper' };
    const { error, response } = await client.POST('/api/v1/auth/register', { body });
    assert.equal(response.status, 400);
    const violations = detail(error, 'BadRequest')['fieldViolations'];
    assert.ok(Array.isArray(violations));
    assert.deepEqual(violations.map(({ field }) => field), ['password']);
  },

  async a_field_that_the_contract_does_not_have_is_refused_by_both() {
    const body = { ...ada, admin: true };
    // @ts-expect-error: there is no such field.
    const literal: components['schemas']['LoginRequest'] = { ...ada, admin: true };
    const { error, response } = await client.POST('/api/v1/auth/login', { body });
    assert.deepEqual(literal, body);
    assert.equal(response.status, 400);
    assert.equal(error?.code, 3);
  },

  async a_field_that_is_required_is_asked_for_by_both() {
    // @ts-expect-error: the password is missing.
    const { response } = await client.POST('/api/v1/auth/login', { body: { email: ada.email } });
    assert.equal(response.status, 400);
  },

  async a_token_is_refreshed() {
    const { data: pair } = await client.POST('/api/v1/auth/login', { body: ada });
    assert.ok(pair);
    const { data: next, response } = await client.POST('/api/v1/auth/refresh', {
      body: { refreshToken: pair.refreshToken },
    });
    assert.equal(response.status, 200);
    assert.ok(next && next.refreshToken !== pair.refreshToken);
    const profile = await client.GET('/api/v1/auth/profile', bearer(next.accessToken));
    assert.equal(profile.data?.email, ada.email);
  },

  async without_a_token_there_is_no_profile() {
    const { error, response } = await client.GET('/api/v1/auth/profile');
    assert.equal(response.status, 401);
    assert.equal(detail(error, 'ErrorInfo')['reason'], 'TOKEN_MISSING');
  },

  async the_health_has_a_type_as_well() {
    const { data } = await client.GET('/health');
    assert.equal(data?.status, 'ok');
    for (const { status } of Object.values(data.dependencies)) assert.equal(status, 'up');
  },
};

for (const [name, holds] of Object.entries(cases)) {
  try {
    await holds();
  } catch (error) {
    throw new Error(name, { cause: error });
  }
  console.log(`ok client ${name}`);
}
