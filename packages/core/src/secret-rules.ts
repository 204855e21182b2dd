import { type KeyVerdict, keyVerdict, keyWords } from './secret-keys.ts';
import { type SecretRules, scrubText } from './secret-text.ts';

/** What is secret besides what always is. */
export interface RedactOptions {
  /** Names: a string means this name in any style (`tenantId`, `tenant_id`, `TENANT-ID`), a pattern is tried on the name as it is. */
  readonly keys?: readonly (string | RegExp)[] | undefined;
  /** Texts that are secret wherever they stand. */
  readonly values?: readonly RegExp[] | undefined;
}

/** How many names are remembered, so that each is judged once without growing for ever. */
const REMEMBERED = 1_000;

/** A name, judged. */
export interface Name {
  readonly verdict: KeyVerdict;
  /** The name itself as text: it may hold a secret, too. */
  readonly shown: string;
}

/** The rules that are always there and a user's own; each name is judged once. */
export class Rules implements SecretRules {
  readonly values: readonly RegExp[];
  readonly #names = new Map<string, Name>();
  readonly #patterns: readonly RegExp[];
  readonly #exact: ReadonlySet<string>;

  constructor({ keys = [], values = [] }: RedactOptions) {
    this.values = values.map((value) => stateless(value, 'g'));
    this.#patterns = keys.filter((key) => typeof key !== 'string').map((key) => stateless(key, ''));
    this.#exact = new Set(keys.filter((key) => typeof key === 'string').map(plainName));
  }

  name(key: string): Name {
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = { verdict: this.#judge(key), shown: scrubText(key, 256, this) };
    if (key.length > 64) return name;
    if (this.#names.size >= REMEMBERED) this.#names.clear();
    this.#names.set(key, name);
    return name;
  }

  verdict(key: string): KeyVerdict {
    return this.#names.get(key)?.verdict ?? this.#judge(key);
  }

  #judge(key: string): KeyVerdict {
    if (this.#exact.size > 0 && this.#exact.has(plainName(key))) return 'hide';
    return this.#patterns.some((pattern) => pattern.test(key)) ? 'hide' : keyVerdict(key);
  }
}

/** A pattern with the flags `g` or `y` would remember where it was. */
function stateless(pattern: RegExp, flag: string): RegExp {
  return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '') + flag);
}

function plainName(key: string): string {
  return keyWords(key).join(' ') || key;
}
