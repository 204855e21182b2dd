import { type Problems, readList, readPlain } from '@sluice/core';

/** So high, sums of counts are still exact. */
const MOST = 2 ** 40;
/** How much of what comes from outside is looked at: nobody has larger windows. */
const LONGEST = 1_000_000;
const LONGEST_LIST = 100;

/** The fields of an object from outside; what is wrong with one of them is noted, and something harmless answered. */
export class Fields {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #problems: Problems;

  constructor(fields: Readonly<Record<string, unknown>>, path: string, problems: Problems) {
    this.#fields = fields;
    this.#path = path;
    this.#problems = problems;
  }

  /** Whether it has something by that name, and not null. */
  has(name: string): boolean {
    return (this.#fields[name] ?? null) !== null;
  }

  count(name: string): number {
    const value = this.#fields[name];
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MOST) return value;
    return this.expected(name, 'an integer ≥ 0, as a count is') ?? 0;
  }

  span(name: string): number {
    const value = this.#fields[name];
    if (typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY) return value;
    return this.expected(name, 'a number of milliseconds ≥ 0') ?? 0;
  }

  text(name: string, longest: number): string {
    const value = this.#fields[name];
    if (typeof value === 'string' && value.length <= longest) return value;
    return this.expected(name, `a text of at most ${longest} characters`) ?? '';
  }

  bits(name: string): string {
    const value = this.#fields[name];
    if (typeof value === 'string' && value.length <= LONGEST && /^[01]*$/.test(value)) return value;
    return this.expected(name, 'a text of 0 and 1') ?? '';
  }

  /** The members of a list of objects. */
  list(name: string): Fields[] {
    const path = `${this.#path}.${name}`;
    const members = readList(this.#fields[name], path, this.#problems, 'a list') ?? [];
    if (members.length > LONGEST_LIST) this.expected(name, `a list of at most ${LONGEST_LIST}`);
    return members.slice(0, LONGEST_LIST).flatMap((member, index) => {
      const at = `${path}[${index}]`;
      const fields = readPlain(member, at, this.#problems);
      return fields === undefined ? [] : [new Fields(fields, at, this.#problems)];
    });
  }

  /** Another object in this one. */
  inner(name: string): Fields | undefined {
    const path = `${this.#path}.${name}`;
    const fields = readPlain(this.#fields[name], path, this.#problems);
    return fields && new Fields(fields, path, this.#problems);
  }

  /** Notes that `name` is not what it should be. */
  expected(name: string, what: string): undefined {
    this.#problems.add(`${this.#path}.${name}`, what, this.#fields[name]);
  }
}
