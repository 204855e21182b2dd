import { title } from './call-view.ts';
import type { SluiceEvent } from './events.ts';
import { inWords } from './in-words.ts';
import type { Log } from './log.ts';
import type { Level } from './logger.ts';
import type { Verdict } from './verdict.ts';

/** At which level what is out of the ordinary is told; everything else is told at debug. */
const LEVELS: ReadonlyMap<string, Level> = new Map<string, Level>([
  ['run.end', 'info'],
  ['verdict', 'error'],
  ['timeout', 'warn'],
  ['timeout.soft', 'warn'],
  ['blocked', 'warn'],
  ['orphan', 'warn'],
  ['orphan.end', 'info'],
  ['cleanup.error', 'warn'],
  ['cleanup.late', 'warn'],
  ['queue.full', 'warn'],
  ['queue.timeout', 'warn'],
  ['rate.pause', 'warn'],
  ['retry.wait', 'warn'],
  ['retry.giveup', 'warn'],
  ['fallback', 'warn'],
  ['circuit.open', 'info'],
  ['circuit.half-open', 'info'],
  ['circuit.close', 'info'],
]);

/** Writes events down for people: one line each, at the level that it deserves. */
export class EventLog {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Whether the logger takes a line for every call. */
  get detailed(): boolean {
    return this.#log.takes('debug');
  }

  /** Whether an event of this type is out of the ordinary. */
  notes(type: string): boolean {
    const level = LEVELS.get(type);
    return level !== undefined && this.#log.takes(type === 'run.end' ? 'error' : level);
  }

  /** Whether the logger takes anything at all. */
  get writes(): boolean {
    return this.#log.takes('error');
  }

  write(event: SluiceEvent): void {
    // A warning is said by whoever has it to say, also where nobody listens.
    if (event.type === 'warning') return;
    const level = levelOf(event);
    if (!this.#log.takes(level)) return;
    const { error, ...facts } = event as SluiceEvent & { readonly error?: unknown };
    this.#log.write(level, messageOf(event), facts, error);
  }
}

function levelOf(event: SluiceEvent): Level {
  const level = LEVELS.get(event.type) ?? 'debug';
  if (event.type === 'run.end') return isFailure(event.status) ? 'error' : 'info';
  if (event.type !== 'verdict') return level;
  if (!isFailure(event.status)) return 'debug';
  // What a call in a call ends with is first of all the business of that call.
  return event.target === 'stage' || event.within === undefined ? 'error' : 'warn';
}

function isFailure(status: Verdict): boolean {
  return status === 'failed' || status === 'timeout';
}

const ENDINGS: Readonly<Record<Verdict, string>> = {
  ok: 'ended well',
  failed: 'failed',
  timeout: 'timed out',
  cancelled: 'was cancelled',
  skipped: 'was skipped',
};

function messageOf(event: SluiceEvent): string {
  const who = 'target' in event ? title(event) : 'name' in event ? `Run of "${event.name}"` : 'Sluice';
  switch (event.type) {
    case 'run.end':
    case 'verdict': {
      const { status, durationMs, error } = event;
      const why = error === undefined ? '' : `: ${inWords(error)}`;
      return `${who} ${ENDINGS[status]} after ${Math.round(durationMs)} ms${why}`;
    }
    case 'timeout':
      return `${who} ran out of its ${event.limit} of ${event.limitMs} ms`;
    case 'timeout.soft':
      return `${who} has taken ${event.limitMs} ms, its soft limit; the hard one is at ${event.hardMs} ms`;
    case 'blocked': {
      const by = event.by === undefined ? 'Something' : `"${event.by}"`;
      return `${by} blocked the event loop for ${Math.round(event.blockedMs)} ms, past a deadline of ${who}`;
    }
    case 'orphan':
      return `${who} goes on with its ${event.what} although its time is over`;
    case 'orphan.end':
      return `${who} has ended what went on too long, ${Math.round(event.ageMs)} ms late`;
    case 'cleanup.error':
      return `${who} could not clean up: ${inWords(event.error)}`;
    case 'cleanup.late':
      return `${who} has ${event.left} cleanup ${event.left === 1 ? 'handler' : 'handlers'} not finished in time`;
    default:
      return `${who} tells ${event.type}`;
  }
}
