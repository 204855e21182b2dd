import type { SluiceEvent } from '../events.ts';
import type { Observable } from '../flow.ts';

/** What has events: a runner, or a run. */
export interface Recorded {
  readonly events$: Observable<SluiceEvent>;
}

/** What was told while it was recorded. */
export interface Recorder {
  /** Every event so far, in order. */
  readonly events: readonly SluiceEvent[];
  /**
   * Throws, showing both, unless the events are as `text` says: one line for each, `[ms] type [name] [key=value …]`, in order. Only
   * the types that the text mentions are looked at, but all events of these must be there. The time counts from the first event
   * of all; what a line leaves out may be anything. Values with spaces stand in double quotes, and `error.code=TIMEOUT` looks inside.
   */
  expectTimeline(text: string): void;
  /** What happened, as text of that kind: of the given types, or of all. */
  timeline(...types: readonly string[]): string;
  /** Records no more. */
  stop(): void;
}

/**
 * Records the events of a runner or a run, for tests that say what should happen, and when.
 *
 * @example
 * ```ts
 * import { createRunner, pipeline } from '@sluice/core';
 * import { recorder, virtualClock } from '@sluice/core/testing';
 *
 * const clock = virtualClock();
 * const runner = createRunner({ clock });
 * const recorded = recorder(runner);
 * const slow = pipeline('slow').stage('wait', () => new Promise((resolve) => clock.schedule(200, () => resolve('done'))));
 * await clock.until(runner.run(slow, undefined, { deadline: 100 }).report);
 * recorded.expectTimeline(`
 *     0  run.start    slow
 *     0  stage.start  wait
 *   100  timeout      scope=run
 *   150  stage.end    wait  status=cancelled
 *   150  run.end      slow  status=timeout error.code=TIMEOUT
 * `);
 * ```
 */
export function recorder(source: Recorded): Recorder {
  const events: SluiceEvent[] = [];
  const subscription = source.events$.subscribe((event) => events.push(event));
  const timeline = (...types: readonly string[]): string => {
    const wanted = types.length === 0 ? events : events.filter(({ type }) => types.includes(type));
    return wanted.map((event) => lineOf(event, events)).join('\n');
  };
  return {
    events,
    timeline,
    expectTimeline(text) {
      const lines = text.split('\n').flatMap(readLine);
      const types = [...new Set(lines.map(({ type }) => type))];
      const told = events.filter(({ type }) => types.includes(type));
      const wrong = Array.from({ length: Math.max(lines.length, told.length) }, (_, index) =>
        mismatch(lines[index], told[index], events),
      ).filter((one) => one !== undefined);
      if (wrong.length === 0) return;
      throw new Error(`The timeline is another:\n${wrong.join('\n')}\n\nRecorded:\n${timeline(...types)}`);
    },
    stop: () => subscription.unsubscribe(),
  };
}

interface Line {
  readonly text: string;
  readonly at: number | undefined;
  readonly type: string;
  readonly name: string | undefined;
  readonly fields: readonly (readonly [path: string, value: string])[];
}

function readLine(text: string): Line[] {
  const trimmed = text.trim();
  if (trimmed === '') return [];
  const words = (trimmed.match(/(?:[^\s"]|"[^"]*")+/g) ?? []).map((word) => word.replaceAll('"', ''));
  const at = /^\d+(\.\d+)?$/.test(words[0] ?? '') ? Number(words.shift()) : undefined;
  const [type = '', ...rest] = words;
  const fields = rest.flatMap((word) => {
    const cut = word.indexOf('=');
    return cut < 0 ? [] : [[word.slice(0, cut), word.slice(cut + 1)] as const];
  });
  const [name, ...more] = rest.filter((word) => !word.includes('='));
  if (more.length > 0)
    throw new Error(`What is "${more.join(' ')}" in the line "${trimmed}"? A name with spaces stands in double quotes`);
  return [{ text: trimmed, at, type, name, fields }];
}

function mismatch(
  line: Line | undefined,
  event: SluiceEvent | undefined,
  all: readonly SluiceEvent[],
): string | undefined {
  if (line === undefined) return event && `  not expected: ${lineOf(event, all)}`;
  if (event === undefined) return `  missing: ${line.text}`;
  const { at, type, name, fields } = line;
  const differing = [
    type === event.type ? '' : `type is ${event.type}`,
    at === undefined || at === timeOf(event, all) ? '' : `time is ${timeOf(event, all)}`,
    name === undefined || name === nameOf(event) ? '' : `name is ${nameOf(event)}`,
    ...fields.map(([path, value]) =>
      String(fieldOf(event, path)) === value ? '' : `${path} is ${String(fieldOf(event, path))}`,
    ),
  ].filter((one) => one !== '');
  return differing.length === 0 ? undefined : `  ${line.text}: ${differing.join(', ')}`;
}

function fieldOf(event: SluiceEvent, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (value as Readonly<Record<string, unknown>> | undefined)?.[key], event);
}

function lineOf(event: SluiceEvent, all: readonly SluiceEvent[]): string {
  const name = nameOf(event);
  return `${timeOf(event, all)}  ${event.type}  ${/\s/.test(name) ? `"${name}"` : name}`.trimEnd();
}

function timeOf(event: SluiceEvent, all: readonly SluiceEvent[]): number {
  return Math.round((event.at - (all[0]?.at ?? 0)) * 1_000) / 1_000;
}

function nameOf(event: SluiceEvent): string {
  return 'name' in event ? event.name : '';
}
