import type { Clock } from './clock.ts';
import { type ErrorEnvelope, toResponse } from './errors/to-response.ts';
import { safeJson } from './safe-json.ts';
import type { Verdict } from './verdict.ts';

/** What is on record of one run, as of the moment when it was asked for. */
export interface RunRecord {
  readonly id: string;
  /** The name of the pipeline. */
  readonly pipeline: string;
  /** `'running'`, or the verdict as soon as there is one. */
  readonly status: 'running' | Verdict;
  /** How far it has come, from 0 to 1: the mean of its stages, each by what it reports itself. */
  readonly progress: number;
  /** What was said with the progress that was reported last. */
  readonly note?: string | undefined;
  /** What it has achieved: what a stage or tool in it reported last, or has emitted; fit for JSON. */
  readonly partial?: unknown;
  /** Its outputs by name, if it is `ok`. */
  readonly result?: unknown;
  /** What decided it, as a client may see it, if it is over and not `ok`. */
  readonly error?: ErrorEnvelope['error'] | undefined;
  /** When it began, on the runner's clock. */
  readonly startedAt: number;
  /** For how long it has been going on, or did. */
  readonly durationMs: number;
}

/** Which records are wanted; all of them unless it says otherwise. */
export interface RecordFilter {
  readonly status?: RunRecord['status'] | undefined;
  readonly pipeline?: string | undefined;
}

/** The records of a runner, in numbers. */
export interface RecordStats {
  /** How many runs go on. */
  readonly running: number;
  /** How many runs that are over are still on record, by verdict. */
  readonly finished: Readonly<Partial<Record<Verdict, number>>>;
  /** How many records were dropped because there were too many, or they were too old. */
  readonly dropped: number;
}

/** What is on record of the runs of a runner: of all that go on, and of the last that are over. */
export interface RunRecords {
  /** The record of a run; undefined for one that there never was, or whose record was dropped. */
  get(id: string): RunRecord | undefined;
  /** The records, the newest first. */
  list(filter?: RecordFilter): RunRecord[];
  /** Stops a run. Answers whether there was anything to stop. */
  cancel(id: string, reason?: unknown): boolean;
  stats(): RecordStats;
}

/** A run, as far as its record is concerned. */
export interface RecordedRun {
  readonly id: string;
  readonly pipeline: string;
  readonly startedAt: number;
  readonly verdict: Verdict | undefined;
  readonly durationMs: number;
  readonly progress: number;
  readonly note: string | undefined;
  readonly partial: unknown;
  /** Its outputs, once it is `ok`. */
  readonly result: unknown;
  /** What decided it, once that is known and not `ok`. */
  readonly error: unknown;
  cancel(reason: unknown): void;
}

/** How much is kept on record. */
export interface RecordLimits {
  /** How many runs that are over. */
  readonly max: number;
  /** For how long after their end, in milliseconds. */
  readonly maxAgeMs: number;
}

interface Running {
  readonly run: RecordedRun;
  /** Its place in the order in which runs began. */
  readonly order: number;
}

interface Kept {
  readonly record: RunRecord;
  readonly order: number;
  readonly endedAt: number;
}

/** Keeps the records. Those of runs that go on are never dropped. */
export class RunLog implements RunRecords {
  readonly #clock: Clock;
  readonly #limits: RecordLimits;
  readonly #running = new Map<string, Running>();
  /** In the order in which they ended. */
  readonly #finished = new Map<string, Kept>();
  #dropped = 0;
  #began = 0;

  constructor(clock: Clock, limits: RecordLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** A run begins. One with the id of an earlier run takes its place. */
  began(run: RecordedRun): void {
    this.#finished.delete(run.id);
    this.#running.set(run.id, { run, order: this.#began++ });
  }

  /** A run is over. */
  ended(run: RecordedRun): void {
    const running = this.#running.get(run.id);
    if (running?.run !== run) return;
    this.#running.delete(run.id);
    const { order } = running;
    this.#finished.set(run.id, { record: recordOf(run), order, endedAt: this.#clock.now() });
    this.#drop();
  }

  get(id: string): RunRecord | undefined {
    this.#drop();
    const running = this.#running.get(id);
    return running === undefined ? this.#finished.get(id)?.record : recordOf(running.run);
  }

  list({ status, pipeline }: RecordFilter = {}): RunRecord[] {
    this.#drop();
    const all = [
      ...this.#finished.values(),
      ...[...this.#running.values()].map(({ run, order }) => ({ record: recordOf(run), order })),
    ];
    return all
      .filter(({ record }) => status === undefined || record.status === status)
      .filter(({ record }) => pipeline === undefined || record.pipeline === pipeline)
      .sort((a, b) => b.order - a.order)
      .map(({ record }) => record);
  }

  cancel(id: string, reason?: unknown): boolean {
    const run = this.#running.get(id)?.run;
    if (run === undefined || run.verdict !== undefined) return false;
    run.cancel(reason);
    return true;
  }

  stats(): RecordStats {
    this.#drop();
    const finished: Partial<Record<Verdict, number>> = {};
    for (const { record } of this.#finished.values()) {
      const verdict = record.status as Verdict;
      finished[verdict] = (finished[verdict] ?? 0) + 1;
    }
    return { running: this.#running.size, finished, dropped: this.#dropped };
  }

  #drop(): void {
    const { max, maxAgeMs } = this.#limits;
    const oldest = this.#clock.now() - maxAgeMs;
    for (const [id, { endedAt }] of this.#finished) {
      if (this.#finished.size <= max && endedAt >= oldest) return;
      this.#finished.delete(id);
      this.#dropped++;
    }
  }
}

function recordOf(run: RecordedRun): RunRecord {
  const { id, pipeline, startedAt, verdict, durationMs, progress, note, partial, result, error } = run;
  return {
    id,
    pipeline,
    status: verdict ?? 'running',
    progress,
    ...(note === undefined ? {} : { note }),
    ...(partial === undefined ? {} : { partial: safeJson(partial) }),
    ...(verdict === 'ok' ? { result } : {}),
    ...(error === undefined ? {} : { error: toResponse(error).error }),
    startedAt,
    durationMs,
  };
}
