/** A thing that comes after others. */
export interface Ordered {
  readonly name: string;
  /** The names of those that come before it; all of them are known. */
  readonly before: readonly string[];
}

/** Things that come before one another in a circle: how many, and the first of them. */
export interface Circle {
  readonly shown: readonly string[];
  readonly length: number;
}

/** How much of a circle is shown. */
const SHOWN = 20;

/** How many circles are told: a graph can have as many as it has edges. */
const ENOUGH = 20;

/**
 * The order in which each thing comes after all that stand before it, and otherwise as given; and the circles that make that
 * impossible. In linear time and without recursion.
 */
export function topological(things: readonly Ordered[]): {
  readonly order: readonly number[];
  readonly cycles: readonly Circle[];
  /** How many more circles there are. */
  readonly more: number;
} {
  const indexes = new Map(things.map(({ name }, index) => [name, index]));
  const before = things.map(({ before }) => before.map((name) => indexes.get(name) as number));
  const order: number[] = [];
  const cycles: Circle[] = [];
  let more = 0;
  const states: ('open' | 'done' | undefined)[] = things.map(() => undefined);
  for (let start = 0; start < things.length; start++) {
    if (states[start] !== undefined) continue;
    // A walk with a stack of its own: what is open on it leads from the start to here.
    const path: { readonly index: number; next: number }[] = [{ index: start, next: 0 }];
    states[start] = 'open';
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const to = before[top.index]?.[top.next++];
      if (to === undefined) {
        states[top.index] = 'done';
        order.push(top.index);
        path.pop();
      } else if (states[to] === undefined) {
        states[to] = 'open';
        path.push({ index: to, next: 0 });
      } else if (states[to] === 'open' && cycles.length === ENOUGH) {
        more++;
      } else if (states[to] === 'open') {
        const from = path.findIndex(({ index }) => index === to);
        const shown = path.slice(from, from + SHOWN).map(({ index }) => (things[index] as Ordered).name);
        cycles.push({ shown, length: path.length - from });
      }
    }
  }
  return { order, cycles, more };
}
