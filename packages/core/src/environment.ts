import { Blocking } from './blocking.ts';
import { Chain } from './chain.ts';
import { type Clock, systemClock } from './clock.ts';
import { Decisions } from './decisions.ts';
import { EventHub } from './event-hub.ts';
import { EventLog } from './event-log.ts';
import type { Finding } from './finding.ts';
import { inWords } from './in-words.ts';
import { Log } from './log.ts';
import type { Logger } from './logger.ts';
import type { PipelineFacts } from './pipeline.ts';
import { type RedactOptions, redactor } from './redact.ts';
import { Reporter } from './reporter.ts';
import { RootScope } from './root-scope.ts';
import { type RecordLimits, RunLog } from './run-records.ts';
import type { Stack } from './stack.ts';
import type { Target } from './target.ts';
import { type Timers, timersOf } from './timers.ts';
import { type AnyTool, toolTarget } from './tool.ts';

/** What may be set for all calls of a runner. */
export interface EnvironmentOptions {
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
  readonly redact?: RedactOptions | undefined;
  readonly graceMs?: number | undefined;
  readonly timeouts?: boolean | undefined;
  readonly maxDepth?: number | undefined;
  readonly records?: Partial<RecordLimits> | undefined;
}

/** What the people on call want to see at a glance. */
export interface Gauges {
  /** Calls that have no verdict yet. */
  running: number;
  /** Works that are past their grace and have not settled. */
  orphans: number;
  /** Values and errors that came after their verdict, in all. */
  late: number;
}

/** How long work may take to unwind once it was stopped, in milliseconds. */
const GRACE = 50;
/** How long cleanup may take after work that ended by itself, in milliseconds. */
const CLEANUP = 1_000;

/** How many runs that are over are kept on record, and for how long, in milliseconds. */
const RECORDS = 1_000;
const RECORD_AGE = 3_600_000;
/** How deep runs may be nested. */
const MAX_DEPTH = 5;

/** What all calls of one runner share, or of one stack that is used without a runner. */
export class Environment {
  readonly stack: Stack;
  readonly clock: Clock;
  readonly timers: Timers;
  /** What all that goes on in it belongs to. */
  readonly root: RootScope = new RootScope();
  readonly events: EventHub;
  readonly decisions: Decisions = new Decisions();
  readonly blocking: Blocking = new Blocking();
  /** How many calls are being begun right now, one in another. */
  beginning = 0;
  readonly reporter: Reporter;
  /** Where lines for people go; undefined where nobody wants them. */
  readonly log: Log | undefined;
  readonly grace: number;
  readonly cleanup: number = CLEANUP;
  /** False while deadlines are switched off, for debugging. */
  readonly timeouts: boolean;
  readonly gauges: Gauges = { running: 0, orphans: 0, late: 0 };
  /** Says, once, what went wrong beside a call. A function of its own, to be handed on. */
  readonly report: (error: unknown) => void;
  /** How deep runs may be nested. */
  readonly maxDepth: number;
  /** What is on record of its runs. */
  readonly runs: RunLog;
  #plans = new WeakMap<PipelineFacts, readonly Chain[]>();
  /** The version of the stack that what is compiled is of. */
  #compiled = 0;
  #chains = new WeakMap<AnyTool, Chain>();

  constructor(stack: Stack, options: EnvironmentOptions = {}) {
    const {
      clock = systemClock,
      logger,
      redact,
      graceMs = GRACE,
      timeouts = process.env['SLUICE_TIMEOUTS'] !== 'off',
      maxDepth = MAX_DEPTH,
      records: { max = RECORDS, maxAgeMs = RECORD_AGE } = {},
    } = options;
    this.stack = stack;
    this.clock = clock;
    this.timers = timersOf(clock);
    this.events = new EventHub(clock, (error) =>
      this.reporter.warn(`A listener threw ${inWords(error)}`, { err: error }),
    );
    this.log = logger === undefined ? undefined : new Log(logger, redact);
    if (this.log !== undefined) this.events.logTo(new EventLog(this.log));
    // Made when there is something to say, which is seldom: every wrapped function has an environment.
    this.reporter = new Reporter(this.events, this.log, (text) => redactor(redact).text(text));
    this.grace = graceMs;
    this.timeouts = timeouts;
    this.maxDepth = maxDepth;
    this.runs = new RunLog(clock, { max, maxAgeMs });
    this.report = (error) => this.reporter.warn(inWords(error), { err: error });
  }

  /** Puts the stack around a target, and says once what the order check finds there. */
  compile(target: Target): Chain {
    const chain = new Chain(this, target, this.stack.linksFor(target));
    const findings = this.stack.findingsFor(target);
    if (findings.length > 0) {
      // What holds for the stack as such was said when it was made, perhaps by somebody else who shares it.
      const known = new Set(this.stack.findings.map(({ message }) => message));
      this.warn(findings.filter(({ message }) => !known.has(message)));
    }
    return chain;
  }

  /** The chain of a tool, compiled when it is first used. */
  chainOf(tool: AnyTool): Chain {
    this.#refresh();
    let chain = this.#chains.get(tool);
    if (chain === undefined) {
      chain = this.compile(toolTarget(tool));
      this.#chains.set(tool, chain);
    }
    return chain;
  }

  /** The chains of pipelines that have been run. */
  get plans(): WeakMap<PipelineFacts, readonly Chain[]> {
    this.#refresh();
    return this.#plans;
  }

  /** Forgets what was compiled before the options of interceptors were changed, by this runner or by another that shares the stack. */
  #refresh(): void {
    if (this.#compiled === this.stack.version) return;
    this.#compiled = this.stack.version;
    this.#plans = new WeakMap();
    this.#chains = new WeakMap();
  }

  /** Says findings once. */
  warn(findings: readonly Finding[]): void {
    for (const { code, message, fix } of findings) this.reporter.warn(`${message}. ${fix}`, { code });
  }
}
