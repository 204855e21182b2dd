import { describe } from './describe.ts';
import type { Finding } from './finding.ts';
import type { Placed } from './order-check.ts';
import { placeName } from './place.ts';
import type { PolicySource, PolicySubject, ResolvedPolicy } from './policies.ts';

/** One interceptor in an explanation. */
export interface ExplainedEntry {
  /** The place by name: `retry`, `retry+1`. */
  readonly place: string;
  readonly priority: number;
  readonly name: string;
  /** Every option with where its value came from. */
  readonly options: Readonly<Record<string, { readonly value: unknown; readonly from: PolicySource }>>;
  /** True where the options switch it off for this target. */
  readonly off: boolean;
}

/** A resolved chain, outermost first: `text` for people, the rest for programs. */
export interface Explanation {
  readonly text: string;
  readonly entries: readonly ExplainedEntry[];
  readonly findings: readonly Finding[];
}

/** What is explained: a target, or one that stands for none in particular. */
type ExplainedSubject = Pick<PolicySubject, 'target' | 'name'>;

/** Puts an explanation together. `placed` and `policies` go from the outside inwards, side by side. */
export function explainChain(
  subject: string,
  placed: readonly Placed[],
  policies: readonly (ResolvedPolicy | undefined)[],
  findings: readonly Finding[],
  of: ExplainedSubject = { target: 'function', name: '' },
): Explanation {
  const entries = placed.map(({ interceptor: { name, priority } }, index): ExplainedEntry => {
    const policy = policies[index];
    const options: Record<string, { value: unknown; from: PolicySource }> = Object.create(null);
    for (const [key, value] of Object.entries(policy?.fields ?? {})) {
      options[key] = { value, from: policy?.from[key] ?? 'default' };
    }
    return {
      place: placeName(priority),
      priority,
      name,
      options,
      off: policy !== undefined && policy.fields === undefined,
    };
  });
  return { text: textOf(subject, of, entries, findings), entries, findings };
}

function textOf(
  subject: string,
  of: ExplainedSubject,
  entries: readonly ExplainedEntry[],
  findings: readonly Finding[],
): string {
  const width = Math.max(0, ...entries.map(({ place }) => place.length));
  const lines = entries.map(({ place, priority, name, options, off }) => {
    const shown = Object.entries(options).map(([key, { value, from }]) => `${key}=${valueText(value, of)} (${from})`);
    const facts = off ? 'switched off' : shown.join(', ');
    return `  ${place.padEnd(width)} ${String(priority).padStart(4)}  ${name}${facts === '' ? '' : `  ${facts}`}`;
  });
  const notes = findings.map(({ code, level, message, fix }) => `  ${level} ${code}: ${message}. ${fix}`);
  return [`${subject}, outermost first:`, ...(lines.length === 0 ? ['  (no interceptors)'] : lines), ...notes].join(
    '\n',
  );
}

/** An option may know better than anybody else what it is, and that it is another for each target. */
interface Describing {
  describe(subject: ExplainedSubject): unknown;
}

function valueText(value: unknown, subject: ExplainedSubject): string {
  if (value === Number.POSITIVE_INFINITY) return 'none';
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return describe(value);
  try {
    const told = (value as Partial<Describing>).describe?.(subject);
    return typeof told === 'string' ? told : describe(value);
  } catch {
    return describe(value);
  }
}
