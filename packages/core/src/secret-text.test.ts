import { describe, expect, it } from 'vitest';
import { keyVerdict } from './secret-keys.ts';
import { type SecretRules, scrubText } from './secret-text.ts';
import { seededRandom } from './testing/seeded-random.ts';

const rules: SecretRules = { verdict: keyVerdict, values: [] };
const scrub = (text: string, limit = 1_000_000): string => scrubText(text, limit, rules);

/** What is between ‹ and › is secret. */
const marked = [
  // Members, bare and quoted.
  'login with password=‹hunter2› failed',
  'password: ‹hunter2›, user: bob',
  'password = ‹hunter2›',
  'password => "‹hunter2›"',
  'password==‹hunter2›',
  'api_key=‹k-1›&user=bob&token=‹t-2›',
  'Server=x;Password=‹a,b;c›;Database=y',
  '{"api_key": "‹abc def›", "n": 1',
  '{"api_key":"‹a\\"b\\\\›","n":1',
  '{"password" :\n  "‹hunter2›"',
  "{ password: '‹it\\'s›', user: 'bob' }",
  "['password']: '‹hunter2›'",
  'env `TOKEN`=`‹x y›`',
  'x: "{\\"password\\": \\"‹hu\\\\\\"nter2›\\", \\"u\\": 1}"',
  'body: {\\"password\\":\\"‹hunter2›"',
  '"password": "‹no end to it',
  '"password": ‹12345›, "n": 5',
  'API key: ‹abc123› given',
  'connection string: ‹abc123›',
  "IDENTIFIED BY '‹hunter2›'",
  'the password "‹hunter2 is not›" is wrong',
  "password=‹'it'\\''s'›",
  'password=‹"ab"cd› x',
  'password=‹[redacted]rest› x',
  'token: ‹Bearer abc› x',
  'x-api-key: ‹Token abc› x',
  `${'a'.repeat(2_000)}_password=‹x›`,
  // Structures.
  'credentials: ‹{"a": "b}c", "d": [1]}›, n: 5',
  'secret=‹[1, 2]›, n: 5',
  'credentials: ‹{"never": "ends", n: 5',
  'tokens: ‹["abc"]› n',
  '"tokens": ‹{"in": 1, "raw": "abc"}›, "n": 5',
  // Headers.
  'Authorization: ‹Bearer abc.def›\r\nHost: x',
  'authorization: ‹Digest username="bob", response="abc"›\nHost: x',
  'Cookie: ‹a=b; c="d e"; f=g›\nHost: x',
  'Set-Cookie: ‹sid=abc; Path=/; HttpOnly›',
  '{"cookie": "‹a=b; c=d›", "n": 5',
  `curl -H 'Cookie: ‹a=b; c=d›' -H "X-Api-Key: ‹k›" https://x`,
  'passphrase: ‹correct horse battery staple›\nnext',
  // Schemes.
  'got Bearer ‹abc123def›!',
  'got bearer ‹correcthorse›, thanks',
  'got Basic ‹YWxhZGRpbjpvcGVuc2VzYW1l›, thanks',
  // Addresses.
  'postgres://‹u:p›@host/db',
  'redis://‹:p›@host:6379/0',
  'mongodb+srv://‹u:p/a@ss#w?d›@h/db',
  'https://‹token›@github.com/a/b',
  'https://‹u:p›@h:80/x?a=1',
  '‹root:s3cr@t›@tcp(127.0.0.1:3306)/db',
  'GET /cb?code=‹abc›&state=1&x=2 HTTP/1.1',
  'https://h/x?X-Amz-Signature=‹abc›&a=1',
  'https://h/x#access_token=‹abc›&a=1',
  'https://h/x?access_token=‹abc›',
  // Commands.
  'curl -u ‹bob:hunter2› https://x',
  'curl -u "‹bob:hunter 2›" https://x',
  'curl -u‹bob:hunter2› https://x',
  'curl --user ‹bob:hunter2› --proxy-user=‹a:b› https://x',
  'run --password ‹hunter2› --token-count 5 --api-key=‹k› -v',
  'run --client-secret "‹a b›" x',
  // Elements.
  '<password>‹hun ter2›</password><user>bob</user>',
  '<ns:apiKey type="x">‹abc›</ns:apiKey>',
  '<password>‹<![CDATA[x]]>›</password>',
  '<password>‹no end',
];

describe('a text', () => {
  it.each(marked)('loses what is secret in %s', (text) => {
    const plain = text.replace(/[‹›]/g, '');
    expect(scrub(plain)).toBe(text.replace(/‹[^›]*›?/g, '[redacted]'));
  });

  it.each(marked)('is the same when it is scrubbed twice: %s', (text) => {
    const once = scrub(text.replace(/[‹›]/g, ''));
    expect(scrub(once)).toBe(once);
  });

  it.each([
    '',
    'The stage "fetch" failed: 3 attempts, 1.5 s',
    'tokens: 512, max_tokens=4096, "total_tokens": "12", token_count: 9',
    '{"tokens":{"input":4,"output":5},"passwords":2',
    'session.ts:10:5',
    'at Session.run (file:///srv/app/token.test.js:10:5)',
    `Unexpected token '<', "<!DOCTYPE "... is not valid JSON`,
    'Invalid token: unexpected end of input',
    'password: required',
    '"password": null, "token": undefined, "session": true',
    'password=',
    '"password": "", "n": 1',
    'idempotencyKey=order-17, cache_key: user:1, monkey=banana, author: Ann',
    'https://cdn.jsdelivr.net/npm/pkg@1.2.3/x?a=b',
    'http://localhost:8080/npm/pkg@1.2.3',
    'ssh://git@github.com/a/b.git and git@github.com:a/b.git',
    'postgres://app@localhost/db',
    'mailto:bob@example.com, nginx:1.25@sha256:abcdef',
    'Basic understanding, basic authentication, Bearer token missing, bearer authentication',
    'docker run -u 1000:1000 image, sort -u file, su --user root',
    '2024-01-01T10:10:10.123Z run_1: done',
    'interceptors.retry.attempts: expected an integer ≥ 1, got "three"',
    '<author>Ann</author><tokenCount>5</tokenCount>',
    'a <b> c = d: e && f => g',
    'std::vector<int>::size()',
  ])('keeps what is not: %s', (text) => {
    expect(scrub(text)).toBe(text);
  });

  it('loses what a rule of its user finds', () => {
    const own: SecretRules = { verdict: () => 'keep', values: [/cust-\d+/g, /(?=x)/g] };
    expect(scrubText('a cust-12 x cust-3', 100, own)).toBe('a [redacted] x [redacted]');
  });
});

describe('a text that is cut', () => {
  it('says how much is missing', () => {
    expect(scrub('a'.repeat(50), 20)).toBe(`${'a'.repeat(20)}[truncated 30]`);
    expect(scrub('password=abcdefghij tail', 12)).toBe('password=[redacted][truncated 5]');
    expect(scrub(`${'a'.repeat(20)} token=x y`, 10)).toBe(`${'a'.repeat(10)}[truncated 20]`);
    expect(scrub('a password=abcdefghij', 12)).toBe('a password=[redacted]');
  });

  it('never shows half of a secret, wherever the cut falls', () => {
    const planted = [
      `password=Q7qQ7qQ7`,
      `"api_key": "Q7qQ7q Q7qQ7q"`,
      `Authorization: Bearer Q7qQ7qQ7q`,
      `ghp_${'Q7q'.repeat(12)}`,
      `eyJ${'Q7q'.repeat(9)}.eyJ${'Q7q'.repeat(9)}.${'Q7q'.repeat(9)}`,
      `-----BEGIN PRIVATE KEY-----\n${'Q7q'.repeat(30)}\n-----END PRIVATE KEY-----`,
      `postgres://u:Q7qQ7qQ7q@host`,
      `curl -u bob:Q7qQ7qQ7`,
    ];
    for (const secret of planted) {
      const text = `${'x '.repeat(40)}${secret} ${'y '.repeat(40)}`;
      for (let limit = 1; limit < text.length; limit++) expect(scrub(text, limit)).not.toMatch(/Q|7q/);
    }
  });

  it('never shows the rest of a secret that is longer than all that is looked at', () => {
    const key = 'Q7q'.repeat(100_000);
    for (const text of [
      `password=${key}`,
      `"token": "${key}"`,
      `Cookie: ${key}`,
      `sk-${key}`,
      `-----BEGIN PRIVATE KEY-----\n${key}`,
    ]) {
      expect(scrub(text, 20)).not.toMatch(/7q/);
    }
  });
});

describe('the work on a text', () => {
  const units =
    `a|1|=|:|"|'|\\|\\"|<|@|-| |&a|a,|a=|eyJ|eyJ-|eyJaaaaaaaa.|sk-|sk-a-|xoxb-|SG.|SG.aaaaaaaaaaaaaaaa.|12345678:AA|://|://@|a://|a://:@
    |http://a:@|https://a@|a:b@tc|<a|<a |<token>|<token |password|password=|password:|password:a,b |password "|password:"" |"password":|\\"password\\":\\"
    |tokens:[|tokens:{1}|tokens:[1],|tokens:[{"a":|{"|[{|{"a":[|bearer |bearer aaaaaa |basic |basic aaaaaaaa|-u |curl -ua|--token |--token a |--a
    |-----BEGIN PRIVATE KEY-----|-----BEGIN |-----END |API key:|key: |a.|.|%|\u00e9|Authorization: "|cookie:"=|discord.com/api/webhooks/1/|AKIA|token:[redacted]`
      .split('|')
      .map((unit) => unit.replace(/\n {4}$/, ''));

  it('comes to its end, however long the text, whatever is repeated', () => {
    const random = seededRandom(5);
    const pick = (): string => units[Math.floor(random() * units.length)] ?? 'a';
    const texts = [
      ...units,
      ...Array.from({ length: 60 }, () => pick() + pick()),
      ...Array.from({ length: 30 }, () => pick() + pick() + pick()),
    ];
    // A quadratic scan of any of these would take minutes.
    for (const unit of texts) {
      const text = unit.repeat(Math.ceil(200_000 / unit.length));
      expect(typeof scrub(text)).toBe('string');
    }
  });

  it('does not depend on what is past the limit', () => {
    for (const unit of units) {
      const [short, long] = [50_000, 1_000_000].map((length) =>
        scrub(unit.repeat(Math.ceil(length / unit.length)), 1_000),
      );
      expect(long?.replace(/\d+\]$/, '')).toBe(short?.replace(/\d+\]$/, ''));
    }
  });
});
