import { map, of, throwError } from 'rxjs';
import { expect, it } from 'vitest';
import type { Call } from './call.ts';
import { driveNext } from './drive-next.ts';
import { Flow, type Sink } from './flow.ts';
import { defineInterceptor, type Next } from './interceptor.ts';
import { Place } from './place.ts';
import { wrap } from './wrap.ts';

/** Drives what is inside, by way of `change`. */
function driving(change: (next: Next) => Next) {
  class Driven extends Flow {
    readonly #call: Call;
    readonly #next: Next;

    constructor(call: Call, next: Next) {
      super();
      this.#call = call;
      this.#next = next;
    }

    drive(sink: Sink) {
      return driveNext(this.#call, change(this.#next), sink);
    }

    teardownThrew(): void {}
  }
  return defineInterceptor({
    name: 'driving',
    priority: Place.observe,
    intercept: (call, next) => new Driven(call, next),
  });
}

it('drives a flow', async () => {
  expect(
    await wrap(
      async () => 1,
      driving((next) => next),
    )(),
  ).toBe(1);
});

it('drives an Observable of any kind', async () => {
  const doubled = driving((next) => (call) => next(call).pipe(map((value) => Number(value) * 2)));
  expect(await wrap(async () => 1, doubled)()).toBe(2);
  expect(
    await wrap(
      async () => 1,
      driving(() => () => of(7)),
    )(),
  ).toBe(7);
  await expect(
    wrap(
      async () => 1,
      driving(() => () => throwError(() => new Error('no'))),
    )(),
  ).rejects.toThrow('no');
});

it('delivers what next itself throws as an error', async () => {
  const broken = driving(() => () => {
    throw new Error('broken');
  });
  await expect(wrap(async () => 1, broken)()).rejects.toThrow('broken');
});
