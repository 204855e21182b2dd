import { type Call, keyBy, type Per, type PolicySource } from '@sluice/core';
import { CIRCUIT_SHAPE, type CircuitFields } from './circuit-options.ts';
import type { CircuitSettings } from './circuit-settings.ts';
import { type Rule, ruleOf } from './counts.ts';
import type { KeyedCircuit } from './keyed-circuit.ts';
import { sameWindow } from './window-spec.ts';

/** What a plan is made for. */
export interface Subject {
  readonly target: 'stage' | 'tool' | 'function';
  readonly name: string;
  readonly kind?: string | undefined;
}

/** What the options of one target amount to. */
export interface CircuitPlan {
  /** Whose circuit all calls are judged by; undefined where it is another for each. */
  readonly key: string | undefined;
  /** Whose circuit a call is judged by. May throw what a function of its user throws. */
  readonly keyOf: (call: Call) => string;
  /** How its circuit goes about it. */
  settings: CircuitSettings;
  readonly rule: Rule;
  readonly shadow: boolean;
  /** After how many updates it was made. */
  readonly epoch: number;
  /** The circuit that was found last. */
  kept: KeyedCircuit | null;
}

/** Works out what the options of a target amount to. */
export function planOf(
  fields: CircuitFields,
  from: Readonly<Record<string, PolicySource>>,
  per: Per,
  subject: Subject,
  plugin: string,
  epoch: number,
): CircuitPlan {
  const own = per === 'name' ? undefined : ownKey(from, subject);
  const shared = keyBy(per);
  const key = typeof per === 'function' ? undefined : (own ?? shared(subject as Call));
  return {
    key,
    keyOf: (call) => key ?? (own === undefined ? shared(call) : `${own}/${shared(call)}`),
    settings: settingsOf(fields),
    rule: ruleOf(fields.counts, plugin),
    shadow: fields.mode === 'shadow',
    epoch,
    kept: null,
  };
}

/** Who says it in the order of nearness: who shares a circuit with others and says something of it has one of its own. */
function ownKey(from: Readonly<Record<string, PolicySource>>, { target, name, kind }: Subject): string | undefined {
  const sources = CIRCUIT_SHAPE.map((field) => from[field]);
  if (sources.includes(target)) return `own/${target}:${name}`;
  return sources.includes('kind') ? `own/kind:${kind}` : undefined;
}

/** How a circuit goes about it, by the options. */
export function settingsOf({ slowCall, probeTimeout, ramp, ...fields }: CircuitFields): CircuitSettings {
  const { window, failureRate, openFor, probes } = fields;
  return {
    window,
    failureRate,
    slowCall: slowCall === 'none' ? undefined : slowCall,
    openFor,
    probes,
    probeTimeoutMs: probeTimeout,
    rampMs: ramp,
  };
}

/** Whether a circuit goes about it alike by both. */
export function sameSettings(one: CircuitSettings, other: CircuitSettings): boolean {
  return (
    sameWindow(one.window, other.window) &&
    leastOf(one) === leastOf(other) &&
    one.failureRate === other.failureRate &&
    one.slowCall?.afterMs === other.slowCall?.afterMs &&
    one.slowCall?.rate === other.slowCall?.rate &&
    one.openFor === other.openFor &&
    one.probes === other.probes &&
    one.probeTimeoutMs === other.probeTimeoutMs &&
    one.rampMs === other.rampMs
  );
}

function leastOf({ window }: CircuitSettings): number {
  return window.type === 'consecutive' ? window.size : window.minimum;
}
