import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { TimeoutError } from './errors/timeout-error.ts';
import { REDACTED, redactor } from './redact.ts';
import { seededRandom } from './testing/seeded-random.ts';

const redact = redactor();
const log = (value: unknown): string => JSON.stringify(redact(value)) ?? 'undefined';

const fail = (): never => {
  throw new Error('touched');
};

describe('twelve planted secrets', () => {
  const secrets = Array.from({ length: 12 }, (_, at) => `planted${String.fromCharCode(65 + at)}9q`);
  const [a, b, c, d, e, f, g, h, i, j, k, l] = secrets;
  const cause = Object.assign(new Error(`401 from https://u:${a}@api.example.com/v1?api_key=${b}&page=2`), {
    config: {
      headers: { Authorization: `Bearer ${c}`, accept: 'text/plain' },
      data: `{"user":"bob","pass\\u0077ord":"${d}"}`,
    },
    response: { rawHeaders: ['Content-Type', 'text/html', 'Set-Cookie', `sid=${e}; Path=/`] },
  });
  const error = new TimeoutError(`The stage "fetch" took too long; token=${f}`, {
    cause: new AggregateError(
      [cause, new Error(`ssh -----BEGIN PRIVATE KEY-----\n${g}\n-----END PRIVATE KEY-----`)],
      'all failed',
    ),
    partial: [{ name: 'x-api-key', value: h }, new Map([['refreshToken', i]])],
    details: {
      env: { PGPASSWORD: j, HOME: '/home/bob' },
      argv: ['--verbose', '--password', k],
      text: `{"a":"{\\"secret\\":\\"${l}\\"}"}`,
    },
  });

  it('are in the error', () => {
    const plain = ['message', 'cause', 'partial', 'details'].map((key) => deep(Reflect.get(error, key))).join(' ');
    for (const secret of secrets) expect(plain).toContain(secret);
  });

  it.each([
    ['an error', error],
    ['details for a log', { err: error, runId: 'run_1' }],
    ['a list', [[error]]],
  ])('are not in the log of %s', (_, value) => {
    const line = log(value);
    expect(line).not.toContain('planted');
    for (const kept of [
      'bob',
      'text/plain',
      'text/html',
      'page=2',
      'api.example.com',
      '/home/bob',
      '--verbose',
      'all failed',
      'TIMEOUT',
    ]) {
      expect(line).toContain(kept);
    }
  });
});

describe('a redacted copy', () => {
  it('leaves plain data as it is, in a copy of its own', () => {
    const data = {
      text: 'a',
      number: 1.5,
      yes: true,
      nothing: null,
      list: [1, [2]],
      deep: { er: {} },
      missing: undefined,
    };
    expect(redact(data)).toEqual(data);
    expect(redact(data)).not.toBe(data);
    expect(redact(undefined)).toBeUndefined();
  });

  it.each<[string, unknown, unknown]>([
    [
      'a name',
      { apiKey: 'x', deep: { PASSWORD: 'x', ok: 1 } },
      { apiKey: REDACTED, deep: { PASSWORD: REDACTED, ok: 1 } },
    ],
    ['a number', { pin: 1234, otp: 5n }, { pin: REDACTED, otp: REDACTED }],
    ['a structure', { credentials: { a: [1] }, cookies: { a: 'b' } }, { credentials: REDACTED, cookies: REDACTED }],
    ['counts apart', { tokens: 512, secrets: 2, cookies: 3 }, { tokens: 512, secrets: 2, cookies: 3 }],
    [
      'tokens by name',
      { tokens: { in: 1, list: [2], raw: 'x', n: '7' } },
      { tokens: { in: 1, list: [2], raw: REDACTED, n: '7' } },
    ],
    ['tokens', { tokens: ['x'] }, { tokens: [REDACTED] }],
    ['what is not there apart', { token: null, secret: undefined, password: false }, { token: null, password: false }],
    [
      'a list of pairs',
      [
        ['Authorization', 'x'],
        ['accept', 'y'],
      ],
      [
        ['Authorization', REDACTED],
        ['accept', 'y'],
      ],
    ],
    ['a pair with a list', ['set-cookie', ['a=b']], ['set-cookie', REDACTED]],
    [
      'raw headers',
      ['Host', 'h', 'Cookie', 'c', 'X-Api-Key', 'k'],
      ['Host', 'h', 'Cookie', REDACTED, 'X-Api-Key', REDACTED],
    ],
    ['raw headers out of step', ['GET', 'Authorization', 'x'], ['GET', 'Authorization', REDACTED]],
    ['arguments', ['x', '--token', 't', '--n', '3'], ['x', '--token', REDACTED, '--n', '3']],
    ['arguments with a login', ['-u', 'a:b', '-u', '1:1', 'x'], ['-u', REDACTED, '-u', '1:1', 'x']],
    ['a named value', { name: 'DB_PASSWORD', value: 'x' }, { name: 'DB_PASSWORD', value: REDACTED }],
    ['a named harmless value', { name: 'page', value: 'x' }, { name: 'page', value: 'x' }],
    ['a named text', { name: 'token', label: 'x' }, { name: 'token', label: 'x' }],
    [
      'a map',
      new Map<unknown, unknown>([
        ['password', 'x'],
        [{ a: 1 }, 'y'],
      ]),
      [
        ['password', REDACTED],
        [{ a: 1 }, 'y'],
      ],
    ],
    ['a set', new Set(['password=x', 1]), ['password=[redacted]', 1]],
    [
      'headers',
      new Headers({ authorization: 'x', accept: 'y' }),
      [
        ['accept', 'y'],
        ['authorization', REDACTED],
      ],
    ],
    [
      'parameters',
      new URLSearchParams('a=1&token=x'),
      [
        ['a', '1'],
        ['token', REDACTED],
      ],
    ],
    [
      'a form',
      form({ a: '1', password: 'x' }),
      [
        ['a', '1'],
        ['password', REDACTED],
      ],
    ],
    ['an address', new URL('https://u:p@h/x?token=t&a=1'), 'https://[redacted]@h/x?token=[redacted]&a=1'],
    ['an address with a long login', new URL(`https://u:${'p1'.repeat(900)}@h/x`), 'https://[redacted]@h/x'],
    ['a boxed text', { box: new String('token=x') }, { box: 'token=[redacted]' }],
    ['boxed values', [new Number(1), new Boolean(true), Object(1n), Object(Symbol('s'))], [1, true, '1n', 'Symbol(s)']],
    ['a symbol', Symbol('token=x y'), 'Symbol(token=[redacted] y)'],
    [
      'names that are secrets',
      { 'password=x': 1, [`ghp_${'a1'.repeat(18)}`]: 2 },
      { 'password=[redacted]': REDACTED, [REDACTED]: 2 },
    ],
    ['JSON', '{"a":{"password":"x"},"n":1}', '{"a":{"password":"[redacted]"},"n":1}'],
    ['JSON with other spaces', '{ "a": 1, "b": "c" }', '{ "a": 1, "b": "c" }'],
    ['JSON with escaped names', '{"pass\\u0077ord":"x"}', '{"password":"[redacted]"}'],
    ['JSON that says it twice', '{"token":"x","token":null}', '{"token":"[redacted]","token":null}'],
    ['JSON within a sentence', '401: {"key":"token","value":"x"}!', '401: {"key":"token","value":"[redacted]"}!'],
    ['JSON in JSON', '{"a":"[{\\"token\\":\\"x\\"}]"}', '{"a":"[{\\"token\\":\\"[redacted]\\"}]"}'],
    ['JSON after a secret name', 'credentials: {"a":"x","token":"y"} z', 'credentials: [redacted] z'],
    ['a header in JSON', '{"a":"Cookie: x\\ny","b":"z"}', '{"a":"Cookie: [redacted]\\ny","b":"z"}'],
    ['half of JSON', '{"a":{"password":"x","n":1', '{"a":{"password":"[redacted]","n":1'],
  ])('hides %s', (_, value, plain) => {
    expect(redact(value)).toEqual(plain);
  });

  it('tells an error by all that it says, and its stack as text', () => {
    const error = Object.assign(
      new TypeError('bad {"name":"Cookie","value":"opaque"}', { cause: new Error('token=x') }),
      {
        code: 'E_BAD',
        apiKey: 'x',
        port: 80,
      },
    );
    const plain = redact(error) as Record<string, unknown>;
    expect(plain).toMatchObject({
      name: 'TypeError',
      code: 'E_BAD',
      message: 'bad {"name":"Cookie","value":"[redacted]"}',
      apiKey: REDACTED,
      port: 80,
      cause: { name: 'Error', message: 'token=[redacted]' },
    });
    expect(plain['stack']).toMatch(
      /^TypeError: bad \{"name":"Cookie","value":"\[redacted\]"\}\n {4}at .*redact\.test\.ts:\d+:\d+/,
    );
    expect(redact(runInNewContext('new Error("token=x")'))).toMatchObject({ message: 'token=[redacted]' });
    expect(redact(new AggregateError([new Error('token=x')], 'm'))).toMatchObject({
      errors: [{ message: 'token=[redacted]' }],
    });
    expect(redact(new DOMException('token=x', 'AbortError'))).toMatchObject({
      name: 'AbortError',
      message: 'token=[redacted]',
    });
  });

  it('takes what follows a secret name for a value, though it looks like a name', () => {
    expect(redact(['x-api-key', 'x-auth-token', 'shown'])).toEqual(['x-api-key', REDACTED, 'shown']);
  });

  it('reads JSON as text where it would go too deep', () => {
    let value: unknown = '{"a":{"b":"c"},"token":"x"}';
    for (let depth = 0; depth < 10; depth++) value = [value];
    expect(log(value)).toContain(JSON.stringify('{"a":{"b":"c"},"token":"[redacted]"}'));
  });

  it('keeps look-alikes', () => {
    const data = {
      runId: 'run_01HZX3YV4N8Q2W5E7R9T',
      usage: { tokens: 512, max_tokens: 4096, prompt_tokens: 7, token_count: 3 },
      author: 'Ann',
      keyboard: 'qwerty',
      monkey: 'banana',
      idempotencyKey: 'order-17',
      sessionCount: 3,
      'x-ratelimit-remaining-tokens': '149984',
      'x-ratelimit-reset-tokens': '6m0s',
      path: '/srv/app/session.ts:10:5',
      sha: '9b74c9897bac770ffc029102a200c5de8b1f6a7e',
      uuid: '6f9619ff-8b86-d011-b42d-00c04fc964ff',
      list: ['id', 'name', 'email'],
      text: 'Unexpected token } in JSON at position 7',
      code: 'TIMEOUT',
      key: 'user:1',
      signature: '(a: number) => void',
    };
    expect(redact(data)).toEqual(data);
  });

  it('takes more names and values', () => {
    const own = redactor({ keys: ['tenantId', /^x-internal/gi], values: [/cust-\d+/g] });
    const data = { TENANT_ID: 1, tenantIds: 2, 'X-Internal-A': 3, a: 'cust-1 cust-22', b: 'tenant-id=5' };
    const plain = {
      TENANT_ID: REDACTED,
      tenantIds: 2,
      'X-Internal-A': REDACTED,
      a: '[redacted] [redacted]',
      b: 'tenant-id=[redacted]',
    };
    expect(own(data)).toEqual(plain);
    expect(own({ 'x-internal-1': 1, 'x-internal-2': 2 })).toEqual({
      'x-internal-1': REDACTED,
      'x-internal-2': REDACTED,
    });
    expect(own(data)).toEqual(plain);
    expect(redactor({ keys: ['stack', 'message'] })(new Error('secretive'))).toEqual({
      name: 'Error',
      message: REDACTED,
      stack: REDACTED,
    });
    expect(JSON.stringify(redactor({ keys: ['message'] })(new Error('secretive')))).not.toContain('secretive');
    expect(redactor({ keys: undefined, values: undefined })({ token: 1 })).toEqual({ token: REDACTED });
  });

  it('redacts messages', () => {
    expect(redact.text('stage "fetch" got token=x')).toBe('stage "fetch" got token=[redacted]');
    expect(redact.text(undefined as never)).toBe('undefined');
  });
});

describe('hostile values', () => {
  it.each<[string, unknown, unknown]>([
    ['a Proxy', new Proxy({}, { get: fail, ownKeys: fail, getPrototypeOf: fail }), '[Proxy]'],
    ['a Proxy of a function', new Proxy(fail, { get: fail }), '[function]'],
    ['a Proxy as prototype', Object.create(new Proxy({}, { getPrototypeOf: fail, get: fail })), '[unreadable]'],
    [
      'a getter',
      {
        get bad() {
          return fail();
        },
        ok: 1,
      },
      { bad: '[unreadable]', ok: 1 },
    ],
    ['a getter in a list', Object.defineProperty([1, 2], 0, { get: fail }), ['[unreadable]', 2]],
    [
      'a getter of a named value',
      {
        get name() {
          return fail();
        },
        value: 1,
      },
      { name: '[unreadable]', value: 1 },
    ],
    ['a toJSON that throws', { toJSON: fail, a: 1 }, { toJSON: '[function]', a: 1 }],
    ['a toJSON that lies', { toJSON: () => 'password=x', a: 1 }, { toJSON: '[function]', a: 1 }],
    ['a tag that lies', { [Symbol.toStringTag]: 'Headers', a: 1 }, { a: 1 }],
    [
      'an instance with a tag that lies',
      Object.assign(
        new (class {
          get [Symbol.toStringTag]() {
            return 'Headers';
          }
        })(),
        { a: 1 },
      ),
      { a: 1 },
    ],
    [
      'an instance',
      new (class {
        token = 'x';
        #hidden = 1;
        a = this.#hidden;
      })(),
      { token: REDACTED, a: 1 },
    ],
    [
      'bytes',
      [Buffer.from('x'), new Uint8Array(3), new DataView(new ArrayBuffer(4)), new ArrayBuffer(5)],
      ['[1 bytes]', '[3 bytes]', '[4 bytes]', '[5 bytes]'],
    ],
    ['a map that throws', Object.assign(new Map([[1, 2]]), { entries: fail, [Symbol.iterator]: fail }), [[1, 2]]],
    ['a date', [new Date(0), new Date(Number.NaN)], ['1970-01-01T00:00:00.000Z', 'Invalid Date']],
    ['bigints', [5n, 2n ** 300n], ['5n', '[bigint]']],
    ['odd numbers', [Number.NaN, Number.NEGATIVE_INFINITY], ['NaN', '-Infinity']],
    ['functions', [fail], ['[function]']],
    ['__proto__', JSON.parse('{"__proto__":{"a":1}}'), JSON.parse('{"__proto__":{"a":1}}')],
    ['no prototype', Object.assign(Object.create(null), { token: 'x' }), { token: REDACTED }],
    [
      'an object of another realm',
      runInNewContext('({ token: 1, a: new Map([["token", 2]]) })'),
      { token: REDACTED, a: [['token', REDACTED]] },
    ],
  ])('are harmless: %s', (_, value, plain) => {
    expect(redact(value)).toEqual(plain);
    expect(() => log({ value })).not.toThrow();
  });

  it('an error whose every member throws is still told', () => {
    const error = new Error('x');
    for (const key of ['stack', 'name', 'message', 'cause', 'code']) Object.defineProperty(error, key, { get: fail });
    expect(redact(error)).toMatchObject({ message: '[unreadable]', stack: '[unreadable]' });
  });

  it('cycles are marked, and only cycles', () => {
    const shared = { x: 1 };
    const loop: Record<string, unknown> = { a: shared, b: [shared] };
    loop['self'] = loop;
    expect(redact(loop)).toEqual({ a: { x: 1 }, b: [{ x: 1 }], self: '[circular]' });
    const error = new Error('round');
    error.cause = error;
    expect(redact(error)).toMatchObject({ cause: '[circular]' });
  });

  it.each<[string, () => unknown]>([
    ['a deep structure', () => nested(100_000)],
    ['deep JSON', () => `${'{"a":'.repeat(3_000)}1${'}'.repeat(3_000)}`],
    [
      'JSON in JSON in JSON',
      () => Array.from({ length: 9 }).reduce<string>((text) => JSON.stringify({ a: text, token: 'Q7q' }), 'token=Q7q'),
    ],
    ['a long list', () => Array.from({ length: 1_000_000 }, () => 'token=Q7q')],
    ['a list of holes', () => new Array(4_000_000_000)],
    ['a wide object', () => Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`k${at}`, 'token=Q7q']))],
    [
      'a wide error',
      () =>
        Object.assign(
          new Error('x'),
          Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`k${at}`, 'token=Q7q'])),
        ),
    ],
    ['a long map', () => new Map(Array.from({ length: 100_000 }, (_, at) => [at, 'token=Q7q']))],
    ['a long set', () => new Set(Array.from({ length: 100_000 }, (_, at) => `${at} token=Q7q`))],
    ['a long text', () => 'token=Q7q '.repeat(1_000_000)],
    ['long texts', () => Array.from({ length: 1_000 }, () => 'harmless '.repeat(10_000))],
    ['a long name', () => ({ [`${'token=Q7q '.repeat(100_000)}`]: 1 })],
    ['a long message', () => new Error('token=Q7q '.repeat(100_000))],
    ['long JSON', () => JSON.stringify(Array.from({ length: 100_000 }, () => ({ token: 'Q7q' })))],
  ])('%s gives a short log without its secrets', (_, make) => {
    const line = log(make());
    expect(line.length).toBeLessThan(400_000);
    expect(line).not.toContain('Q7q');
  });

  it('a number of values that is too large is cut, and says so', () => {
    expect((redact(Array.from({ length: 5_000 }, () => 1)) as unknown[]).at(-1)).toMatch(/^\[\d+ more\]$/);
    expect(redact(Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`k${at}`, 1])))).toHaveProperty(
      '[truncated]',
      true,
    );
    expect(redact('a '.repeat(50_000))).toMatch(/\[truncated \d+\]$/);
  });
});

describe('random structures', () => {
  it('show everything harmless and nothing secret', () => {
    for (let seed = 1; seed <= 1_500; seed++) {
      const plot = new Plot(seed);
      const value = plot.value(0);
      const line = log(value);
      for (const core of plot.secrets) expect(line, `seed ${seed}`).not.toContain(core);
      for (const core of plot.harmless) expect(line, `seed ${seed}`).toContain(core);
    }
  });
});

/** Plants secrets and harmless texts, each with a word in it that is nowhere else. */
class Plot {
  readonly secrets: string[] = [];
  readonly harmless: string[] = [];
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  value(depth: number): unknown {
    const inner = (): unknown => (depth < 3 && this.#random() < 0.5 ? this.value(depth + 1) : this.#fine());
    const key = this.#pick([
      'apiKey',
      'API_KEY',
      'x-api-key',
      'db.password',
      'refreshToken',
      'Authorization',
      'Cookie',
      'clientSecret',
      'session_id',
      'PGPASSWORD',
    ]);
    const bare = this.#pick(['password', 'api_key', 'accessToken', 'clientSecret', 'PGPASSWORD']);
    const any = this.#secret(`"'\\ ,;:=&{}[]<>@/#?\n%é`);
    const tight = this.#secret(`'!$%*+./@#?{}[]()<>|~^-`);
    const [url, simple] = [this.#secret('!$*+.~-@/'), this.#secret('-._')];
    const data = (): unknown =>
      this.#pick<() => unknown>([
        () => this.#fine(),
        () => ({ list: [this.#fine(), { [key]: any }] }),
        () => JSON.stringify({ [key]: any, c: this.#fine() }),
      ])();
    const leaf = this.#pick<() => unknown>([
      () => ({ a: inner(), [key]: any, b: inner() }),
      () => [inner(), { name: key, value: any }],
      () =>
        new Map<unknown, unknown>([
          [key, any],
          ['fine', inner()],
        ]),
      () => [
        ['Host', this.#fine()],
        [key, any],
      ],
      () => ['Host', this.#fine(), 'X-Api-Key', any, 'Accept', this.#fine()],
      () => JSON.stringify({ a: data(), [key]: any, b: this.#fine() }),
      () => `${this.#fine()} ${JSON.stringify({ [key]: any, list: [data()] })} ${this.#fine()}`,
      () => `{"a":"${this.#fine()}",${JSON.stringify(JSON.stringify({ [bare]: any, b: this.#fine() }))}`,
      () => `{"a":"${this.#fine()}","${bare}":${JSON.stringify(any)},"b":"${this.#fine()}`,
      () => `${this.#fine()} ${bare}=${tight} ${this.#fine()}`,
      () => `${this.#fine()} ${bare}: ${tight}, ${this.#fine()}`,
      () =>
        `${this.#fine()}\n${this.#pick(['Authorization', 'Cookie', 'set-cookie'])}: ${this.#secret(`"' ,;:=&{}[]<>@/#?%`)}\n${this.#fine()}`,
      () => `${this.#fine()} postgres://bob:${url}@${this.#fine()}/db ${this.#fine()}`,
      () => `${this.#fine()} https://host/x?page=${this.#fine()}&access_token=${simple}&z=${this.#fine()}`,
      () => `${this.#fine()} Bearer ${simple} ${this.#fine()}`,
      () => `${this.#fine()} curl -u bob:${tight} ${this.#fine()} --api-key ${simple}`,
      () => new Error(`${this.#fine()} ${bare}=${tight} ${this.#fine()}`, { cause: inner() }),
      () => Object.assign(new Error(this.#fine()), { config: { [key]: any, fine: inner() } }),
      () => new AggregateError([new Error(`${bare}="${simple}"`), inner()], this.#fine()),
      () =>
        new Headers([
          ['x-fine', this.#fine()],
          ['x-api-key', simple],
        ]),
      () => [this.#fine(), `-----BEGIN RSA PRIVATE KEY-----\n${any}\n-----END RSA PRIVATE KEY-----`, inner()],
      () =>
        `${this.#fine()} ${this.#pick(['sk-ant-', 'ghp_', 'xoxb-', 'AIza', 'glpat-'])}${'a1B2'.repeat(8)}${this.#secret('')} ${this.#fine()}`,
      () => [inner(), inner(), this.#random()],
    ]);
    return leaf();
  }

  #fine(): string {
    const core = `fine${this.#word()}`;
    this.harmless.push(core);
    return core;
  }

  #secret(between: string): string {
    let secret = '';
    for (let part = 0; part < 3; part++) {
      const core = `Zq${this.#word()}7`;
      this.secrets.push(core);
      secret += `${part > 0 && between !== '' ? this.#pick([...between]) : ''}${core}`;
    }
    return secret;
  }

  #word(): string {
    return Math.floor(this.#random() * 1e9)
      .toString(36)
      .padStart(6, 'x');
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T;
  }
}

function nested(depth: number): unknown {
  let value: unknown = { token: 'Q7q' };
  for (let at = 0; at < depth; at++) value = at % 2 === 0 ? [value] : { value };
  return value;
}

function form(fields: Record<string, string>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return data;
}

/** All that a value holds, so that a test can show that a secret was there. */
function deep(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const parts = value instanceof Map ? [...value].flat() : Reflect.ownKeys(value).map((key) => Reflect.get(value, key));
  return parts.map(deep).join(' ');
}
