/** A piece of a text, from `start` up to, but not including, `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Words that stand where a value would, in messages: hiding them would hide what is wrong. */
const PLACEHOLDERS = new Set(
  'true false null undefined none nil nan required missing invalid expired expected must unexpected optional empty unset not is was [redacted]'.split(
    ' ',
  ),
);

const BLANKS = /[ \t]*/y;
const BLANKS_AND_LINES = /\s*/y;
const SCHEME = /(?:bearer|basic|token|digest|negotiate|apikey)[ \t]+/iy;
const QUOTE = /\\*["'`]/y;
const NEXT_MEMBER = /[,;&](?=\s|$|["'{\\]{0,4}[\w.%[\] -]{1,64}["'\\]{0,4}\s{0,4}[=:])/y;
const QUOTE_OR_BRACKET = /\\*["'`]|[[\]{}]/g;

/** How far a value goes that is not in quotes. */
export interface ValueRule {
  /** To the end of its line, as a header's does. */
  readonly line?: boolean;
  /** What quote stands before the name and is still open, as in `curl -H 'Cookie: …'`. */
  readonly within?: string;
  /** Whether the value may stand on the next line. */
  readonly nextLine?: boolean;
}

/**
 * The value that follows a name in text: quoted at any depth of escaping, a structure in brackets, or bare. In doubt it takes
 * more: text that is lost costs less than the rest of a secret that is shown.
 */
export function valueSpan(text: string, from: number, rule: ValueRule = {}): Span | undefined {
  const start = match(rule.nextLine ? BLANKS_AND_LINES : BLANKS, text, from);
  const quoted = match(QUOTE, text, start);
  const value = quoted > start ? quotedSpan(text, start, quoted, rule) : bareSpan(text, start, rule);
  if (value.end <= value.start) return undefined;
  return PLACEHOLDERS.has(word(text, value)) ? undefined : value;
}

function quotedSpan(text: string, from: number, start: number, rule: ValueRule): Span {
  const end = closing(text, start, start - from - 1);
  const after = Math.min(text.length, match(QUOTE, text, end));
  const next = text[after] ?? '';
  if (rule.line && (next === '=' || next === ';')) return { start: from, end: lineEnd(text, after, rule.within) };
  // Letters right behind a quote belong to it, and so does a shell's way to quote a quote: 'it'\\''s'.
  const goesOn = /[\w$+*!]/.test(next) || (next === '\\' && text[after + 1] === text[start - 1] && start === from + 1);
  return goesOn ? { start: from, end: bareEnd(text, after) } : { start, end };
}

/** The end of what is in quotes that are escaped `level` times: an odd quote that is escaped more often is part of it. */
function closing(text: string, start: number, level: number): number {
  const quote = text[start - 1] as string;
  for (let at = text.indexOf(quote, start); at >= 0; at = text.indexOf(quote, at + 1)) {
    let first = at;
    while (first > start && text[first - 1] === '\\') first--;
    const slashes = at - first;
    if (slashes < level) return first;
    if (slashes % (2 * (level + 1)) === level) return at - level;
  }
  return text.length;
}

function bareSpan(text: string, start: number, rule: ValueRule): Span {
  if (rule.line) return { start, end: lineEnd(text, start, rule.within) };
  const open = text[start];
  if (open !== '{' && open !== '[') return { start, end: bareEnd(text, match(SCHEME, text, start), rule.within) };
  const end = structureEnd(text, start);
  return { start, end: /[\s}\])]/.test(text[end] ?? ' ') ? end : bareEnd(text, end) };
}

function structureEnd(text: string, start: number): number {
  let depth = 0;
  QUOTE_OR_BRACKET.lastIndex = start;
  for (let hit = QUOTE_OR_BRACKET.exec(text); hit !== null; hit = QUOTE_OR_BRACKET.exec(text)) {
    const last = hit[0].at(-1) as string;
    if (last === '{' || last === '[') depth++;
    else if (last === '}' || last === ']') depth--;
    else QUOTE_OR_BRACKET.lastIndex = match(QUOTE, text, closing(text, hit.index + hit[0].length, hit[0].length - 1));
    if (depth === 0) return hit.index + 1;
  }
  return text.length;
}

/** Commas, semicolons and ampersands belong to a bare value unless another name follows them. */
function bareEnd(text: string, start: number, within?: string): number {
  for (let at = start; at < text.length; at++) {
    const char = text[at] as string;
    if (closes(text, at, within)) return at;
    if (char === ',' || char === ';' || char === '&') {
      if (match(NEXT_MEMBER, text, at) > at) return at;
    } else if (char <= ' ' || char === '\u{a0}') return at;
  }
  return text.length;
}

function lineEnd(text: string, start: number, within: string | undefined): number {
  let at = start;
  while (at < text.length && text[at] !== '\n' && text[at] !== '\r' && !closes(text, at, within)) at++;
  return at;
}

function closes(text: string, at: number, within: string | undefined): boolean {
  return text[at] === within && !/\w/.test(text[at + 1] ?? '');
}

/** What a value says if it is one short word, without the sentence's punctuation. */
function word(text: string, { start, end }: Span): string {
  return end - start > 16 ? '' : (/^(\[redacted\]|[a-z]+)\W*$/.exec(text.slice(start, end).toLowerCase())?.[1] ?? '');
}

/** Where a sticky pattern's match at `at` ends, or `at` if it does not match there. */
function match(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
