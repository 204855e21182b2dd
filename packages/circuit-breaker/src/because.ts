import type { WindowSpec } from './window-spec.ts';

/** Says that so many calls failed: "6 of 10 calls failed in 10 s". */
export function failedInWords(spec: WindowSpec, failures: number, calls: number): string {
  return inWindow(spec, failures, calls, 'failed');
}

/** Says that so many calls were slow: "5 of 10 calls took longer than 2 s". */
export function slowInWords(spec: WindowSpec, slow: number, paced: number, afterMs: number): string {
  return inWindow(spec, slow, paced, `took longer than ${spanInWords(afterMs)}`);
}

/** Says that so many probes were slow: "2 of 3 probes took longer than 2 s". */
export function slowProbesInWords(slow: number, probes: number, afterMs: number): string {
  return probes === 1
    ? `the probe took longer than ${spanInWords(afterMs)}`
    : `${slow} of ${probes} probes took longer than ${spanInWords(afterMs)}`;
}

/** A span of time in words: "250 ms", "1.5 s". */
export function spanInWords(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Math.round(ms) / 1_000} s`;
}

function inWindow(spec: WindowSpec, bad: number, all: number, what: string): string {
  switch (spec.type) {
    case 'count':
      return `${bad} of ${all} calls ${what}`;
    case 'time':
      return `${bad} of ${all} calls ${what} in ${spanInWords(spec.sizeMs)}`;
    case 'consecutive':
      return bad === 1 ? `a call ${what}` : `${bad} calls in a row ${what}`;
  }
}
