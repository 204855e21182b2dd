import { Problems, readDuration, readPlain } from '@sluice/core';
import { spanInWords } from './because.ts';
import type { WindowSpec } from './window-spec.ts';

/** How many calls there must be before they are judged, unless it is said. */
const MINIMUM = 20;

/** So many are remembered one by one at most. */
const LARGEST = 1_000_000;

/** What every window says of itself where options are explained. */
type Told<W> = W & { describe(): string };

/** The window that an option says, with itself in words; what is wrong is noted. */
export function readWindow(value: unknown, path: string, problems: Problems = new Problems()): Told<WindowSpec> {
  const given = readPlain(value, path, problems, '{ type, size, minimum }') ?? { type: 'consecutive', size: 1 };
  problems.unknownKeys(given, ['type', 'size', 'minimum'], path);
  const { type, size, minimum } = given;
  const count = (name: 'size' | 'minimum', most: number, what: string): number => {
    const found = given[name];
    if (!(Number.isInteger(found) && (found as number) >= 1 && (found as number) <= most)) {
      problems.add(`${path}.${name}`, what, found);
    }
    return found as number;
  };
  switch (type) {
    case 'time': {
      const sizeMs = readDuration(size, `${path}.size`, problems);
      if (sizeMs === 0 || sizeMs === Number.POSITIVE_INFINITY) {
        problems.add(`${path}.size`, 'a duration above 0 ms that ends', size);
      }
      const least = minimum === undefined ? MINIMUM : count('minimum', LARGEST, 'an integer ≥ 1');
      return { type, sizeMs, minimum: least, describe: () => `${spanInWords(sizeMs)}, ${least} calls at least` };
    }
    case 'count': {
      const all = count('size', LARGEST, `an integer from 1 to ${LARGEST}`);
      const least =
        minimum === undefined ? Math.min(MINIMUM, all) : count('minimum', all, `an integer from 1 to size, ${all}`);
      return { type, size: all, minimum: least, describe: () => `the last ${all} calls, ${least} at least` };
    }
    case 'consecutive': {
      const row = count('size', LARGEST, `an integer from 1 to ${LARGEST}`);
      if (minimum !== undefined) problems.say(`${path}.minimum`, 'means nothing here: size is how many in a row');
      return { type, size: row, describe: () => `${row} in a row` };
    }
    default:
      problems.add(`${path}.type`, "'time', 'count' or 'consecutive'", type);
      return { type: 'consecutive', size: 1, describe: () => '' };
  }
}
