import type { ErrorCode, SluiceError } from '@sluice/core';
import * as core from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { CODES } from '../../core/src/errors/codes.ts';
import { askedCodeOf, isAsked, isNever, LOCAL_CODES } from './own-codes.ts';

const codes = Object.keys(CODES) as ErrorCode[];

describe('what is known of the codes of Sluice', () => {
  it('agrees with the table of codes: what it calls local may be asked for, but for a runner that shuts down; so may two more', () => {
    const local = codes.filter((code) => CODES[code].local && code !== 'DRAINING');
    expect([...LOCAL_CODES].sort()).toEqual(local.sort());
    expect(codes.filter(isAsked).sort()).toEqual([...local, 'RETRY_EXHAUSTED', 'INVALID_OUTPUT'].sort());
  });

  it('agrees with the table of codes: what it calls not retryable is never repeated, or asked for, or what its cause is', () => {
    const rest = codes.filter((code) => !isAsked(code) && code !== 'STAGE_FAILED');
    for (const code of rest) expect([code, isNever(code)]).toEqual([code, !CODES[code].retryable]);
  });

  it('knows the classes of those codes', () => {
    const classes = Object.values(core).filter(
      (value) => typeof value === 'function' && Object.getPrototypeOf(value) === core.SluiceError,
    ) as unknown as (new (
      message: string,
      fault?: string,
    ) => SluiceError)[];
    expect(classes).toHaveLength(codes.length);
    for (const Class of classes) {
      const { code } = Class === (core.InterceptorError as unknown) ? new Class('a', 'threw') : new Class('x');
      expect([code, isNever(Class)]).toEqual([code, isNever(code)]);
      expect([code, askedCodeOf(Class)]).toEqual([code, isAsked(code) ? code : undefined]);
    }
  });

  it('says nothing of others', () => {
    expect([isAsked('ODD'), isNever('ODD'), isNever(Error), askedCodeOf(Error)]).toEqual([
      false,
      false,
      false,
      undefined,
    ]);
  });
});
