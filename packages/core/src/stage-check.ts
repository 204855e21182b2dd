import { describe } from './describe.ts';
import { checkKind } from './kinds.ts';
import { readList, readPlain } from './plain-object.ts';
import { RESERVED } from './policies.ts';
import type { Problems } from './problems.ts';

/** The options of core that hold for a stage wherever it stands. */
export const STAGE_OPTIONS: readonly string[] = ['kind', 'collect', 'idempotent'];

/** The options of core that place a stage in its pipeline. */
export const PLACING_OPTIONS: readonly string[] = ['needs', 'optional', 'when'];

/** Names that no stage can have, and why. */
const TAKEN: ReadonlyMap<string, string> = new Map([
  ['input', 'is what every stage is given as the input of the run'],
  ['then', 'would make a promise of the outputs'],
  ['__proto__', 'means something else to JavaScript'],
]);

/** Notes what keeps `name` from being the name of one more stage. */
export function checkStageName(
  name: unknown,
  taken: ReadonlySet<string>,
  path: string,
  problems: Problems,
): name is string {
  if (typeof name !== 'string' || name.trim() === '') {
    problems.add(`${path}: name`, 'a name', name);
    return false;
  }
  const why = TAKEN.get(name);
  if (why !== undefined) problems.say(path, `the name "${name}" ${why}; choose another`);
  else if (taken.has(name)) problems.say(path, `there is a stage of that name already; choose another`);
  return why === undefined && !taken.has(name);
}

/**
 * Reads a stage's options, and notes what is wrong with them. `placing` are those that may stand there beside the usual ones.
 */
export function readStageOptions(
  given: unknown,
  path: string,
  placing: readonly string[],
  problems: Problems,
): Readonly<Record<string, unknown>> {
  const expected = placing.length === 0 ? 'a plain object' : 'an array of names, or a plain object';
  const options = readPlain(given, `${path}: options`, problems, expected) ?? {};
  const { kind, collect, idempotent, when } = options;
  checkKind(kind, `${path}: kind`, problems);
  if (collect !== undefined && collect !== 'all' && collect !== 'last') {
    problems.add(`${path}: collect`, "'all' or 'last'", collect);
  }
  if (idempotent !== undefined && typeof idempotent !== 'boolean') {
    problems.add(`${path}: idempotent`, 'true or false', idempotent);
  }
  if (placing.includes('when') && when !== undefined && typeof when !== 'function') {
    problems.add(`${path}: when`, 'a function (deps) => boolean', when);
  }
  problems.misspeltKeys(options, [...STAGE_OPTIONS, ...placing], `${path}: `);
  for (const key of Object.keys(options)) {
    if (!RESERVED.has(key) || STAGE_OPTIONS.includes(key) || placing.includes(key)) continue;
    const instead = key === 'deadline' ? '; it bounds a run, and "timeout" bounds a stage' : '';
    problems.say(`${path}: ${key}`, `is no option of a stage${instead}`);
  }
  return options;
}

/** What a stage says that it waits for. */
export interface Waits {
  readonly needs: readonly string[];
  readonly optional: readonly string[];
}

/**
 * Reads what a stage waits for, and notes what is wrong with it. `known` are the names that it may wait for.
 */
export function readWaits(
  name: string,
  given: { readonly needs?: unknown; readonly optional?: unknown },
  known: ReadonlySet<string>,
  path: string,
  problems: Problems,
): Waits {
  const seen = new Set<string>();
  const read = (key: 'needs' | 'optional'): string[] => {
    if (given[key] === undefined) return [];
    const list = readList(given[key], `${path}: ${key}`, problems, 'an array of names') ?? [];
    return list.filter((need, index): need is string => {
      const at = `${path}: ${key}[${index}]`;
      if (typeof need !== 'string') {
        problems.add(at, 'the name of a stage', need);
        return false;
      }
      const problem = seen.has(need) ? `${describe(need)} is named twice` : whyNot(name, need, known, problems);
      seen.add(need);
      if (problem !== undefined) problems.say(at, problem);
      return problem === undefined;
    });
  };
  return { needs: read('needs'), optional: read('optional') };
}

function whyNot(name: string, need: string, known: ReadonlySet<string>, problems: Problems): string | undefined {
  if (known.has(need) && need !== name) return undefined;
  const said = describe(need);
  if (need === name) return `${said} is the stage itself; a stage cannot wait for itself`;
  if (need === 'input') return 'the input of the run is always there and need not be named';
  return `there is no stage ${said} to wait for${problems.hint(need, known) || listed(known)}`;
}

/** How many names are listed where none is near. */
const LISTED = 10;

/** The names that there are, to be put behind a message. */
export function listed(known: Iterable<string>): string {
  const names: string[] = [];
  for (const name of known) {
    if (names.length === LISTED) return `; there are ${names.join(', ')} and others`;
    names.push(describe(name));
  }
  return names.length === 0 ? '; there is none at all' : `; there are ${names.join(', ')}`;
}
