import type { KeyVerdict } from './secret-keys.ts';
import { SECRET_SHAPES } from './secret-shapes.ts';
import { type Span, type ValueRule, valueSpan } from './value-span.ts';

/** What stands where a secret stood. */
export const REDACTED = '[redacted]';

/** What is looked at past the limit, so that a secret on the edge is seen whole. */
const OVERLAP = 4_096;

/** What names are secret, and what else is. */
export interface SecretRules {
  verdict(key: string): KeyVerdict;
  /** Each with the flag `g` and without `y`. */
  readonly values: readonly RegExp[];
}

/** Without any of these, only what has a shape of its own can be secret. */
const SUSPICIOUS = /[=:<]|(?:^|[\s"'`])-|bearer|basic|passw|passphrase|identified by/i;

/** The text without secrets and not much longer than `limit`. A secret on the edge goes as a whole. */
export function scrubText(text: string, limit: number, rules: SecretRules): string {
  const spans = secretSpans(text.length > limit + OVERLAP ? text.slice(0, limit + OVERLAP) : text, rules);
  const cut = text.length > limit;
  if (spans.length === 0 && !cut) return text;
  let scrubbed = '';
  let at = 0;
  for (const { start, end } of spans) {
    if (start >= limit) break;
    scrubbed += text.slice(at, start) + REDACTED;
    at = end;
  }
  if (!cut) return scrubbed + text.slice(at);
  const end = Math.max(at, limit);
  scrubbed += text.slice(at, end);
  return end >= text.length ? scrubbed : `${scrubbed}[truncated ${text.length - end}]`;
}

/** Where the secrets are: in order, and none touches the next. */
function secretSpans(text: string, rules: SecretRules): readonly Span[] {
  const spans: Span[] = [];
  if (text.length >= 16) wholes(text, SECRET_SHAPES, spans);
  for (const pattern of rules.values) wholes(text, pattern, spans);
  if (text.length >= 5 && SUSPICIOUS.test(text)) {
    members(text, rules, spans);
    if (text.includes('@')) logins(text, spans);
    if (text.includes('<')) elements(text, rules, spans);
    schemes(text, spans);
    flags(text, rules, spans);
  }
  return spans.length < 2 ? spans : merged(spans);
}

function merged(spans: Span[]): readonly Span[] {
  spans.sort((one, other) => one.start - other.start);
  const result: { start: number; end: number }[] = [];
  for (const { start, end } of spans) {
    const last = result.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
}

function wholes(text: string, pattern: RegExp, spans: Span[]): void {
  // Not matchAll, which copies the pattern each time.
  pattern.lastIndex = 0;
  for (let hit = pattern.exec(text); hit !== null; hit = pattern.exec(text)) {
    if (hit[0] === '') pattern.lastIndex++;
    else spans.push({ start: hit.index, end: hit.index + hit[0].length });
  }
}

/** Runs `spanOf` at each match, and goes on behind what it answers: nothing is read twice. */
function each(text: string, pattern: RegExp, spans: Span[], spanOf: (hit: RegExpExecArray) => Span | undefined): void {
  pattern.lastIndex = 0;
  for (let hit = pattern.exec(text); hit !== null; hit = pattern.exec(text)) {
    const span = spanOf(hit);
    if (span === undefined) continue;
    spans.push(span);
    pattern.lastIndex = Math.max(pattern.lastIndex, span.end);
  }
}

const SEPARATOR = /[=:]/g;
const SOURCE_FILE = /\.(?:[cm]?[jt]sx?|vue|svelte|json|html?|py|go|rs|rb|java|kt|cs|php)$/;
const QUERY_KEYS = new Set(['sig', 'signature', 'key', 'code', 'hmac', 'x-amz-signature', 'x-goog-signature']);
const LINES = /authorization$|cookies?$|phrase$|mnemonic$/i;

/** `name=value`, `Name: value`, `"name": "value"`, at any depth of escaping. */
function members(text: string, rules: SecretRules, spans: Span[]): void {
  each(text, SEPARATOR, spans, ({ index }) => {
    const name = nameBefore(text, index);
    if (name === undefined) return undefined;
    const key = text.slice(name.start, name.end);
    let verdict = rules.verdict(key);
    if (verdict === 'keep' && /^(?:keys?|string|phrase|code)$/i.test(key))
      verdict = rules.verdict(twoWords(text, name));
    if (verdict === 'keep' && /[?&#]/.test(text[name.start - 1] ?? '') && QUERY_KEYS.has(key.toLowerCase())) {
      verdict = 'hide';
    }
    if (verdict === 'keep') return undefined;
    let from = index + 1;
    while (text[from] === '=' || text[from] === ':' || text[from] === '>') from++;
    // A place in a file, as in `session.ts:10:5`.
    if (SOURCE_FILE.test(key) && /\d/.test(text[from] ?? '')) return undefined;
    const value = valueSpan(text, from, ruleFor(text, key, name, index));
    if (value === undefined || verdict === 'hide') return value;
    return isCount(text.slice(value.start, value.end), verdict) ? undefined : value;
  });
}

function ruleFor(text: string, key: string, name: Span, separator: number): ValueRule {
  const line = LINES.test(key);
  if (name.end < separator) return { line, nextLine: true };
  const before = text[name.start - 1];
  return before === '"' || before === "'" ? { line, within: before } : { line };
}

/** True for what a name in the plural may show. */
function isCount(value: string, verdict: KeyVerdict): boolean {
  if (/^[\d.,_]{1,15}\W*$/.test(value)) return true;
  if (verdict !== 'hide-text' || value.length > 1_024 || !/^[{[].*[\]}]$/s.test(value)) return false;
  return /^[\d\s.,:{}[\]-]*$/.test(value.replace(/\\{0,8}["']?[A-Za-z][\w.-]{0,64}\\{0,8}["']?\s{0,4}:/g, ':'));
}

/** The name that ends at a separator, whatever quotes, brackets and blanks stand between. */
function nameBefore(text: string, separator: number): Span | undefined {
  let end = separator;
  while (end > 0 && separator - end < 16 && /[\s"'`\\\]]/.test(text[end - 1] as string)) end--;
  let start = end;
  while (start > 0 && end - start < 80 && isNameChar(text.charCodeAt(start - 1))) start--;
  return start === end ? undefined : { start, end };
}

function isNameChar(code: number): boolean {
  if (code >= 97 && code <= 122) return true;
  if (code >= 65 && code <= 90) return true;
  if (code >= 48 && code <= 57) return true;
  // _ - . % $ [ ]
  return (
    code === 95 || code === 45 || code === 46 || code === 37 || code === 36 || code === 91 || code === 93 || code > 160
  );
}

/** `API key: …`: a key is only known by the word before it. */
function twoWords(text: string, { start, end }: Span): string {
  let from = start - 1;
  if (text[from] !== ' ') return '';
  while (from > 0 && end - from < 80 && isNameChar(text.charCodeAt(from - 1))) from--;
  return text.slice(from, end);
}

const LOGIN = /[a-z][a-z0-9+.-]{1,30}:\/\/(?=([^\s"`<>]{1,4096}))/gi;
const WITH_PASSWORD = /^[^/?#:@]{0,256}:(?!\d{1,5}(?:[/?#]|$))/;
const DSN = /(?<![^\s"'=(])[^\s:@/"'=(]{1,64}:[^\s"']{1,256}?(?=@(?:tcp|unix)\()/g;

/** Who logs in where: `scheme://user:password@host`, `https://token@host` and `user:password@tcp(host)`. */
function logins(text: string, spans: Span[]): void {
  wholes(text, DSN, spans);
  each(text, LOGIN, spans, ({ index, 0: scheme, 1: rest = '' }) => {
    const start = index + scheme.length;
    const authority = /^[^/?#]*/.exec(rest)?.[0] ?? '';
    // A password may hold what ends an authority: clients take it, or complain about it in a message.
    const at = WITH_PASSWORD.test(rest)
      ? rest.lastIndexOf('@')
      : /https?:/i.test(scheme)
        ? authority.lastIndexOf('@')
        : -1;
    return at > 0 ? { start, end: start + at } : undefined;
  });
}

const ELEMENT = /<([A-Za-z][\w:.-]{0,63})(?:\s[^<>]{0,256})?>(?=<!\[CDATA\[|[^<])/g;

/** `<password>value</password>`. */
function elements(text: string, rules: SecretRules, spans: Span[]): void {
  each(text, ELEMENT, spans, ({ index, 0: tag, 1: name = '' }) => {
    if (rules.verdict(name) === 'keep') return undefined;
    const end = text.indexOf('</', index + tag.length);
    return { start: index + tag.length, end: end < 0 ? text.length : end };
  });
}

const BEARER =
  /(?<![a-z0-9])bearer(?:[\s:+]{1,4}|%20)(?!(?:tokens?|auth[a-z]*|scheme|header|missing|expired|invalid|required|failed|realm|error|format|credentials?|should|cannot|rejected|challenge)(?![\w.~+/=-]))[\w.~+/=-]{6,}/gi;
const BASIC = /(?<![a-z0-9])basic(?:\s{1,4}|%20)([a-z0-9+/_-]{6,}={0,2})/gi;
const SAID = /(?<!\w)(?:password|passwd|passphrase|identified by)(?:[ \t]{1,4}(?:is|was))?[ \t]{1,4}(?=\\{0,8}["'`])/gi;

/** What follows a word that announces it: `Bearer …`, `Basic …`, `password "…"`. */
function schemes(text: string, spans: Span[]): void {
  each(text, BEARER, spans, ({ index, 0: all }) => {
    const skipped = /^bearer(?:[\s:+]{1,4}|%20)/i.exec(all)?.[0].length ?? 0;
    return { start: index + skipped, end: index + all.length };
  });
  each(text, BASIC, spans, ({ index, 0: all, 1: value = '' }) => {
    // What says `user:password` is one; `Basic understanding` is not.
    if (!Buffer.from(value.slice(0, 512), 'base64').includes(':')) return undefined;
    return { start: index + all.length - value.length, end: index + all.length };
  });
  each(text, SAID, spans, ({ index, 0: all }) => valueSpan(text, index + all.length));
}

const FLAG = /(?<![\w-])--?([A-Za-z][\w-]{0,60})[ \t=]{1,4}(?=[^\s-])/g;
const GLUED_LOGIN = /(?<![\w-])-[uU](?=[^\s:]{1,128}:)/g;

/** `--password …`, `-u user:password`. */
function flags(text: string, rules: SecretRules, spans: Span[]): void {
  each(text, FLAG, spans, ({ index, 0: all, 1: name = '' }) => {
    const value = valueSpan(text, index + all.length);
    if (value === undefined) return undefined;
    if (isLoginFlag(name)) return isLogin(text.slice(value.start, value.end)) ? value : undefined;
    const verdict = rules.verdict(name);
    if (verdict === 'keep') return undefined;
    return verdict !== 'hide' && isCount(text.slice(value.start, value.end), verdict) ? undefined : value;
  });
  if (/\bcurl\b/.test(text)) each(text, GLUED_LOGIN, spans, ({ index }) => valueSpan(text, index + 2));
}

/** The name of a flag that takes `user:password`. */
export function isLoginFlag(name: string): boolean {
  return /^(?:[uU]|user|proxy-user)$/.test(name);
}

/** True for `user:password`, not for the numbers of a user and a group. */
export function isLogin(value: string): boolean {
  return value.includes(':') && !/^\d+:\d+$/.test(value);
}
